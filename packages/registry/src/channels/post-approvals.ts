/** Checks the yeses that a post carries, where a rule of the policy asks for them. */
import { digestOf, idOfKey, peekStatement, type Policy, type PolicyMember, verifyApproval } from "@parley/core";
import {
  type ApprovalAction,
  type ApprovalNeed,
  contentSchema,
  fromBase64url,
  limits,
  ParleyError,
  parseJson,
} from "@parley/protocol";

import type { Directory, DirectoryEntry } from "../directory.ts";
import type { IncomingPost } from "./post-check.ts";

export interface PostApprovalsOptions {
  readonly directory: Pick<Directory, "get">;
  readonly policy: () => Policy;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class PostApprovals {
  readonly #options: PostApprovalsOptions;

  constructor(options: PostApprovalsOptions) {
    this.#options = options;
  }

  /** Throws `approval_required` when too few different members said yes to exactly this, or `not_approvable`. */
  async check({ post, bytes }: IncomingPost, author: PolicyMember, name: string, need: ApprovalNeed): Promise<void> {
    if (post.encrypted !== undefined) throw new ParleyError("not_approvable");
    const content = contentSchema.safeParse(post.content);
    if (!content.success || post.via !== undefined)
      throw new ParleyError("approval_required", { message: "A post of this kind cannot be approved." });
    const action: ApprovalAction = {
      kind: "post",
      mesh: post.mesh,
      channel: post.channel,
      name,
      author: post.member,
      device: post.signer,
      id: post.id,
      content: content.data,
    };
    // Of what stands in the post: fields that this version does not know may mean something to a later reader.
    const digest = await digestOf({ ...action, content: contentIn(bytes) });
    const yes = new Set<string>();
    for (const compact of post.approvals ?? []) {
      const by = await this.#approver(compact, digest, author, name);
      if (by !== undefined) yes.add(by);
    }
    const quorum = need.quorum ?? 1;
    if (yes.size >= quorum) return;
    throw new ParleyError("approval_required", {
      message: `A post to #${name} needs the approval of ${quorum}, and has that of ${yes.size}.`,
    });
  }

  /** The member whose yes it is; undefined where it does not hold. */
  async #approver(compact: string, digest: string, author: PolicyMember, name: string): Promise<string | undefined> {
    const { directory, policy, now } = this.#options;
    try {
      const { by, mesh, signer } = peekStatement("approval", compact);
      const approver = directory.get(by);
      const key = approver === undefined ? undefined : await keyOf(approver, signer);
      if (approver === undefined || key === undefined || by === author.member) return undefined;
      const question = { action: "approve" as const, who: approver, to: author, channel: name };
      if (!policy().decide(question).allowed) return undefined;
      await verifyApproval(compact, digest, { mesh, by, key }, now());
      return by;
    } catch {
      return undefined;
    }
  }
}

function contentIn(statement: Uint8Array): unknown {
  const payload = fromBase64url(new TextDecoder().decode(statement).split(".")[1] ?? "");
  const json = parseJson(new TextDecoder().decode(payload), limits.statementBytes);
  return json.ok ? (json.value as { readonly content?: unknown }).content : undefined;
}

/** The key of a device on the member's list, which was verified when it came in. */
async function keyOf({ record }: DirectoryEntry, device: string): Promise<string | undefined> {
  for (const { key } of peekStatement("devices", record.devices).devices)
    if ((await idOfKey("device", key)) === device) return key;
  return undefined;
}

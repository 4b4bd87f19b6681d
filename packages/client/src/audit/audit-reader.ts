/** Reads the audit log of the node that a device is connected to, and verifies it against what was seen before. */
import {
  type AuditFlaw,
  type AuditNode,
  type AuditPlace,
  auditStart,
  AuditWalk,
  type MeshTrust,
  peekStatement,
  placeAfter,
  verifyByNode,
  verifyCheckpoints,
  verifyStatement,
} from "@parley/core";
import {
  type AuditEntry,
  type AuditMark,
  type AuditState,
  isParleyError,
  limits,
  type MemberRecord,
  ParleyError,
  type Statement,
} from "@parley/protocol";

import type { DeviceApi } from "../device-api.ts";

/** Up to where an operator's device verified the log, proved by its signature. */
export interface AuditWitnessView {
  readonly compact: string;
  readonly record: MemberRecord;
  readonly name: string;
  readonly statement: Statement<"witness">;
}

/** What a node signed about its log now, verified, and who witnessed it. */
export interface AuditView {
  readonly node: AuditNode;
  readonly state: AuditState;
  readonly head: Statement<"head">;
  readonly checkpoints: readonly Statement<"checkpoint">[];
  readonly witnesses: readonly AuditWitnessView[];
}

export interface AuditReaderOptions {
  readonly device: Pick<DeviceApi, "request" | "memberOf">;
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
}

export interface AuditWalkOptions {
  /** Each entry in order, once it was taken. */
  readonly onText?: (text: string, entry: AuditEntry | undefined) => void | Promise<void>;
  /** How far it came, after each page. */
  readonly onMark?: (mark: AuditMark) => void | Promise<void>;
  /** Begins with the oldest entry, also where a mark says that it was verified before. */
  readonly all?: boolean;
  readonly signal?: AbortSignal;
}

export interface AuditFindings {
  readonly flaw: AuditFlaw | undefined;
  /** Numbers of the first and the last entry that were verified; `to` is below `from` when there was nothing new. */
  readonly from: number;
  readonly to: number;
}

type Known = ReadonlyMap<number, { readonly hash: string; readonly says: string }>;

export class AuditReader {
  readonly #options: AuditReaderOptions;

  constructor(options: AuditReaderOptions) {
    this.#options = options;
  }

  /**
   * Asks for head, checkpoints and witnesses, but for those of before `accepted`. Throws what does not verify: `bad_signature`,
   * `registry_key_mismatch`, `audit_broken`.
   */
  async open(accepted = 0): Promise<AuditView> {
    const { device, trust: trustOf } = this.#options;
    const state = await device.request("audit.head", {});
    const trust = await trustOf();
    const node: AuditNode = { mesh: trust.mesh, ...(await trust.verifyNode(state.certificate)) };
    const head = await verifyByNode("head", state.head, node);
    const checkpoints = await verifyCheckpoints(state.checkpoints, node);
    const witnesses: AuditWitnessView[] = [];
    for (const compact of state.witnesses) {
      const witness = await this.#verifyWitness(compact, node);
      if (witness !== undefined && witness.statement.iat > accepted) witnesses.push(witness);
    }
    return { node, state, head, checkpoints, witnesses };
  }

  /** What shows without reading an entry: a log that is shorter than was seen, here or by another operator's device. */
  judge({ head, witnesses }: AuditView, mark: AuditMark | undefined): AuditFlaw | undefined {
    if (mark !== undefined && head.number < mark.number) return shorter(head, mark, "this device verified it up to");
    for (const { statement, name } of witnesses)
      if (statement.number > head.number && statement.epoch === head.epoch)
        return shorter(head, statement, `a device of @${name} verified it up to`);
    return undefined;
  }

  /** Verifies the entries from a mark, or else from the beginning, to the head. */
  async walk(view: AuditView, mark: AuditMark | undefined, options: AuditWalkOptions = {}): Promise<AuditFindings> {
    const { head, node } = view;
    const start = await startOf(view, options.all === true ? undefined : mark);
    const gap = mark !== undefined && start.number > mark.number ? gapOf(mark, start) : undefined;
    const walk = new AuditWalk(node.node, start, knownIn(view, mark));
    const from = start.number + 1;
    for (let at = start.number; at < head.number && !walk.isOver;) {
      options.signal?.throwIfAborted();
      const { entries, first } = await this.#options.device.request("audit.list", {
        after: at,
        limit: limits.auditPage,
      });
      // Entries that went while this was under way: whoever asks begins again.
      if (entries.length === 0 || (first > at + 1 && at === start.number && first > from)) break;
      for (const text of entries) {
        if (at === head.number) break;
        const entry = await walk.take(text);
        await options.onText?.(text, entry);
        at++;
      }
      if (!walk.isOver) await options.onMark?.({ node: node.node, epoch: head.epoch, ...walk.place });
    }
    return { flaw: walk.end(head) ?? gap, from, to: walk.place.number };
  }

  /** One that does not verify is as good as none: its signer may be out of the mesh by now. */
  async #verifyWitness(compact: string, node: AuditNode): Promise<AuditWitnessView | undefined> {
    try {
      const claimed = peekStatement("witness", compact);
      const { verified, name, roles } = await this.#options.device.memberOf(claimed.member);
      const key = verified.devices.get(claimed.device)?.key;
      if (key === undefined || !roles.some((role) => role === "operator" || role === "admin")) return undefined;
      const statement = await verifyStatement("witness", compact, key);
      const isOfNode = statement.mesh === node.mesh && statement.node === node.node;
      return isOfNode ? { compact, record: verified.record, name, statement } : undefined;
    } catch (error) {
      if (isParleyError(error) && !error.retryable) return undefined;
      throw error;
    }
  }
}

/** After the mark where its entry is still there or was the last that went; else after the newest checkpoint before the entries. */
async function startOf({ node, checkpoints, head }: AuditView, mark: AuditMark | undefined): Promise<AuditPlace> {
  const newest = checkpoints.at(-1);
  if (mark !== undefined && mark.number >= (newest?.to ?? 0) && mark.number <= head.number) return mark;
  return newest === undefined ? auditStart(node.node) : placeAfter(newest);
}

function knownIn({ witnesses, checkpoints }: AuditView, mark: AuditMark | undefined): Known {
  const known = new Map<number, { hash: string; says: string }>();
  for (const { statement, name } of witnesses)
    known.set(statement.number, { hash: statement.hash, says: `by a device of @${name}` });
  for (const { to, hash } of checkpoints) known.set(to, { hash, says: "by the signed checkpoint" });
  if (mark !== undefined) known.set(mark.number, { hash: mark.hash, says: "by this device before" });
  return known;
}

function shorter(
  head: Statement<"head">,
  seen: { readonly number: number; readonly epoch: string },
  who: string,
): AuditFlaw {
  const isRestored = seen.epoch !== head.epoch;
  const why = isRestored ? "; the node says that its stores began anew, as after a backup was put back" : "";
  return {
    kind: isRestored ? "restored" : "truncated",
    entry: head.number + 1,
    to: seen.number,
    says: `The log ends at entry ${head.number}, and ${who} entry ${seen.number}${why}.`,
  };
}

function gapOf(mark: AuditMark, start: AuditPlace): AuditFlaw {
  return {
    kind: "gap",
    entry: mark.number + 1,
    to: start.number,
    says: `Entries ${mark.number + 1} to ${start.number} went, under a signed checkpoint, before this device saw them.`,
  };
}

/** Says what a flaw is as an error: with its kind and place in the data. */
export function auditError(
  { kind, entry, to, says }: AuditFlaw,
  facts: Readonly<Record<string, unknown>> = {},
): ParleyError {
  return new ParleyError("audit_broken", {
    message: says.slice(0, limits.errorCharacters),
    data: { kind, entry, ...(to === undefined ? {} : { to }), ...facts },
  });
}

/** Invites as an operator opens them. */
import { type Clock, deriveInviteKeys, type Random, signStatement } from "@parley/core";
import {
  formatInviteLink,
  type Invite,
  type MemberKind,
  type Scope,
  type Statement,
  toBase64url,
} from "@parley/protocol";

import { type OperatorOptions } from "./operator-acts.ts";
import { openRoot } from "./operator-root.ts";
import { statementLifeMs } from "./pairing.ts";

export interface InviteRequest {
  readonly kind: "code" | "link";
  /** Default: five minutes for a code, one day for a link. */
  readonly lifeMs?: number;
  /** Default 1. */
  readonly uses?: number;
  readonly label?: string;
}

/** What a pre-approved link lets in, without a further word of an operator. */
export interface ApprovedInviteRequest extends Pick<InviteRequest, "lifeMs" | "uses" | "label"> {
  /** Default `["member"]`. */
  readonly roles?: Statement<"grant">["roles"];
  readonly memberKind?: MemberKind;
  readonly name?: string;
  readonly scope?: Scope;
  /** How long after now an admission under it ends at the latest. Default one year. */
  readonly memberLifeMs?: number;
}

export interface CreatedInvite {
  readonly invite: Invite;
  /** What to hand over, once: a code or a whole link. */
  readonly text: string;
}

const defaultLifeMs = 86_400_000;

/** Opens a code, or a link that pins the operator set that this operator holds. */
export async function openInvite(options: OperatorOptions, request: InviteRequest): Promise<CreatedInvite> {
  const { invite, secret } = await options.device.request("invite.create", { ...request });
  if (request.kind === "code") return { invite, text: secret };
  return { invite, text: await linkOf(options, secret, false) };
}

/** Opens a link that is approved beforehand. Its secret is made here: who only has what the registry keeps cannot use it. */
export async function openApprovedInvite(
  options: OperatorOptions,
  request: ApprovedInviteRequest,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<CreatedInvite> {
  const root = await openRoot(options.root);
  const { mesh } = await options.trust();
  const secret = toBase64url(random.bytes(16));
  const { redeem, signer } = await deriveInviteKeys(secret, mesh);
  const now = clock.now();
  const { roles = ["member"], memberKind, name, scope, uses = 1, label } = request;
  const exp = now + (request.lifeMs ?? defaultLifeMs);
  const grant = await signStatement(
    "grant",
    {
      mesh,
      invite: toBase64url(random.bytes(16)),
      key: signer.publicKey,
      roles,
      ...(memberKind === undefined ? {} : { kind: memberKind }),
      ...(name === undefined ? {} : { name }),
      ...(scope === undefined ? {} : { scope }),
      uses,
      iat: now,
      exp,
      until: Math.max(exp, now + (request.memberLifeMs ?? statementLifeMs)),
    },
    root,
  );
  const body = { grant, redeem, ...(label === undefined ? {} : { label }) };
  const { invite } = await options.device.request("invite.grant", body);
  return { invite, text: await linkOf(options, secret, true) };
}

async function linkOf({ registry, trust }: OperatorOptions, secret: string, approved: boolean): Promise<string> {
  const { operators, mesh } = await trust();
  const pinned = { number: operators.number, hash: operators.hash };
  const payload = { v: 1 as const, kind: "invite" as const, secret, mesh, operators: pinned };
  return formatInviteLink({ registry, payload: approved ? { ...payload, approved } : payload });
}

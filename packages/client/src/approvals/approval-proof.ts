/** What an approval proves: who said it, to what exactly, and whether it may count. */
import {
  digestOf,
  type MeshTrust,
  peekStatement,
  type VerifiedMember,
  verifyApproval,
  verifyStatement,
} from "@parley/core";
import { type ApprovalAction, fromBase64url, limits, ParleyError, type Statement } from "@parley/protocol";

import type { ApprovalObject } from "../gate.ts";

/** Members in whose interest an action is: none of them approves it. */
export function interestedIn(action: ApprovalAction): readonly string[] {
  return action.kind === "call" ? [...action.principals, action.caller, action.callee] : [action.author];
}

/** What an action is about, as rules name it. */
export const objectOf = (action: ApprovalAction): ApprovalObject =>
  action.kind === "call" ? { skill: action.skill } : { channel: action.name };

/** The digest of an action. Throws `too_large` when it is longer than a person can be asked about. */
export async function digestOfAction(action: ApprovalAction): Promise<string> {
  if (new TextEncoder().encode(JSON.stringify(action)).length > limits.approvalActionBytes)
    throw new ParleyError("too_large", {
      message: `What needs an approval has at most ${limits.approvalActionBytes} bytes; send the rest as an attachment.`,
    });
  return digestOf(action);
}

/** The public key of the device or root of a member that a statement says it is signed with. Throws `bad_approval`. */
function keyOf(signer: string, member: VerifiedMember): string {
  const key = signer === member.member ? member.rootKey : member.devices.get(signer)?.key;
  if (key === undefined)
    throw new ParleyError("bad_approval", { message: `An approval of @${member.name} is signed by no device of it.` });
  return key;
}

/** Checks a yes of a member to an action, at `now`. Throws `bad_approval`, `wrong_mesh`, `bad_signature` or `expired`. */
export async function verifyGrant(
  statement: string,
  digest: string,
  {
    member,
    trust,
    now,
  }: { readonly member: VerifiedMember; readonly trust: Pick<MeshTrust, "mesh">; readonly now: number },
): Promise<void> {
  const { signer } = peekStatement("approval", statement);
  const by = { mesh: trust.mesh, by: member.member, key: keyOf(signer, member) };
  await verifyApproval(statement, digest, by, now);
}

/** Checks a no of a member to an action: a no needs less care than a yes, but is nobody else's to say. */
export async function verifyDenial(
  statement: string,
  digest: string,
  member: VerifiedMember,
  mesh: string,
): Promise<boolean> {
  const { signer } = peekStatement("approval", statement);
  const said = await verifyStatement("approval", statement, keyOf(signer, member));
  return said.mesh === mesh && said.by === member.member && said.decision === "denied" && said.digests.includes(digest);
}

/** Whether an answer is a standing approval, by its header: the two kinds share a field. */
export function statementIsStanding(compact: string): boolean {
  const header = compact.split(".")[0] ?? "";
  return new TextDecoder().decode(fromBase64url(header)).includes('"parley-standing"');
}

/** The same as `verifyStanding`, and that it covers the action. */
export async function checkStanding(
  statement: string,
  action: ApprovalAction,
  context: Parameters<typeof verifyStanding>[1],
): Promise<Statement<"standing">> {
  const said = await verifyStanding(statement, context);
  if (covers(said, action)) return said;
  throw new ParleyError("bad_approval", { message: "A standing approval is of another skill or caller." });
}

/** Checks a standing approval of a member for this callee. Throws `bad_approval` or what verification finds. */
async function verifyStanding(
  statement: string,
  {
    member,
    trust,
    now,
    callee,
  }: { member: VerifiedMember; trust: Pick<MeshTrust, "mesh">; now: number; callee: string },
): Promise<Statement<"standing">> {
  const { signer } = peekStatement("standing", statement);
  const said = await verifyStatement("standing", statement, keyOf(signer, member));
  if (said.mesh !== trust.mesh) throw new ParleyError("wrong_mesh");
  if (said.by !== member.member || said.callee !== callee)
    throw new ParleyError("bad_approval", { message: "A standing approval is for another agent." });
  if (said.exp <= now || said.iat > now + limits.clockSkewMs) throw new ParleyError("expired");
  return said;
}

/** Whether a standing approval covers an action. */
function covers(standing: Statement<"standing">, action: ApprovalAction): boolean {
  if (action.kind !== "call" || standing.callee !== action.callee || standing.skill !== action.skill) return false;
  return standing.caller === undefined || standing.caller === action.caller;
}

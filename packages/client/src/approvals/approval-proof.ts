/** What an approval proves: who said it, to what exactly, and whether it may count. */
import {
  digestOf,
  type MeshTrust,
  peekStatement,
  type VerifiedMember,
  verifyApproval,
  verifyStatement,
} from "@parley/core";
import { type ApprovalAction, limits, ParleyError, type Statement } from "@parley/protocol";

/** Members in whose interest an action is: none of them approves it. */
export function interestedIn(action: ApprovalAction): readonly string[] {
  return action.kind === "call" ? [...action.principals, action.caller, action.callee] : [action.author];
}

/** The digest of an action. Throws `too_large` when it is longer than a person can be asked about. */
export async function digestOfAction(action: ApprovalAction): Promise<string> {
  if (JSON.stringify(action).length > limits.approvalActionBytes)
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

/** Checks a standing approval of a member for this callee. Throws `bad_approval` or what verification finds. */
export async function verifyStanding(
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
export function covers(standing: Statement<"standing">, action: ApprovalAction): boolean {
  if (action.kind !== "call" || standing.callee !== action.callee || standing.skill !== action.skill) return false;
  return standing.caller === undefined || standing.caller === action.caller;
}

import { canonicalJson, limits, ParleyError, type Statement } from "@parley/protocol";

import { digestOf } from "./action-digest.ts";
import { type Signer } from "./keys.ts";
import { signStatement, verifyStatement } from "./statement.ts";

export interface ApprovedBy {
  readonly mesh: string;
  /** Member that approves. */
  readonly by: string;
  /** Raw public key that it signs with. */
  readonly key: string;
}

/**
 * Verifies that a member said yes to an action. `at`, ms since 1970: when that has to hold. Throws `bad_signature`, `wrong_mesh`
 * or `expired`.
 */
export async function verifyApproval(
  compact: string,
  digest: string,
  { mesh, by, key }: ApprovedBy,
  at: number,
): Promise<Statement<"approval">> {
  const approval = await verifyStatement("approval", compact, key);
  if (approval.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (approval.by !== by) throw new ParleyError("bad_signature", { message: "An approval names another member." });
  if (approval.decision !== "granted" || !approval.digests.includes(digest))
    throw new ParleyError("bad_signature", { message: "An approval is of something else." });
  if (approval.exp <= at || approval.iat > at + limits.clockSkewMs)
    throw new ParleyError("expired", { message: "An approval is not good at this time." });
  return approval;
}

/** Another operator set, as operators approve it. */
export interface OperatorChange {
  readonly mesh: string;
  readonly number: number;
  readonly previous: string;
  readonly operators: Statement<"operators">["operators"];
}

/** What an approval of another operator set names. The order of its operators is part of it. */
export function operatorsDigest({ mesh, number, previous, operators }: OperatorChange): Promise<string> {
  return digestOf({ kind: "operators", mesh, number, previous, operators });
}

/** Whether two lists of operators are the same, in the same order. */
export const sameOperators = (one: OperatorChange["operators"], other: OperatorChange["operators"]): boolean =>
  canonicalJson(one) === canonicalJson(other);

/** Says yes to another operator set. `root` is the operator's root key. */
export async function approveOperators(
  change: OperatorChange,
  root: Signer,
  by: string,
  now: number,
  exp: number,
): Promise<string> {
  const digests = [await operatorsDigest(change)];
  return signStatement("approval", { mesh: change.mesh, by, decision: "granted", digests, iat: now, exp }, root);
}

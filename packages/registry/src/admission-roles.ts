import type { OperatorSet } from "@parley/core";
import { ParleyError, type Role } from "@parley/protocol";

/** Says no to an admission whose operator roles are not those of the operator set: the two have to agree. Throws `not_operator`. */
export function checkOperatorRoles(
  { member, roles }: { readonly member: string; readonly roles: readonly Role[] },
  { keys, admins }: Pick<OperatorSet, "keys" | "admins">,
): void {
  if ((roles.includes("operator") && !keys.has(member)) || (roles.includes("admin") && !admins.has(member)))
    throw new ParleyError("not_operator");
}

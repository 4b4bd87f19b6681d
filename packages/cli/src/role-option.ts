import { ParleyError, type Statement } from "@parley/protocol";

/** Roles that an operator gives by an admission. An operator is one by the signed operator set, not by an admission alone. */
export type GivenRole = Statement<"grant">["roles"][number];
const roles: readonly GivenRole[] = ["member", "guest", "observer"];

/** The role that `--role` names. Throws `invalid_argument`. */
export function roleOf(text: string): GivenRole {
  const role = roles.find((known) => known === text);
  if (role !== undefined) return role;
  throw new ParleyError("invalid_argument", {
    message: `--role must be one of ${roles.join(", ")}; for an operator see \`parley operator add\`.`,
  });
}

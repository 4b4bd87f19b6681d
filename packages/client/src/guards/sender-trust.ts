/** How far this member goes with another one: by what operators signed and what this member decided. */
import type { VerifiedMember } from "@parley/core";

import type { Contact } from "../conversations/contact-book.ts";
import type { Sender } from "../delivery.ts";

/** Roles of those who are here for a while, or to look only. */
export const isGuestRole = (role: string): boolean => role === "guest" || role === "observer";

export function standingOf(
  { roles }: Pick<VerifiedMember, "roles">,
  contact: Pick<Contact, "standing" | "verified"> | undefined,
): Pick<Sender, "trust" | "verified"> {
  const verified = contact?.verified ?? false;
  if (roles.some((role) => role === "operator" || role === "admin")) return { trust: "operator", verified };
  if (contact?.standing === "accepted") return { trust: "contact", verified };
  return { trust: roles.some(isGuestRole) ? "guest" : "member", verified };
}

import { type ApiScope, ParleyError } from "@parley/protocol";

import type { Authority } from "../authority.ts";
import type { Directory, DirectoryEntry } from "../directory.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { MemberCaller } from "../requests/request-handler.ts";

/** Whom an HTTP request speaks for: the member with its roles of now, and by what it showed that. */
export interface Bearer extends MemberCaller {
  /** Of an API key; absent for a session token, which is good for every route that its member's roles are good for. */
  readonly apiKey?: { readonly id: string; readonly scopes: readonly ApiScope[] };
}

/** What a credential says of whom it speaks for, before it is known whether they may still speak. */
export interface Claimed {
  readonly member: string;
  readonly device: string;
  readonly apiKey?: Bearer["apiKey"];
}

interface StandingServices {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly authority: Pick<Authority, "checkBan">;
  readonly now: () => number;
}

/**
 * The revocations, the admission and the device list of now have the last word, whatever held when a credential was made.
 * A key dies with the device that it was made on: whoever took the device could have made it. Throws `revoked`, `banned`
 * or `unauthenticated`.
 */
export async function bearerOf({ member, device, apiKey }: Claimed, services: StandingServices): Promise<Bearer> {
  const { mesh, members, directory } = services;
  if (mesh.isRevoked(member)) throw new ParleyError("revoked");
  if (directory.get(member) === undefined) await members.refresh(member);
  const entry = directory.get(member);
  if (entry?.revoked === true || mesh.isRevoked(member)) throw new ParleyError("revoked");
  if (entry === undefined || entry.admissionExpires <= services.now())
    throw new ParleyError("unauthenticated", { message: "Its member is not admitted." });
  if (!mayStandFor(entry, device))
    throw new ParleyError("unauthenticated", { message: "Its member's list does not have its device." });
  const { name, kind, roles, scope, admissionExpires } = entry;
  services.authority.checkBan(entry);
  return { member, device, name, kind, roles, scope, admissionExpires, ...(apiKey === undefined ? {} : { apiKey }) };
}

/** Whether what a device was given still speaks for its member. */
export function mayStandFor(entry: DirectoryEntry, device: string): boolean {
  return !entry.revoked && entry.vouched && entry.devices.includes(device);
}

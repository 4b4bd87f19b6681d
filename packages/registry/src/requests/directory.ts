import { ParleyError } from "@parley/protocol";

import type { Authority } from "../authority.ts";
import type { Directory } from "../directory.ts";
import type { InboxLeases } from "../inbox-leases.ts";
import type { Members } from "../members.ts";
import type { Presence } from "../presence.ts";
import type { MemberHandlers, RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface DirectoryServices {
  readonly directory: Directory;
  readonly members: Members;
  readonly presence: Presence;
  readonly inboxes: InboxLeases;
  readonly authority: Pick<Authority, "maySee">;
}

/** Who there is and where, and what members say about themselves. */
export function directoryRequests({
  directory,
  members,
  presence,
  inboxes,
  authority,
}: DirectoryServices): RequestHandlers<RequestsOf<"directory" | "card" | "presence">> &
  MemberHandlers<"directory.find" | "directory.get"> {
  return {
    "directory.find": (caller, query) => directory.find(query, presence, (entry) => authority.maySee(caller, entry)),
    "directory.get": async (caller, wanted) => {
      const { record, member } = await members.find(wanted);
      const entry = directory.get(member);
      // Whom one may not see does not exist for one.
      if (entry !== undefined && !authority.maySee(caller, entry)) throw new ParleyError("unknown_member");
      return { record, ...presence.entry(member) };
    },
    "directory.watch": (_caller, { members: watched }, session) => {
      presence.watch(session, watched);
      return {};
    },
    "card.publish": async (caller, { card }) => {
      await members.publishCard(caller.member, card);
      return {};
    },
    "presence.set": (caller, change) => {
      presence.set(caller.member, caller.device, change);
      if (caller.kind === "agent" && change.consumer !== undefined) inboxes.consider(caller.member);
      return {};
    },
  };
}

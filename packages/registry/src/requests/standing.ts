import type { SessionTable } from "../session-table.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface StandingServices {
  readonly table: SessionTable;
}

/** What an operator does to a member at once, and only once. */
export function standingRequests({ table }: StandingServices): RequestHandlers<RequestsOf<"member">> {
  return {
    "member.kick": (_caller, { member }) => {
      const sessions = [...table.ofMember(member)];
      for (const session of sessions) session.end("kicked");
      return { sessions: sessions.length };
    },
  };
}

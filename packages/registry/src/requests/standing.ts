import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { SessionTable } from "../session-table.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface StandingServices {
  readonly table: SessionTable;
  readonly audit: AuditRecorder;
}

/** What an operator does to a member at once, and only once. */
export function standingRequests({ table, audit }: StandingServices): RequestHandlers<RequestsOf<"member">> {
  return {
    "member.kick": async (caller, { member }) => {
      const sessions = [...table.ofMember(member)];
      await audit.record({ act: "member.kicked", by: byDevice(caller), subject: member });
      for (const session of sessions) session.end("kicked");
      return { sessions: sessions.length };
    },
  };
}

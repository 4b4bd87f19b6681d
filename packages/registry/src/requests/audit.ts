import { ParleyError } from "@parley/protocol";

import { searchAudit } from "../audit/audit-search.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import type { AuditWitnesses } from "../audit/audit-witnesses.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface AuditServices {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly audit: AuditTrail;
  readonly witnesses: AuditWitnesses;
}

/** What operators read of this node's audit log, and what they witness of it. */
export function auditRequests({
  mesh,
  members,
  audit,
  witnesses,
}: AuditServices): RequestHandlers<RequestsOf<"audit">> {
  return {
    "audit.list": (_caller, query) => searchAudit(audit.log, query),
    "audit.head": async () => {
      // Before the head: none of them is about an entry that the head does not cover.
      const seen = await witnesses.all();
      const checkpoints = await audit.checkpoints.all();
      const head = await audit.head();
      if (head === undefined) throw new ParleyError("not_found", { message: "Nothing was written down yet." });
      return { head, certificate: mesh.require().certificate, checkpoints: [...checkpoints], witnesses: [...seen] };
    },
    "audit.witness": async (caller, { witness }) => {
      const { member, device } = caller;
      const stored = await members.get(member);
      const verified = stored === undefined ? undefined : await members.verify(stored.record);
      const key = verified?.devices.get(device)?.key;
      if (key === undefined) throw new ParleyError("unauthenticated");
      await witnesses.put(witness, { member, device, key });
      return {};
    },
  };
}

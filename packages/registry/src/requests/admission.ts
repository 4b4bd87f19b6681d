import { sha256 } from "@parley/core";
import { limits } from "@parley/protocol";

import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { Invites } from "../invites.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { Pairings } from "../pairings.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface AdmissionServices {
  readonly audit: AuditRecorder;
  readonly mesh: MeshState;
  readonly members: Members;
  readonly invites: Invites;
  readonly pairings: Pairings;
}

/** Who comes into the mesh and who goes out of it, by an operator's word. */
export function admissionRequests({
  audit,
  mesh,
  members,
  invites,
  pairings,
}: AdmissionServices): RequestHandlers<RequestsOf<"invite" | "pairing" | "revocations">> {
  return {
    "invite.create": async (caller, wanted) => {
      const created = await invites.create(caller.member, wanted);
      const { invite, kind, uses } = created.invite;
      await audit.record({ act: "invite.created", by: byDevice(caller), subject: invite, facts: { kind, uses } });
      return created;
    },
    "invite.list": (_caller, page) => invites.list(page.limit ?? limits.pageSize, page.after),
    "invite.cancel": async (caller, { invite }) => {
      const act = { act: "invite.cancelled", by: byDevice(caller), subject: invite } as const;
      await audit.watched(act, () => invites.cancel(invite));
      return {};
    },
    "pairing.list": (_caller, page) => pairings.list(page.limit ?? limits.pageSize, page.after),
    "pairing.approve": async (caller, { pairing, admission }) => {
      const act = { act: "pairing.approved", by: byDevice(caller), subject: pairing } as const;
      await audit.watched(act, () => pairings.approve(pairing, admission));
      return {};
    },
    "pairing.reject": async (caller, { pairing, reason }) => {
      const act = { act: "pairing.rejected", by: byDevice(caller), subject: pairing } as const;
      await audit.watched(act, () => pairings.reject(pairing, reason));
      return {};
    },
    "revocations.publish": async (caller, { revocations }) => {
      const act = { act: "revocations.published", by: byDevice(caller), subject: await sha256(revocations) } as const;
      await audit.watched(act, () => mesh.publishRevocations(revocations, (member) => members.isAdmitted(member)));
      await members.revokeListed();
      return {};
    },
  };
}

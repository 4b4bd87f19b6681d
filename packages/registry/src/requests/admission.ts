import { sha256, verifyByOperator } from "@parley/core";
import { limits } from "@parley/protocol";

import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { Authority } from "../authority.ts";
import type { Invites } from "../invites.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { OperatorOrders } from "../operator-orders.ts";
import type { Pairings } from "../pairings.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface AdmissionServices {
  readonly audit: AuditRecorder;
  readonly mesh: MeshState;
  readonly orders: OperatorOrders;
  readonly members: Members;
  readonly invites: Invites;
  readonly pairings: Pairings;
  readonly authority: Pick<Authority, "check">;
}

/** Who comes into the mesh and who goes out of it, by an operator's word. */
export function admissionRequests({
  audit,
  mesh,
  orders,
  members,
  invites,
  pairings,
  authority,
}: AdmissionServices): RequestHandlers<RequestsOf<"invite" | "pairing" | "admission" | "order">> {
  return {
    "invite.create": async (caller, wanted) => {
      authority.check({ action: "invite", who: caller }, "invite anybody");
      const created = await invites.create(caller.member, wanted);
      const { invite, kind, uses } = created.invite;
      await audit.record({ act: "invite.created", by: byDevice(caller), subject: invite, facts: { kind, uses } });
      return created;
    },
    "invite.grant": async (caller, { grant: compact, redeem, label }) => {
      authority.check({ action: "invite", who: caller }, "invite anybody");
      const grant = await verifyByOperator("grant", compact, mesh.require().operators);
      const act = { act: "invite.granted", by: byDevice(caller), subject: grant.invite } as const;
      const facts = { uses: grant.uses, roles: grant.roles.join(","), expires: grant.exp };
      const open = () => invites.createApproved(caller.member, { label, redeem, compact, grant });
      return { invite: await audit.watched({ ...act, facts }, open) };
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
    "admission.get": async (_caller, wanted) => ({ record: await members.statements(wanted) }),
    "admission.publish": async (caller, { admission }) => {
      const act = { act: "admission.published", by: byDevice(caller), subject: await sha256(admission) } as const;
      await audit.watched(act, () => members.publishAdmission(admission));
      return {};
    },
    "order.publish": async (caller, { type, statement }) => {
      const act = { act: `${type}.published`, by: byDevice(caller), subject: await sha256(statement) } as const;
      await audit.watched(act, () =>
        type === "revocations"
          ? mesh.publishRevocations(statement, (member) => members.isAdmitted(member))
          : orders.publish(type, statement),
      );
      if (type === "revocations") await members.revokeListed();
      return {};
    },
  };
}

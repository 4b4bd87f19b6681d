import { limits } from "@parley/protocol";

import type { Authority } from "../authority.ts";
import type { Invites } from "../invites.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { OperatorOrders } from "../operator-orders.ts";
import type { Pairings } from "../pairings.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface AdmissionServices {
  readonly mesh: MeshState;
  readonly orders: OperatorOrders;
  readonly members: Members;
  readonly invites: Invites;
  readonly pairings: Pairings;
  readonly authority: Pick<Authority, "check">;
}

/** Who comes into the mesh and who goes out of it, by an operator's word. */
export function admissionRequests({
  mesh,
  orders,
  members,
  invites,
  pairings,
  authority,
}: AdmissionServices): RequestHandlers<RequestsOf<"invite" | "pairing" | "order">> {
  return {
    "invite.create": (caller, wanted) => {
      authority.check({ action: "invite", who: caller }, "invite anybody");
      return invites.create(caller.member, wanted);
    },
    "invite.list": (_caller, page) => invites.list(page.limit ?? limits.pageSize, page.after),
    "invite.cancel": async (_caller, { invite }) => {
      await invites.cancel(invite);
      return {};
    },
    "pairing.list": (_caller, page) => pairings.list(page.limit ?? limits.pageSize, page.after),
    "pairing.approve": async (_caller, { pairing, admission }) => {
      await pairings.approve(pairing, admission);
      return {};
    },
    "pairing.reject": async (_caller, { pairing, reason }) => {
      await pairings.reject(pairing, reason);
      return {};
    },
    "order.publish": async (_caller, { type, statement }) => {
      if (type !== "revocations") await orders.publish(type, statement);
      else {
        await mesh.publishRevocations(statement, (member) => members.isAdmitted(member));
        await members.revokeListed();
      }
      return {};
    },
  };
}

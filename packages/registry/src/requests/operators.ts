import { peekStatement, sha256 } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { MeshState } from "../mesh-state.ts";
import type { OperatorOrders } from "../operator-orders.ts";
import type { OperatorProposals } from "../operator-proposals.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface OperatorsServices {
  readonly audit: AuditRecorder;
  readonly mesh: MeshState;
  readonly orders: Pick<OperatorOrders, "compact">;
  readonly proposals: OperatorProposals;
}

/** Who the operators are, and the node's own standing with them. */
export function operatorsRequests({
  audit,
  mesh,
  orders,
  proposals,
}: OperatorsServices): RequestHandlers<RequestsOf<"operators" | "node">> {
  return {
    "operators.propose": async (caller, { operators, approval }) => {
      const proposal = await proposals.propose(caller.member, operators, approval);
      const facts = { number: proposal.number, operators: operators.length, needed: proposal.needed };
      await audit.record({ act: "operators.proposed", by: byDevice(caller), subject: proposal.proposal, facts });
      return { proposal };
    },
    "operators.proposals": async () => ({ proposals: (await proposals.list()).slice(0, limits.operatorProposals) }),
    "operators.approve": (caller, { proposal, approval }) => {
      const approve = () => proposals.approve(caller.member, proposal, approval);
      const act = { act: "operators.approved", by: byDevice(caller), subject: proposal } as const;
      // Without an approval it only asks what there is.
      return approval === undefined ? approve() : audit.watched(act, approve);
    },
    "operators.withdraw": async (caller, { proposal }) => {
      const act = { act: "operators.withdrawn", by: byDevice(caller), subject: proposal } as const;
      await audit.watched(act, () => proposals.withdraw(caller.member, proposal));
      return {};
    },
    "operators.publish": async (caller, { operators }) => {
      const act = { act: "operators.published", by: byDevice(caller), subject: await sha256(operators) } as const;
      await audit.watched(act, () => {
        checkOrders(orders.compact, operators);
        return mesh.publishOperators(operators);
      });
      return {};
    },
    "node.certify": async (caller, { certificate }) => {
      const act = { act: "node.certified", by: byDevice(caller), subject: await sha256(certificate) } as const;
      await audit.watched(act, () => mesh.certify(certificate));
      return {};
    },
  };
}

/** What holds in the mesh has to be the word of somebody who stays: newcomers would not believe it otherwise. Throws `conflict`. */
function checkOrders({ policy, restrictions }: OperatorOrders["compact"], operators: string): void {
  const staying = new Set(peekStatement("operators", operators).operators.map(({ member }) => member));
  const signers = [
    ...(policy === undefined ? [] : [peekStatement("policy", policy).signer]),
    ...(restrictions === undefined ? [] : [peekStatement("restrictions", restrictions).signer]),
  ];
  if (signers.some((signer) => !staying.has(signer)))
    throw new ParleyError("conflict", {
      message:
        "The policy or the restrictions are signed by an operator who would be one no more; sign the next first.",
    });
}

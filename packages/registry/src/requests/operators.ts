import { peekStatement } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import type { MeshState } from "../mesh-state.ts";
import type { OperatorOrders } from "../operator-orders.ts";
import type { OperatorProposals } from "../operator-proposals.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface OperatorsServices {
  readonly mesh: MeshState;
  readonly orders: Pick<OperatorOrders, "compact">;
  readonly proposals: OperatorProposals;
}

/** Who the operators are, and the node's own standing with them. */
export function operatorsRequests({
  mesh,
  orders,
  proposals,
}: OperatorsServices): RequestHandlers<RequestsOf<"operators" | "node">> {
  return {
    "operators.propose": async (caller, { operators, approval }) => ({
      proposal: await proposals.propose(caller.member, operators, approval),
    }),
    "operators.proposals": async () => ({ proposals: (await proposals.list()).slice(0, limits.operatorProposals) }),
    "operators.approve": (caller, { proposal, approval }) => proposals.approve(caller.member, proposal, approval),
    "operators.withdraw": async (caller, { proposal }) => {
      await proposals.withdraw(caller.member, proposal);
      return {};
    },
    "operators.publish": async (_caller, { operators }) => {
      checkOrders(orders.compact, operators);
      await mesh.publishOperators(operators);
      return {};
    },
    "node.certify": async (_caller, { certificate }) => {
      await mesh.certify(certificate);
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

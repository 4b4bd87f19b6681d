import { limits } from "@parley/protocol";

import type { MeshState } from "../mesh-state.ts";
import type { OperatorProposals } from "../operator-proposals.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface OperatorsServices {
  readonly mesh: MeshState;
  readonly proposals: OperatorProposals;
}

/** Who the operators are, and the node's own standing with them. */
export function operatorsRequests({
  mesh,
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
      await mesh.publishOperators(operators);
      return {};
    },
    "node.certify": async (_caller, { certificate }) => {
      await mesh.certify(certificate);
      return {};
    },
  };
}

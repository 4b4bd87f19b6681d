import { limits } from "@parley/protocol";

import type { Agreements } from "../agreements.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface AgreementsServices {
  readonly agreements: Agreements;
}

/** The order of the acts of agreements, and open offers. */
export function agreementsRequests({ agreements }: AgreementsServices): RequestHandlers<RequestsOf<"agreement">> {
  return {
    "agreement.advance": (caller, body) => agreements.advance(caller.member, body),
    "agreement.heads": (caller, { agreement }) => agreements.heads(caller.member, agreement),
    "agreement.offers": (_, { limit = limits.pageSize, ...query }) => agreements.offers({ ...query, limit }),
  };
}

import { ParleyError } from "@parley/protocol";

import type { ResourceLeases } from "../resource-leases.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface ResourcesServices {
  readonly resources: ResourceLeases;
}

/** Advisory leases on what members work on. */
export function resourcesRequests({ resources }: ResourcesServices): RequestHandlers<RequestsOf<"resource">> {
  return {
    "resource.take": async ({ member, device }, wanted) => ({
      lease: await resources.take({ member, device }, wanted),
    }),
    "resource.renew": async (caller, wanted) => ({ lease: await resources.renew(caller, wanted) }),
    "resource.release": async (caller, wanted) => {
      await resources.release(caller, wanted);
      return {};
    },
    "resource.break": async ({ kind, roles }, { resource }) => {
      const isOperator = roles.includes("operator") || roles.includes("admin");
      if (kind !== "person" && !isOperator)
        throw new ParleyError("lease_held", {
          message: "An agent waits for a lease; a person or an operator breaks it.",
        });
      return { lease: await resources.break(resource) };
    },
    "resource.list": (_, query) => resources.list(query),
    "resource.watch": (_, { resource }, session) => {
      const lease = resources.watch(session, resource);
      return lease === undefined ? {} : { lease };
    },
  };
}

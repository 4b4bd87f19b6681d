import type { ReplyBody, RequestBody, RequestType } from "@parley/protocol";

import { fixedId, vectorExpiry, vectorTime } from "./identities.ts";

type Of = Extract<RequestType, `resource.${string}`>;

const resource = "file:src/main.ts";

export const resourceRequestBodies: { readonly [Type in Of]: RequestBody<Type> } = {
  "resource.take": { resource, claim: fixedId(16, 60), lifeMs: 600_000, note: "refactoring" },
  "resource.renew": { resource, generation: vectorTime, lifeMs: 600_000 },
  "resource.release": { resource, generation: vectorTime },
  "resource.break": { resource },
  "resource.list": { prefix: "file:", limit: 10, after: resource },
  "resource.watch": { resource },
};

export function resourceReplyBodies(member: string, device: string): { readonly [Type in Of]: ReplyBody<Type> } {
  const lease = {
    resource,
    generation: vectorTime,
    member,
    device,
    name: "alice",
    since: vectorTime,
    until: vectorExpiry,
    note: "refactoring",
  };
  return {
    "resource.take": { lease },
    "resource.renew": { lease },
    "resource.release": {},
    "resource.break": { lease },
    "resource.list": { leases: [lease], next: resource },
    "resource.watch": { lease },
  };
}

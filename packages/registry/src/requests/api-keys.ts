import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { ApiKeys } from "../credentials/api-keys.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface ApiKeysServices {
  readonly apiKeys: ApiKeys;
  readonly audit: AuditRecorder;
}

/** What a member's scripts show instead of a session. */
export function apiKeysRequests({ apiKeys, audit }: ApiKeysServices): RequestHandlers<RequestsOf<"key">> {
  return {
    "key.create": async (caller, wanted) => {
      const created = await apiKeys.create(caller, wanted);
      const { key, scopes, expires } = created.key;
      // What it is called is its maker's own words.
      const facts = { scopes: scopes.length, expires };
      await audit.record({ act: "key.created", by: byDevice(caller), subject: key, facts });
      return created;
    },
    "key.list": (caller) => ({ keys: [...apiKeys.list(caller.member)] }),
    "key.revoke": async (caller, { key }) => {
      const isOperator = caller.roles.includes("operator") || caller.roles.includes("admin");
      const act = { act: "key.revoked", by: byDevice(caller), subject: key } as const;
      await audit.watched(act, () => apiKeys.revoke(key, caller.member, isOperator));
      return {};
    },
  };
}

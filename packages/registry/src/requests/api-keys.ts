import type { ApiKeys } from "../credentials/api-keys.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface ApiKeysServices {
  readonly apiKeys: ApiKeys;
}

/** What a member's scripts show instead of a session. */
export function apiKeysRequests({ apiKeys }: ApiKeysServices): RequestHandlers<RequestsOf<"key">> {
  return {
    "key.create": (caller, wanted) => apiKeys.create(caller, wanted),
    "key.list": (caller) => ({ keys: [...apiKeys.list(caller.member)] }),
    "key.revoke": async (caller, { key }) => {
      const isOperator = caller.roles.includes("operator") || caller.roles.includes("admin");
      await apiKeys.revoke(key, caller.member, isOperator);
      return {};
    },
  };
}

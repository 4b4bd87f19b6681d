/** Requests about what stands for a member outside its session: session tokens and API keys. Rows of the table of `session-message.ts`. */
import { z } from "zod";

import { addressRangeSchema, apiKeyIdSchema, apiKeySchema, apiScopeSchema } from "./api-key.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";
import { empty, everyone, request, time } from "./request-row.ts";
import { compactSchema } from "./statement.ts";

export const credentialRequests = {
  "token.get": request(
    everyone,
    "A session token, good for five minutes or until the admission ends: for the HTTP API, or for the service that `audience` names.",
    z.strictObject({ audience: labelSchema.optional() }),
    z.strictObject({ token: compactSchema, expires: time }),
  ),
  "key.create": request(
    everyone,
    "Makes an API key of one's own. Its text is given here and never again; the registry keeps a hash.",
    z.strictObject({
      name: labelSchema,
      scopes: z.array(apiScopeSchema).min(1).max(apiScopeSchema.options.length),
      lifeMs: z.int().min(1000).max(limits.apiKeyLifeMs).optional(),
      addresses: z.array(addressRangeSchema).min(1).max(limits.apiKeyAddresses).optional(),
    }),
    z.strictObject({ key: apiKeySchema, text: z.string().max(64) }),
  ),
  "key.list": request(
    everyone,
    "One's own API keys, oldest first.",
    empty,
    z.strictObject({ keys: z.array(apiKeySchema).max(limits.apiKeys) }),
  ),
  "key.revoke": request(
    everyone,
    "Ends an API key: one's own, or for an operator anybody's.",
    z.strictObject({ key: apiKeyIdSchema }),
    empty,
  ),
} as const;

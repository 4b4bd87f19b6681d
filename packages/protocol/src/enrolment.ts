/**
 * What a new device and the device that invites it say to each other. All the registry sees of the link's secret is an
 * id derived from it; the request carries a MAC and the answer is sealed, both under keys derived from the secret.
 */
import { z } from "zod";

import { id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";

/** The new device's request. */
export const enrolmentAskSchema = z.strictObject({
  /** Its Ed25519 key. */
  key: id32Schema,
  /** Its X25519 key, to which halves are sealed. */
  seal: id32Schema,
  label: labelSchema,
  /** Milliseconds since 1970 by the new device's clock. */
  iat: z
    .int()
    .min(0)
    .max(2 ** 47),
  /** HMAC-SHA-256 over all the rest, see `docs/devices.md`. */
  proof: id32Schema,
});
export type EnrolmentAsk = z.infer<typeof enrolmentAskSchema>;

/** Nonce and ciphertext in base64url. */
export const enrolmentAnswerSchema = z
  .string()
  .min(1)
  .max(limits.enrolmentAnswerCharacters)
  .regex(/^[A-Za-z0-9_-]+$/, "is not base64url");

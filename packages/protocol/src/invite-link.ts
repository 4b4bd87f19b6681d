/**
 * Invite links: `<registry address>/join#<payload>`. The payload sits in the fragment, which no HTTP request carries,
 * and pins the trust root: the node key for the first operator's link, the mesh and its operator set for all others.
 */
import { z } from "zod";

import { ParleyError } from "./errors.ts";
import { fromBase64url, id16Schema, id32Schema, toBase64url } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema } from "./names.ts";
import { decodeJson } from "./session-message.ts";

const claim = z.strictObject({
  v: z.literal(1),
  kind: z.literal("claim"),
  secret: id16Schema,
  node: id32Schema,
  /** Member id of the node's own plain door: whoever claims the mesh lets it in. */
  door: id32Schema.optional(),
});
const invite = z.strictObject({
  v: z.literal(1),
  kind: z.literal("invite"),
  secret: id16Schema,
  mesh: id32Schema,
  /** Number and SHA-256 of the operator set that the inviter holds: an older one is refused. */
  operators: z.strictObject({ number: z.int().min(1), hash: id32Schema }),
  /** A pre-approved link: the secret itself stays with who holds the link, the registry gets what is derived from it. */
  approved: z.literal(true).optional(),
});
/** For one more device of a member. The registry never sees this secret, only what is derived from it. */
const device = z.strictObject({
  v: z.literal(1),
  kind: z.literal("device"),
  secret: id16Schema,
  mesh: id32Schema,
  member: id32Schema,
  operators: z.strictObject({ number: z.int().min(1), hash: id32Schema }),
  /** What the inviting side calls the new device. */
  label: labelSchema.optional(),
});
const payloadSchema = z.discriminatedUnion("kind", [claim, invite, device]);

export type InvitePayload = z.infer<typeof payloadSchema>;

export interface InviteLink {
  /** Origin of the registry, for example `http://127.0.0.1:8080`. */
  readonly registry: string;
  readonly payload: InvitePayload;
}

/** A one-line link. */
export function formatInviteLink(link: InviteLink): string {
  const json = new TextEncoder().encode(JSON.stringify(link.payload));
  return `${link.registry}/join#${toBase64url(json)}`;
}

/** Reads a link as people copy it, quotes and spaces around it included. Throws `invalid_link` for anything else. */
export function parseInviteLink(text: string): InviteLink {
  const bare = text.replaceAll(/^[\s'"<]+|[\s'">]+$/g, "");
  const url = URL.canParse(bare) ? new URL(bare) : undefined;
  const bytes = fromBase64url(url?.hash.slice(1) ?? "");
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    !url.pathname.endsWith("/join") ||
    bytes === undefined ||
    bytes.length > limits.controlBytes
  ) {
    throw new ParleyError("invalid_link");
  }
  const payload = decodeJson(payloadSchema, new TextDecoder().decode(bytes));
  if (!payload.ok) throw new ParleyError("invalid_link");
  return { registry: url.origin, payload: payload.value };
}

/** A pairing code as people type it: six digits, spaces and hyphens ignored. Undefined when it is not one. */
export function parsePairingCode(text: string): string | undefined {
  const digits = text.replaceAll(/[\s-]/g, "");
  return new RegExp(`^[0-9]{${limits.codeDigits}}$`).test(digits) ? digits : undefined;
}

/**
 * The audit log of a registry node: what was done to the control plane, by whom, and what came of it. Each entry is
 * canonical JSON (RFC 8785) and names the hash of the one before, so that none can be changed or taken out unseen. It holds ids,
 * codes and small facts: never content, never a secret.
 */
import { z } from "zod";

import { canonicalJson, inCanonicalForm } from "./canonical-json.ts";
import { id32Schema } from "./ids.ts";
import { parseJson } from "./json.ts";
import { limits } from "./limits.ts";
import { type Decoded, undecodable } from "./result.ts";

/** Whose act it is. What members and whoever has no proof cause is counted together beyond a rate. */
type ActOf = "operator" | "member" | "anyone" | "node";
const row = (of: ActOf, says: string): { readonly of: ActOf; readonly says: string } => ({ of, says });

/** Acts that this build writes down, and what each means. A reader takes others as well: they come from newer nodes. */
export const auditActTable = {
  "registry.started": row("node", "the node began to take sessions"),
  "registry.stopped": row("node", "the node was stopped in order"),
  "mesh.claimed": row("anyone", "somebody claimed the mesh with the one-time secret"),
  "invite.created": row("operator", "an operator opened an invite"),
  "invite.cancelled": row("operator", "an operator closed an invite"),
  "invite.redeemed": row("anyone", "a member used an invite"),
  "pairing.requested": row("anyone", "somebody asked to join"),
  "pairing.approved": row("operator", "an operator let in who asked"),
  "pairing.rejected": row("operator", "an operator turned away who asked"),
  "member.admitted": row("operator", "an admission that an operator signed came into force"),
  "member.revoked": row("operator", "a revocation that an operator signed came into force"),
  "revocations.published": row("operator", "an operator published the next revocation list"),
  "policy.published": row("operator", "an operator published the next policy"),
  "restrictions.published": row("operator", "an operator published the next list of restrictions"),
  "device.added": row("member", "a member put a device on its list"),
  "device.removed": row("member", "a member took a device off its list"),
  "device-link.opened": row("member", "a member opened a link for a further device"),
  "device-link.used": row("anyone", "a device asked to be let in by such a link"),
  "device-link.answered": row("member", "a member's device answered or refused it"),
  "card.published": row("member", "a member published its card"),
  "key.rotated": row("member", "a member's root key was replaced by its chain"),
  "session.refused": row("anyone", "a device, or what claimed to be one, got no session"),
  "request.refused": row("member", "a session asked for what its roles do not allow"),
  "limit.hit": row("anyone", "a limit turned something away"),
  "channel.created": row("member", "a member made a channel"),
  "channel.archived": row("member", "a channel was archived"),
  "channel.reopened": row("member", "an archived channel was opened again"),
  "channel.invited": row("member", "a member let another one into a channel"),
  "channel.kicked": row("member", "an owner or operator took a member out of a channel"),
  "channel.restricted": row("member", "an owner or operator muted a member in a channel, or banned it from there"),
  "channel.lifted": row("member", "an owner or operator took that off again"),
  "member.kicked": row("member", "an operator ended the sessions that a member had"),
  "door-token.created": row("node", "a token for the plain door was made"),
  "door-token.revoked": row("node", "a token for the plain door was ended"),
  "address.turned-away": row("anyone", "an address was turned away for its number, the first time in a minute"),
  "code.locked": row("node", "too many wrong pairing codes: none is taken for a while"),
  "invite.granted": row("operator", "an operator opened a link that lets in without a further word"),
  "admission.published": row("operator", "an operator published the next admission of a member that is in"),
  "operators.proposed": row("operator", "an operator proposed another set of operators"),
  "operators.approved": row("operator", "an operator agreed to a proposed set"),
  "operators.withdrawn": row("operator", "an operator took its proposal back"),
  "operators.published": row("operator", "another set of operators came into force"),
  "node.certified": row("operator", "an operator certified the node's key anew"),
  "token-key.made": row("node", "the node made the next key for session tokens"),
  "key.created": row("member", "a member made an API key"),
  "key.revoked": row("member", "a member or an operator ended an API key"),
  "key.ended": row("node", "an API key ended by itself: it ran out, or its member was revoked"),
  "member.held": row("node", "a member is over its budget and is held off"),
  "member.released": row("node", "a member that was held off may go on"),
  "audit.trimmed": row("node", "the oldest entries went, under a signed checkpoint"),
  "audit.lost": row("node", "acts could not be written down; how many"),
} as const;

/** An act of the table. */
export type AuditAct = keyof typeof auditActTable;

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const entryNumber = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** The address of whoever had no proof; `*` stands for several. */
const auditAddressSchema = z.string().regex(/^(?:\*|[0-9A-Fa-f.:%\w-]{1,63})$/, "is not an address");

/** Who did it: a member, by a device where that is known; who signed a statement that came into force; an address without proof; or the node. */
export const auditBySchema = z.union([
  z.strictObject({ member: id32Schema, device: id32Schema.optional() }),
  z.strictObject({
    operator: id32Schema,
    /** SHA-256 of the compact statement. */
    statement: id32Schema,
  }),
  z.strictObject({ address: auditAddressSchema }),
  z.strictObject({ node: id32Schema }),
]);
export type AuditBy = z.infer<typeof auditBySchema>;

/** Ids, codes, words and numbers. No white space, so that no sentence gets in. */
const factSchema = z.union([
  z.int(),
  z.boolean(),
  z.string().regex(/^[A-Za-z0-9._:@#,/+-]{1,64}$/, "is not a small fact"),
]);

/** Small facts about an act, by name. */
export const auditFactsSchema = z
  .record(z.string().regex(/^[a-z][A-Za-z]{0,31}$/), factSchema)
  .refine((facts) => Object.keys(facts).length <= limits.auditFacts, "has too many facts");
export type AuditFacts = z.infer<typeof auditFactsSchema>;

/** An entry as it is hashed, but for its form. */
export const auditEntrySchema = z.strictObject({
  /** Its number, from 1, without holes. */
  seq: entryNumber,
  at: time,
  node: id32Schema,
  /** SHA-256 of the entry before, as text; of the first one, of `parley-audit-v1:` and the node's id. */
  before: id32Schema,
  act: z.string().regex(/^[a-z][a-z-]{0,31}\.[a-z][a-z-]{0,31}$/, "is not an act"),
  by: auditBySchema,
  /** What it was done to: the id of a member, device, invite, channel, statement. */
  subject: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, "is not an id")
    .optional(),
  /** `done`, or the code of the error that ended it. */
  outcome: z.string().regex(/^[a-z][a-z_]{0,31}$/, "is not an outcome"),
  facts: auditFactsSchema.optional(),
  /** How many such acts this entry stands for, when more came than are written down one by one. */
  count: z.int().min(1).optional(),
  /** When the first of them was. */
  since: time.optional(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** The text of an entry: what is kept, sent, exported and hashed. */
export function encodeAuditEntry(entry: AuditEntry): string {
  return canonicalJson(entry);
}

/** Reads the text of an entry. Total; a text that says the same in another form is refused. */
export function decodeAuditEntry(text: string): Decoded<AuditEntry> {
  const json = parseJson(text, limits.auditEntryBytes);
  if (!json.ok) return json;
  const parsed = auditEntrySchema.safeParse(json.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return undecodable("invalid_argument", `${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  return inCanonicalForm(parsed.data, text);
}

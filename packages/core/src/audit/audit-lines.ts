/**
 * An exported audit log: lines of canonical JSON, each ended by a line feed. First a header, then checkpoints, witnesses with
 * the records that prove them, the entries, and last the head.
 */
import {
  canonicalJson,
  compactSchema,
  decoded,
  type Decoded,
  id32Schema,
  inCanonicalForm,
  issueOf,
  limits,
  type MemberRecord,
  memberRecordSchema,
  operatorChainSchema,
  parseJson,
  undecodable,
} from "@parley/protocol";
import { z } from "zod";

const headerSchema = z.strictObject({
  /** Version of the format. */
  audit: z.literal(1),
  mesh: id32Schema,
  node: id32Schema,
  /** The operator sets, genesis first. */
  operators: operatorChainSchema,
  /** The node's certificate. */
  certificate: compactSchema,
});
export type AuditHeader = z.infer<typeof headerSchema>;

const lineSchema = z.union([
  z.strictObject({ checkpoint: compactSchema }),
  z.strictObject({ witness: compactSchema, record: memberRecordSchema }),
  z.strictObject({ head: compactSchema }),
]);

/** A line beside the entries. */
export type AuditLine =
  | { readonly checkpoint: string }
  | { readonly witness: string; readonly record: MemberRecord }
  | { readonly head: string };

/** The longest line: a header with a full chain of operator sets. */
export const mostLineBytes = 4_194_304;

export const auditHeaderLine = (header: Omit<AuditHeader, "audit">): string => canonicalJson({ audit: 1, ...header });

export const auditLine = (line: AuditLine): string => canonicalJson(line);

/** Total, as all readers here. */
export function readHeader(text: string): Decoded<AuditHeader> {
  return readLine(headerSchema, text);
}

export type ReadLine = AuditLine | { readonly entry: string };

/** Entries are told from the other lines by their first field; what they say is the walk's to judge. */
export function readBodyLine(text: string): Decoded<ReadLine> {
  const isOther = /^\{"(?:checkpoint|record|head)":/.test(text);
  if (isOther) return readLine(lineSchema, text);
  if (text.length > limits.auditEntryBytes) return undecodable("too_large", "an entry is longer than the limit");
  return decoded({ entry: text });
}

function readLine<Schema extends z.ZodType>(schema: Schema, text: string): Decoded<z.infer<Schema>> {
  const json = parseJson(text, mostLineBytes);
  if (!json.ok) return json;
  const parsed = schema.safeParse(json.value);
  if (!parsed.success) return undecodable("invalid_argument", issueOf(parsed.error));
  return inCanonicalForm(parsed.data, text);
}

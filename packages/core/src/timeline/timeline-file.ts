/**
 * An exported timeline: canonical JSON (RFC 8785) and one line feed. It carries all that its verification needs, and every byte of it is
 * under a signature, named by one, or has one spelling only; so none can be changed.
 */
import {
  canonicalJson,
  compactSchema,
  id32Schema,
  inCanonicalForm,
  isParleyError,
  issueOf,
  limits,
  operatorChainSchema,
  ParleyError,
  parseJson,
  type TimelineKind,
  timelineSubjectSchema,
  timelineTypes,
} from "@parley/protocol";
import { z } from "zod";

import { type OperatorSet, requireSameChain, verifyOperatorSets } from "../trust/operators.ts";
import { type TimelineEntry, verifyEntry } from "./timeline-entry.ts";
import {
  type TimelineParty,
  timelinePartySchema,
  type VerifiedParty,
  verifyParty,
  withDevices,
} from "./timeline-party.ts";
import { timelineRules } from "./timeline-rules.ts";

const kinds = Object.keys(timelineTypes) as [TimelineKind, ...TimelineKind[]];

const fileSchema = z.strictObject({
  /** Version of the format. */
  timeline: z.literal(1),
  kind: z.enum(kinds),
  mesh: id32Schema,
  subject: timelineSubjectSchema,
  /** The operator sets, genesis first. */
  operators: operatorChainSchema,
  parties: z.array(timelinePartySchema).min(1).max(limits.timelineMembers),
  entries: z.array(compactSchema).min(1).max(limits.timelineEntries),
});

export interface TimelineExport<Kind extends TimelineKind> {
  readonly kind: Kind;
  readonly mesh: string;
  readonly subject: string;
  readonly operators: readonly string[];
  /** By member. Device lists that nothing was signed under are left out. */
  readonly parties: ReadonlyMap<string, TimelineParty>;
  readonly entries: readonly TimelineEntry<Kind>[];
}

/** What the reader believes in: the mesh, and its operator sets where they are pinned. */
export interface TimelinePins {
  readonly mesh: string;
  readonly operators?: OperatorSet;
}

/** A timeline that holds. */
export interface TimelineReport<Kind extends TimelineKind = TimelineKind> {
  readonly kind: Kind;
  readonly mesh: string;
  readonly subject: string;
  readonly parties: readonly VerifiedParty[];
  readonly entries: readonly TimelineEntry<Kind>[];
}

/** The file's text. Throws `too_large`. */
export function exportTimeline<Kind extends TimelineKind>(timeline: TimelineExport<Kind>): string {
  const { kind, mesh, subject, operators, entries } = timeline;
  const signed = new Set(entries.map(({ device }) => device));
  const parties = [...timeline.parties.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, party]) => withDevices(party, signed));
  const compact = entries.map((entry) => entry.compact);
  const text = `${canonicalJson({ timeline: 1, kind, mesh, subject, operators, parties, entries: compact })}\n`;
  if (text.length > limits.timelineFileBytes)
    throw new ParleyError("too_large", { message: "This timeline is larger than a file of it may be." });
  return text;
}

/**
 * Verifies a file, without asking anybody. `pins` says which mesh is believed; without it the report's mesh is only what the file says of
 * itself. Throws `timeline_broken`, for an entry with its number as `entry` in the data; `wrong_mesh` or `registry_key_mismatch`
 * when it holds and is another mesh's.
 */
export async function verifyTimelineFile(bytes: Uint8Array, pins?: TimelinePins): Promise<TimelineReport> {
  const file = readFile(bytes);
  const sets = await part("The operator sets", () => verifyOperatorSets(file.operators));
  if (sets[0].mesh !== file.mesh) throw broken("The operator sets are another mesh's.");
  const parties = await part("A party", () => verifyParties(file.parties, sets));
  const entries = await verifyEntries(file, parties);
  if (pins !== undefined && pins.mesh !== file.mesh) throw new ParleyError("wrong_mesh");
  if (pins?.operators !== undefined) requireSameChain(file.operators, pins.operators.chain);
  return { kind: file.kind, mesh: file.mesh, subject: file.subject, parties: [...parties.values()], entries };
}

function readFile(bytes: Uint8Array): z.infer<typeof fileSchema> {
  if (bytes.length > limits.timelineFileBytes) throw new ParleyError("too_large");
  const text = textOf(bytes);
  if (!text.endsWith("\n")) throw broken("The file does not end with a line feed: its end is missing.");
  const line = text.slice(0, -1);
  const json = parseJson(line, limits.timelineFileBytes);
  if (!json.ok) throw broken(`It cannot be read: ${json.message}.`);
  const parsed = fileSchema.safeParse(json.value);
  if (!parsed.success) throw broken(`It is not of the documented form: ${issueOf(parsed.error)}`);
  const read = inCanonicalForm(parsed.data, line);
  if (!read.ok) throw broken("It is not in its one spelling.");
  return read.value;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken("It is not text.");
  }
}

async function verifyParties(
  parties: readonly TimelineParty[],
  sets: readonly OperatorSet[],
): Promise<ReadonlyMap<string, VerifiedParty>> {
  const verified = new Map<string, VerifiedParty>();
  let last = "";
  for (const party of parties) {
    const found = await verifyParty(party, sets);
    if (found.member <= last) throw broken("The parties are not in the order of their ids.");
    last = found.member;
    verified.set(found.member, found);
  }
  return verified;
}

async function verifyEntries(
  { kind, mesh, subject, entries }: z.infer<typeof fileSchema>,
  parties: ReadonlyMap<string, VerifiedParty>,
): Promise<TimelineEntry<TimelineKind>[]> {
  const verified: TimelineEntry<TimelineKind>[] = [];
  const rules = timelineRules(kind);
  const keyOf = (member: string, device: string): string | undefined => parties.get(member)?.devices.get(device);
  for (const [index, compact] of entries.entries()) {
    try {
      const entry = await verifyEntry(compact, { kind, mesh, subject, before: verified.at(-1) }, keyOf);
      rules.take(entry);
      verified.push(entry);
    } catch (error) {
      throw entryError(error, index + 1);
    }
  }
  return verified;
}

/** Whatever is wrong with an entry is wrong there. */
function entryError(error: unknown, entry: number): unknown {
  if (!isParleyError(error)) return error;
  if (error.code === "timeline_broken" && error.data?.["entry"] !== undefined) return error;
  return broken(`Entry ${entry}: ${error.message}`, { entry, reason: error.code });
}

async function part<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!isParleyError(error) || error.code === "timeline_broken") throw error;
    throw broken(`${what}: ${error.message}`, { reason: error.code });
  }
}

const broken = (message: string, data?: Readonly<Record<string, unknown>>): ParleyError =>
  new ParleyError("timeline_broken", { message: message.slice(0, limits.errorCharacters), ...(data && { data }) });

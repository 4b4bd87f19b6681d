/** One entry of a timeline: a statement that names the one before it by its hash, so that nobody takes one out or puts one in. */
import {
  limits,
  ParleyError,
  type Statement,
  type TimelineKind,
  type TimelineStatement,
  timelineTypes,
} from "@parley/protocol";

import { sha256, type Signer } from "../trust/keys.ts";
import { peekStatement, signStatement, verifyStatement } from "../trust/statement.ts";

export interface TimelineEntry<Kind extends TimelineKind> {
  readonly compact: string;
  /** SHA-256 of the compact form: what the next entry names. */
  readonly hash: string;
  readonly statement: TimelineStatement<Kind>;
  /** Device that signed it. */
  readonly device: string;
}

/** What a timeline is about. */
export interface TimelinePlace<Kind extends TimelineKind> {
  readonly kind: Kind;
  readonly mesh: string;
  readonly subject: string;
  /** The entry before; undefined where a timeline begins. */
  readonly before: TimelineEntry<Kind> | undefined;
}

/** Public key of a device of a member; undefined when it is none. */
export type DeviceKeyOf = (member: string, device: string) => string | undefined | Promise<string | undefined>;

export interface NewEntry<Kind extends TimelineKind> {
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly iat: number;
  readonly act: TimelineStatement<Kind>["act"];
}

const broken = (message: string, entry: number): ParleyError =>
  new ParleyError("timeline_broken", { message: `Entry ${entry}: ${message}`, data: { entry } });

/** Signs the entry that comes next. Throws `limit_reached` when the timeline is full, else as `signStatement`. */
export async function signEntry<Kind extends TimelineKind>(
  { kind, mesh, subject, before }: TimelinePlace<Kind>,
  { by, iat, act }: NewEntry<Kind>,
  device: Signer,
): Promise<TimelineEntry<Kind>> {
  const number = (before?.statement.number ?? 0) + 1;
  if (number > limits.timelineEntries)
    throw new ParleyError("limit_reached", { message: "This timeline has as many entries as it may have." });
  const previous = before === undefined ? {} : { previous: before.hash };
  const statement = { mesh, subject, number, ...previous, by, iat, act } as TimelineStatement<Kind>;
  const compact = await signStatement(typeOf(kind), statement as Statement<(typeof timelineTypes)[Kind]>, device);
  return { compact, hash: await sha256(compact), statement, device: device.id };
}

/**
 * Verifies that an entry comes next: signed by a device of the member that it names, in this timeline, after the entry before. Throws
 * `timeline_broken` with the entry's number, or `bad_signature` when it cannot be read.
 */
export async function verifyEntry<Kind extends TimelineKind>(
  compact: string,
  place: TimelinePlace<Kind>,
  keyOf: DeviceKeyOf,
): Promise<TimelineEntry<Kind>> {
  const entry = await readEntry(place.kind, compact);
  const { statement, device } = entry;
  const number = (place.before?.statement.number ?? 0) + 1;
  if (statement.mesh !== place.mesh) throw broken("it belongs to another mesh.", number);
  if (statement.subject !== place.subject) throw broken("it belongs to another timeline.", number);
  if (statement.number !== number || statement.previous !== place.before?.hash)
    throw broken("it does not follow the one before it.", number);
  const earliest = (place.before?.statement.iat ?? 0) - limits.clockSkewMs;
  if (statement.iat < earliest) throw broken("it is dated before the one before it.", number);
  const key = await keyOf(statement.by, device);
  if (key === undefined) throw broken("it is not signed by a device of the member that it names.", number);
  await verifyStatement(typeOf(place.kind), compact, key).catch((cause: unknown) => {
    throw new ParleyError("timeline_broken", {
      message: `Entry ${number}: its signature does not match.`,
      data: { entry: number },
      cause,
    });
  });
  return entry;
}

/** What an entry claims, before anything is verified: only for finding whose it is. Throws `bad_signature`. */
export async function readEntry<Kind extends TimelineKind>(kind: Kind, compact: string): Promise<TimelineEntry<Kind>> {
  const { signer, ...statement } = peekStatement(typeOf(kind), compact);
  return {
    compact,
    hash: await sha256(compact),
    statement: statement as unknown as TimelineStatement<Kind>,
    device: signer,
  };
}

const typeOf = <Kind extends TimelineKind>(kind: Kind): (typeof timelineTypes)[Kind] => timelineTypes[kind];

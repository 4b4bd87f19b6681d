/** The timeline of a task on the board: making its entries, and reading what comes of it. */
import { type BoardAct, fromBase64url, ParleyError, toBase64url } from "@parley/protocol";

import { type DeviceKeyOf, readEntry, signEntry, type TimelineEntry, verifyEntry } from "../timeline/timeline-entry.ts";
import { sha256, type Signer } from "../trust/keys.ts";

export type BoardEntry = TimelineEntry<"board">;
type Submitted = BoardAct & { readonly type: "submitted" };

/** The id of a task that its asker calls by a key of its own: the same key is the same task. */
export async function boardTaskId(mesh: string, member: string, key: string): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-board-task-v1:${mesh}:${member}:${key}`)) ?? new Uint8Array();
  return toBase64url(hash.subarray(0, 16));
}

/** Who says something, and when, registry time. */
export interface BoardSpeaker {
  readonly mesh: string;
  readonly by: string;
  readonly signer: Signer;
  readonly iat: number;
}

/** Begins the timeline of a task. */
export function signBoardTask(
  { mesh, signer, ...said }: BoardSpeaker,
  task: string,
  act: Submitted,
): Promise<BoardEntry> {
  return signEntry({ kind: "board", mesh, subject: task, before: undefined }, { ...said, act }, signer);
}

/** Says what follows on an entry that was read before. */
export function signBoardAct(
  { mesh, signer, ...said }: BoardSpeaker,
  before: BoardEntry,
  act: BoardAct,
): Promise<BoardEntry> {
  const { subject } = before.statement;
  return signEntry({ kind: "board", mesh, subject, before }, { ...said, act }, signer);
}

/** What an entry claims, before it is verified. Throws `bad_signature`. */
export const readBoardEntry = (compact: string): Promise<BoardEntry> => readEntry("board", compact);

/** Verifies what an asker wants done. Throws `timeline_broken` or `bad_signature`. */
export async function verifyBoardTask(
  compact: string,
  mesh: string,
  keyOf: DeviceKeyOf,
): Promise<BoardEntry & { readonly act: Submitted }> {
  const { statement } = await readBoardEntry(compact);
  const entry = await verifyEntry(
    compact,
    { kind: "board", mesh, subject: statement.subject, before: undefined },
    keyOf,
  );
  const { act, subject, by } = entry.statement;
  if (act.type !== "submitted") throw broken("A task's timeline begins with what was asked.");
  if (act.key !== undefined && subject !== (await boardTaskId(mesh, by, act.key)))
    throw broken("The id of a task on the board is not the one of its key.");
  return { ...entry, act };
}

/** Verifies an act that follows on another entry. Throws the same. */
export function verifyBoardAct(
  compact: string,
  before: BoardEntry,
  mesh: string,
  keyOf: DeviceKeyOf,
): Promise<BoardEntry> {
  return verifyEntry(compact, { kind: "board", mesh, subject: before.statement.subject, before }, keyOf);
}

const broken = (message: string): ParleyError => new ParleyError("timeline_broken", { message });

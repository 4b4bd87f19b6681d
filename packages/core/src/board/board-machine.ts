/**
 * The state machine of a task on the board: one table of who may do what in which state, and one function that does it. Pure: the
 * registry applies it to a record by compare-and-set.
 */
import type { BoardState, ErrorCode } from "@parley/protocol";

/** Who works on a task, since it was leased. A device that starts anew has another boot nonce, and holds nothing. */
export interface BoardHolder {
  readonly member: string;
  readonly device: string;
  readonly boot: string;
}

/** What changes of a task on the board. Times in ms since 1970. */
export interface BoardTask {
  readonly state: BoardState;
  /** Leases so far: each has its number. */
  readonly generation: number;
  /** Leases under which the work was begun, or may have been. */
  readonly starts: number;
  /** Starts at most. */
  readonly attempts: number;
  /** Not leased before this. */
  readonly readyAt: number;
  readonly deadline: number;
  /** Of the present lease; afterwards of the one under which it was completed. */
  readonly holder?: BoardHolder | undefined;
  /** Why it ended without success, or why the last start came to nothing. */
  readonly reason?: ErrorCode | undefined;
  readonly ended?: number | undefined;
  readonly acknowledged?: true | undefined;
}

/** Under which lease something is done. */
interface UnderLease {
  readonly generation: number;
  readonly device: string;
}

export type BoardMove =
  | { readonly act: "lease"; readonly at: number; readonly holder: BoardHolder }
  | ({ readonly act: "renew"; readonly at: number } & UnderLease)
  /** `begun`: the work had begun, so the start counts. */
  | ({ readonly act: "return"; readonly at: number; readonly begun: boolean; readonly code: ErrorCode } & UnderLease)
  /** The lease ended by itself. `pauseMs`: before the next start. */
  | { readonly act: "lapse"; readonly at: number; readonly generation: number; readonly pauseMs: number }
  | ({ readonly act: "complete"; readonly at: number } & UnderLease)
  | ({ readonly act: "fail"; readonly at: number; readonly code: ErrorCode; readonly pauseMs: number } & UnderLease)
  | { readonly act: "cancel"; readonly at: number }
  /** What it waits for ended without success. */
  | { readonly act: "block"; readonly at: number }
  | { readonly act: "expire"; readonly at: number }
  /** With so many more starts, and until then. */
  | { readonly act: "retry"; readonly at: number; readonly attempts: number; readonly deadline: number }
  | { readonly act: "acknowledge"; readonly at: number };

export type BoardMoveName = BoardMove["act"];
export type BoardParty = "asker" | "worker" | "node";

interface BoardRow {
  /** Who may do it. */
  readonly by: BoardParty;
  readonly from: readonly BoardState[];
  /** States that it may lead to. */
  readonly to: readonly BoardState[];
}

/** Every act, once. What is not in here cannot happen. */
export const boardTable: Readonly<Record<BoardMoveName, BoardRow>> = {
  lease: { by: "node", from: ["open"], to: ["leased"] },
  renew: { by: "worker", from: ["leased"], to: ["leased"] },
  return: { by: "worker", from: ["leased"], to: ["open", "failed"] },
  lapse: { by: "node", from: ["leased"], to: ["open", "failed"] },
  complete: { by: "worker", from: ["leased"], to: ["completed"] },
  fail: { by: "worker", from: ["leased"], to: ["open", "failed"] },
  cancel: { by: "asker", from: ["open", "leased"], to: ["canceled"] },
  block: { by: "node", from: ["open"], to: ["failed"] },
  expire: { by: "node", from: ["open", "leased"], to: ["expired"] },
  retry: { by: "asker", from: ["failed", "canceled", "expired"], to: ["open"] },
  acknowledge: {
    by: "asker",
    from: ["completed", "failed", "canceled", "expired"],
    to: ["completed", "failed", "canceled", "expired"],
  },
};

/** Failures that no other start would mend. */
const finalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "invalid_input",
  "invalid_argument",
  "bad_signature",
  "bad_delegation",
  "delegation_withdrawn",
  "approval_denied",
  "too_many_hops",
  "call_cycle",
  "revoked",
  "too_large",
  "canceled",
]);

export const isFinalFailure = (code: ErrorCode): boolean => finalCodes.has(code);

export type BoardMoved =
  | { readonly ok: true; readonly task: BoardTask }
  | { readonly ok: false; readonly code: ErrorCode };

const refuse = (code: ErrorCode): BoardMoved => ({ ok: false, code });

/** Whether nothing but a new try leads out of a state. */
export const hasBoardTaskEnded = (state: BoardState): boolean => state !== "open" && state !== "leased";

/** A task as it begins. */
export function newBoardTask(terms: Pick<BoardTask, "attempts" | "readyAt" | "deadline">): BoardTask {
  return { state: "open", generation: 0, starts: 0, ...terms };
}

/** What a task is after a move, or the code of why it does not happen. */
export function moveBoardTask(task: BoardTask, move: BoardMove): BoardMoved {
  const row = boardTable[move.act];
  // Whoever comes too late hears that its lease is over, whatever became of the task.
  if (row.by === "worker" && !isUnderLease(task, move as UnderLease)) return refuse("lease_ended");
  if (!row.from.includes(task.state)) return refuse(refusalOf(move.act));
  switch (move.act) {
    case "lease":
      return lease(task, move);
    case "renew":
      return { ok: true, task };
    case "return":
      return move.begun ? again(task, move.code, move.at, move.at) : { ok: true, task: unbegun(task, move) };
    case "lapse":
      return move.generation === task.generation
        ? again(task, "worker_lost", move.at, move.at + move.pauseMs)
        : refuse("lease_ended");
    case "complete":
      return { ok: true, task: { ...end(task, "completed", undefined, move.at), holder: task.holder } };
    case "fail":
      return isFinalFailure(move.code)
        ? { ok: true, task: end(task, "failed", move.code, move.at) }
        : again(task, move.code, move.at, move.at + move.pauseMs);
    case "cancel":
      return { ok: true, task: end(task, "canceled", "canceled", move.at) };
    case "block":
      return { ok: true, task: end(task, "failed", "dependency_failed", move.at) };
    case "expire":
      return move.at < task.deadline
        ? refuse("conflict")
        : { ok: true, task: end(task, "expired", "expired", move.at) };
    case "retry":
      return retry(task, move);
    case "acknowledge":
      return { ok: true, task: { ...task, acknowledged: true } };
  }
}

const isUnderLease = ({ state, generation, holder }: BoardTask, under: UnderLease): boolean =>
  state === "leased" && generation === under.generation && holder?.device === under.device;

function refusalOf(act: BoardMoveName): ErrorCode {
  if (act === "cancel") return "task_not_cancelable";
  return "conflict";
}

function lease(task: BoardTask, { at, holder }: BoardMove & { act: "lease" }): BoardMoved {
  if (at < task.readyAt || at >= task.deadline) return refuse("conflict");
  const { reason: _before, ...rest } = task;
  return {
    ok: true,
    task: { ...rest, state: "leased", holder, generation: task.generation + 1, starts: task.starts + 1 },
  };
}

/** A start that was none. */
function unbegun({ holder: _holder, ...task }: BoardTask, { code }: { readonly code: ErrorCode }): BoardTask {
  return { ...task, state: "open", starts: task.starts - 1, reason: code };
}

/** A start came to nothing: once more, or a dead letter. */
function again(task: BoardTask, code: ErrorCode, at: number, readyAt: number): BoardMoved {
  if (task.starts >= task.attempts) return { ok: true, task: end(task, "failed", code, at) };
  const { holder: _holder, ...rest } = task;
  return { ok: true, task: { ...rest, state: "open", reason: code, readyAt } };
}

function end(
  { holder: _holder, reason: _reason, ...task }: BoardTask,
  state: BoardState,
  reason: ErrorCode | undefined,
  ended: number,
): BoardTask {
  return { ...task, state, ended, ...(reason === undefined ? {} : { reason }) };
}

function retry(
  { ended: _ended, acknowledged: _acknowledged, reason: _reason, ...task }: BoardTask,
  { at, attempts, deadline }: BoardMove & { act: "retry" },
): BoardMoved {
  return { ok: true, task: { ...task, state: "open", readyAt: at, attempts: task.starts + attempts, deadline } };
}

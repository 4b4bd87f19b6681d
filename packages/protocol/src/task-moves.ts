/**
 * The life of a task as a table: which state may follow which, and who may cause it. The callee keeps to it before it tells an
 * event, the caller when it takes one.
 */
import { isTerminal, type TaskState } from "./task.ts";

/**
 * Who causes a move: the `caller`, by a message or by canceling; the `callee`, by its work, its time and its rules; an `approver`,
 * whose word the task waits for.
 */
export type TaskCause = "caller" | "callee" | "approver";

interface TaskMove {
  /** `none` is before the first event. */
  readonly from: TaskState | "none";
  readonly to: TaskState;
  readonly by: readonly TaskCause[];
}

const move = (from: TaskMove["from"], to: TaskState, ...by: TaskCause[]): TaskMove => ({ from, to, by });

export const taskMoves: readonly TaskMove[] = [
  move("none", "TASK_STATE_SUBMITTED", "caller"),
  move("none", "TASK_STATE_WORKING", "caller"),
  move("none", "TASK_STATE_REJECTED", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_AUTH_REQUIRED", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_INPUT_REQUIRED", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_COMPLETED", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_FAILED", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_CANCELED", "caller", "callee"),
  move("TASK_STATE_SUBMITTED", "TASK_STATE_REJECTED", "callee"),
  // A progress note.
  move("TASK_STATE_WORKING", "TASK_STATE_WORKING", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_AUTH_REQUIRED", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_FAILED", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_CANCELED", "caller", "callee"),
  move("TASK_STATE_WORKING", "TASK_STATE_REJECTED", "callee"),
  // The answer, or another one who is asked at the same time.
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_WORKING", "caller", "callee"),
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_INPUT_REQUIRED", "callee"),
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_AUTH_REQUIRED", "caller", "callee"),
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_COMPLETED", "callee"),
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_FAILED", "callee"),
  move("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_CANCELED", "caller", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_WORKING", "approver", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_AUTH_REQUIRED", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_INPUT_REQUIRED", "approver", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_COMPLETED", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_FAILED", "approver", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_CANCELED", "caller", "callee"),
  move("TASK_STATE_AUTH_REQUIRED", "TASK_STATE_REJECTED", "approver", "callee"),
];

const causes = new Map<string, ReadonlySet<TaskCause>>(
  taskMoves.map(({ from, to, by }) => [`${from} ${to}`, new Set(by)]),
);

/** Whether a task may go from one state to another, caused by one of the three if that is said. */
export function mayMove(from: TaskState | "none", to: TaskState, by?: TaskCause): boolean {
  const found = causes.get(`${from} ${to}`);
  return found !== undefined && (by === undefined || found.has(by));
}

/**
 * Whether a whole task in one state may be told after another was known: what lay between was not heard, so any state may come
 * that a terminal one does not forbid.
 */
export function mayJump(known: TaskState | "none", to: TaskState): boolean {
  return known === "none" || !isTerminal(known) || known === to;
}

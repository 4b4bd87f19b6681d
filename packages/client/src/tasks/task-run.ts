import type { ApprovalNeed, Artifact, CallStep, Message, Path, StreamResponse, Task } from "@parley/protocol";

import type { ActToApprove } from "../approvals/act-approval.ts";
import type { DelegationTerms } from "../delegations/delegation-api.ts";
import type { AllowedPaths, Sender } from "../delivery.ts";
import type { PathReason } from "../path-reason.ts";

/** What to ask of a member. */
export interface DelegateRequest {
  readonly skill: string;
  /** JSON value for the skill; goes as a `data` part. */
  readonly input?: unknown;
  /** Words for the skill; go as a `text` part. */
  readonly text?: string;
  readonly contextId?: string;
  /** Milliseconds until the caller gives up and cancels. Default five minutes, at most `limits.taskMs`. */
  readonly timeLimitMs?: number;
  readonly paths?: AllowedPaths;
  readonly signal?: AbortSignal;
  /** By which this member acts for another one: what came as the mandate of a task. */
  readonly chain?: readonly string[];
  /** Signs the call in the name of a sub-agent: by the callee's id, the message's id and the time. */
  readonly acting?: (callee: string, message: string, now: number) => Promise<string>;
  /** Lets the callee act further for this member, or for whom it acts by `chain`. */
  readonly mandate?: DelegationTerms;
  /** How many messages or calls of agents led to this call; 0 for what begins here. Throws `too_many_hops` above `limits.hops`. */
  readonly hops?: number;
  /** The skills at work for which this one is asked, outermost first. Throws `call_cycle` when the call would come back to one. */
  readonly through?: readonly CallStep[];
}

/** How a task ended. */
export interface TaskOutcome {
  readonly task: Task;
  /** The `data` of the last artifact's last data part, if any: a skill's typed output. */
  readonly output: unknown;
  /** All text parts of the artifacts, joined by newlines. */
  readonly text: string;
  /** Path by which the last event came. */
  readonly path: Path;
  /** Why it goes that way, as far as that is known. */
  readonly reason?: PathReason | undefined;
  readonly tookMs: number;
}

/** A task on another agent, as its caller follows it. */
export interface TaskRun {
  readonly to: Sender;
  /** Known after the first event. */
  readonly taskId: string | undefined;
  /** Events as they come, from the first on; ends with the stream, throws a coded error when the call fails. One reader. */
  readonly events: AsyncIterable<TaskEvent>;
  /** Resolves when the task completed. Rejects with `task_failed`, `canceled`, `refused`, `timeout`, `invalid_input`, ... */
  readonly outcome: Promise<TaskOutcome>;
  /** Says something further: the answer to what the agent asks, or for a skill that reads messages. Rejects with `unsupported_operation` when it wants none. */
  reply(text: string): Promise<void>;
  /** Asks the agent to stop; `outcome` then rejects with `canceled`. Safe to call twice. */
  cancel(): void;
  /** Stops following; the task goes on, and can be followed again. `outcome` then rejects with `closed`. */
  leave(): void;
}

export interface TaskEvent {
  readonly response: StreamResponse;
  readonly path: Path;
  /** From 1, and going up; of a whole task, of the newest event in it. Missing where more of that task follows. */
  readonly number?: number;
  /** With a whole task: what came after this number is not told one by one. */
  readonly gap?: { readonly after: number };
}

/** Whom a caller acts for. */
export interface Principal {
  readonly member: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** Members between the principal and the caller. */
  readonly through: readonly { readonly member: string; readonly name: string }[];
  /** A sub-agent of the caller that asks. */
  readonly sub: { readonly id: string; readonly label: string | undefined } | undefined;
}

/** A task as the agent that works on it sees it. */
export interface IncomingTask {
  readonly id: string;
  readonly contextId: string;
  /** What was said in this context before, oldest first, as far as the agent remembers it. */
  readonly history: readonly Message[];
  readonly skill: string;
  readonly message: Message;
  /** `data` of the first data part. */
  readonly input: unknown;
  /** Text parts joined by newlines. */
  readonly text: string;
  readonly from: Sender;
  /** How many messages or calls of agents led to this one, by the caller's word. */
  readonly hops: number;
  /** The skills at work for which this one is asked, outermost first, by the caller's word. */
  readonly through: readonly CallStep[];
  readonly path: Path;
  /** For whom the caller acts, by delegations that hold; undefined when it acts for itself. */
  readonly actsFor: Principal | undefined;
  /** Delegations by which this member may act further: `chain` of a call of its own. */
  readonly mandate: readonly string[] | undefined;
  /** Aborted when the caller cancels, the time limit passes or this device stops. The reason is a ParleyError. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. Later by as long as somebody was waited for. */
  readonly deadline: number;
  /** Further messages of the caller, for one reader; who does not read them lets nobody send them. */
  readonly messages: AsyncIterable<Message>;
  /** Where it was begun in an earlier start of the agent: see `checkpoint`. */
  readonly resumed: Resumed | undefined;
  /**
   * A progress note: a status update in TASK_STATE_WORKING with this text. Resolves when there is room for more: a slow
   * caller slows whoever awaits it. Rejects with `limit_reached` when far too much waits.
   */
  progress(text: string): Promise<void>;
  /** Adds an artifact, or a chunk of one when `append` is set, in the same way. What no envelope can carry is left at the registry first. */
  artifact(artifact: Artifact, options?: { append?: boolean; lastChunk?: boolean }): Promise<void>;
  /**
   * Asks the caller something, or with `of` (a member's id) somebody else, and waits for the words that answer, an hour unless
   * `withinMs` says another. The time limit of the task does not run meanwhile.
   */
  ask(text: string, options?: { readonly of?: string; readonly withinMs?: number }): Promise<string>;
  /**
   * Waits for a person's yes to something that is to be done in the course of the task; the time limit does not run meanwhile.
   * Rejects with `approval_denied` or `approval_expired`.
   */
  approve(act: ActToApprove): Promise<void>;
  /**
   * Keeps where the work is, for the next start of the agent. Durable when resolved. Rejects with `unsupported_operation` in a task
   * that is not resumable, and with `too_large` above `limits.checkpointBytes`.
   */
  checkpoint(value: unknown): Promise<void>;
  /** Somebody else is waited for, who is named by the note: the time limit does not run until what is returned is called. */
  hold(note: string): () => void;
}

/** A task that an earlier start of the agent had begun. */
export interface Resumed {
  /** Which time this is, from 2. */
  readonly starts: number;
  /** What was kept last. */
  readonly checkpoint: unknown;
}

/** Works on a task; what it returns becomes the last artifact (`data`), what it throws fails the task. */
export type TaskHandler = (task: IncomingTask) => Promise<unknown>;

/**
 * Refuses a task before it starts: an unknown skill, a full agent. Throws a coded error to refuse; answers with what a person has
 * to say first.
 */
export type TaskAdmission = (task: {
  skill: string;
  input: unknown;
  from: Sender;
  hops: number;
}) => ApprovalNeed | undefined | void | Promise<ApprovalNeed | undefined | void>;

/** What a program says of the tasks that it takes. */
export interface ServeOptions {
  /** Skills whose tasks are kept on disk and begun again after a restart of the agent; all others end with it, with `interrupted`. */
  readonly resumable?: (skill: string) => boolean;
}

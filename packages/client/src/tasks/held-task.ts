/** One task as its agent holds it: what happened so far, who follows, and how it may end. */
import type { Clock, Random, Timer } from "@parley/core";
import {
  type Artifact,
  type CallEvent,
  limits,
  type Message,
  ParleyError,
  type StreamResponse,
  type Task,
  type TaskState,
  toBase64url,
  toParleyError,
  type WireError,
} from "@parley/protocol";

import type { AllowedPaths } from "../delivery.ts";
import type { Peer } from "../peer.ts";
import { TaskFold } from "./task-fold.ts";

/** A call whose events go to a device. */
export interface Follower {
  readonly peer: Peer;
  readonly call: number;
  readonly paths: AllowedPaths | undefined;
}

export interface HeldTaskOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Member that asked; nobody else may see or cancel it. */
  readonly owner: string;
  readonly contextId: string;
  readonly timeLimitMs: number;
  /** Of a task that was begun in an earlier start. Default: a new one. */
  readonly id?: string;
  /** Resolves once the event was taken for sending, which waits for room; never rejects. */
  readonly tell: (follower: Follower, event: CallEvent) => Promise<void>;
  /** Of work that nobody waits for: how it ended. It goes on whoever follows. */
  readonly onEnd?: (task: Task, error: ParleyError | undefined) => void;
}

/** Events of one task that wait for room at once. */
const mostWaiting = 1024;
/** Longest note in a status. */
const mostNoteCharacters = 8192;

/** What of an error crosses the wire: code and a text bounded in length. */
export function wireErrorOf(error: unknown): WireError {
  const { code, message } = toParleyError(error);
  return { code, message: message.slice(0, limits.errorCharacters) };
}

/** Room for what stands around an event in its envelope. */
const eventMarginBytes = 1024;

function checkFits(event: StreamResponse): void {
  const most = limits.envelopeBytes - eventMarginBytes;
  const text = JSON.stringify(event);
  // A character has at most three bytes in UTF-8.
  if (text.length * 3 <= most || new TextEncoder().encode(text).length <= most) return;
  throw new ParleyError("too_large", {
    message: `An artifact in one piece is larger than ${most} bytes; give it in chunks.`,
  });
}

export class HeldTask {
  readonly id: string;
  readonly contextId: string;
  readonly owner: string;
  readonly #options: HeldTaskOptions;
  #controller: AbortController | undefined;
  #aborted: ParleyError | undefined;
  #onAbort: ((reason: ParleyError) => void) | undefined;
  readonly #fold = new TaskFold();
  readonly #followers = new Set<Follower>();
  #timer: Timer | undefined;
  #announced = false;
  #isPaused = false;
  #waitsForYes = false;
  #onAnswer: ((message: Message) => void) | undefined;
  #waiting = 0;

  constructor(options: HeldTaskOptions, first: Follower | undefined) {
    const { clock, random, timeLimitMs } = options;
    this.#options = options;
    this.id = options.id ?? toBase64url(random.bytes(12));
    this.contextId = options.contextId;
    this.owner = options.owner;
    if (first !== undefined) this.#followers.add(first);
    this.#fold.apply({ task: { id: this.id, contextId: this.contextId, status: this.#status("TASK_STATE_WORKING") } });
    // A task that ends at once is told in one event and needs no timer; one that goes on is announced with the next turn.
    clock.soon(() => this.#goOn(timeLimitMs));
  }

  /** Waits for somebody's word (the caller's in INPUT_REQUIRED, else another's): the time limit of the work does not run meanwhile. */
  pause(state: "TASK_STATE_AUTH_REQUIRED" | "TASK_STATE_INPUT_REQUIRED", note: string): void {
    this.#timer?.cancel();
    this.#isPaused = true;
    void this.#publish({
      statusUpdate: { taskId: this.id, contextId: this.contextId, status: this.#status(state, note) },
    });
  }

  /** The work has not begun, and is kept on disk until somebody says yes. */
  waitForYes(note: string): void {
    this.#waitsForYes = true;
    this.pause("TASK_STATE_AUTH_REQUIRED", note);
  }

  /** The work goes on, with as much time as it had. */
  goOn(): void {
    if (!this.#isPaused || this.ended) return;
    this.#isPaused = false;
    this.#waitsForYes = false;
    this.#timer?.cancel();
    void this.progress("");
    this.#startTimer(this.#options.timeLimitMs);
  }

  /** A further message of the caller, for whoever asked it something. False when nobody did. */
  answer(message: Message): boolean {
    const answered = this.#onAnswer;
    this.#onAnswer = undefined;
    answered?.(message);
    return answered !== undefined;
  }

  /** Asks the caller something and waits for what it says. Rejects when the task is aborted; one question at a time. */
  async askCaller(text: string, withinMs: number): Promise<Message> {
    if (this.#onAnswer !== undefined)
      throw new ParleyError("conflict", { message: "The caller is being asked something already." });
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#onAnswer = resolve;
    this.pause("TASK_STATE_INPUT_REQUIRED", text);
    this.#timer = this.#options.clock.setTimer(Math.min(withinMs, limits.approvalLifeMs), () =>
      this.abort(new ParleyError("approval_expired", { message: "The caller did not answer in time." })),
    );
    const answer = await promise;
    this.goOn();
    return answer;
  }

  /** Made when somebody looks: most short tasks end without. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** It waits for a yes before it begins: nothing is lost by waiting longer. */
  get waitsForYes(): boolean {
    return this.#waitsForYes;
  }

  get ended(): boolean {
    return this.#fold.ended;
  }

  get task(): Task {
    return this.#fold.task;
  }

  abort(reason: ParleyError): void {
    if (this.ended || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.(reason);
  }

  /** The work's result, or the reason as soon as it is aborted: a skill that ignores its signal keeps nobody waiting. */
  orAborted(work: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#onAbort = reject;
      if (this.#aborted !== undefined) reject(this.#aborted);
      work.then(resolve, reject);
    });
  }

  /** Resolves when the followers' streams took it. Throws `limit_reached` when too much waits for a slow one. */
  progress(text: string): Promise<void> {
    return this.#publish({
      statusUpdate: {
        taskId: this.id,
        contextId: this.contextId,
        status: this.#status("TASK_STATE_WORKING", text === "" ? undefined : text),
      },
    });
  }

  /** The same. Throws `too_large` when no envelope can carry it. */
  async artifact(artifact: Artifact, options: { append?: boolean; lastChunk?: boolean } = {}): Promise<void> {
    const event = { artifactUpdate: { taskId: this.id, contextId: this.contextId, artifact, ...options } };
    checkFits(event);
    await this.#publish(event);
  }

  /** Ends well; a defined output becomes the last artifact. Throws `too_large` when no envelope can carry it. */
  complete(output: unknown): void {
    if (output !== undefined) {
      const artifact: Artifact = { artifactId: "output", parts: [{ data: output }] };
      const event: StreamResponse = {
        artifactUpdate: { taskId: this.id, contextId: this.contextId, artifact, lastChunk: true },
      };
      checkFits(event);
      if (this.#announced) void this.#publish(event);
      else this.#fold.apply(event);
    }
    this.#end("TASK_STATE_COMPLETED");
  }

  /** Ends badly: canceled when that is why, with a code where the caller can act on it, else failed with a note. */
  fail(error: ParleyError): void {
    if (error.code === "canceled") this.#end("TASK_STATE_CANCELED");
    else if (error.code === "task_failed" || error.code === "internal") this.#end("TASK_STATE_FAILED", error.message);
    else this.#endWith(error);
  }

  /** One more follower: a snapshot first, then what happens from now on. */
  follow(follower: Follower): void {
    void this.#tell(follower, { event: { task: this.task } });
    this.#followers.add(follower);
  }

  /** A device started anew: it does not wait for this any more. True when nobody does. */
  unfollow(peer: Peer): boolean {
    for (const follower of this.#followers) if (follower.peer === peer) this.#followers.delete(follower);
    return this.#followers.size === 0 && this.#options.onEnd === undefined;
  }

  #goOn(timeLimitMs: number): void {
    if (this.ended) return;
    if (!this.#isPaused) this.#startTimer(timeLimitMs);
    this.#announce();
  }

  #startTimer(timeLimitMs: number): void {
    this.#timer = this.#options.clock.setTimer(timeLimitMs, () =>
      this.abort(new ParleyError("timeout", { message: `The task took longer than ${timeLimitMs} ms.` })),
    );
  }

  #announce(): void {
    if (this.#announced || this.ended) return;
    this.#announced = true;
    void this.#tellAll({ event: { task: this.task } });
  }

  /** Nothing leaves a terminal state. */
  async #publish(event: StreamResponse): Promise<void> {
    if (this.ended) return;
    if (this.#waiting >= mostWaiting)
      throw new ParleyError("limit_reached", {
        message: "Too many events of this task wait for a slow caller; await each before the next.",
      });
    this.#announce();
    this.#fold.apply(event);
    this.#waiting++;
    await this.#tellAll({ event });
    this.#waiting--;
  }

  #end(state: TaskState, note?: string): void {
    if (this.ended) return;
    const event: StreamResponse = {
      statusUpdate: { taskId: this.id, contextId: this.contextId, status: this.#status(state, note) },
    };
    this.#fold.apply(event);
    void this.#tellAll(this.#announced ? { event, end: true } : { event: { task: this.task }, end: true });
    this.#options.onEnd?.(this.task, endingOf(state, note));
    this.#close();
  }

  #endWith(error: ParleyError): void {
    if (this.ended) return;
    this.#fold.apply({
      statusUpdate: {
        taskId: this.id,
        contextId: this.contextId,
        status: this.#status("TASK_STATE_FAILED", error.message),
      },
    });
    void this.#tellAll({ error: wireErrorOf(error) });
    this.#options.onEnd?.(this.task, error);
    this.#close();
  }

  #close(): void {
    this.#timer?.cancel();
    this.#onAbort = undefined;
    this.#followers.clear();
  }

  #status(state: TaskState, note?: string): Task["status"] {
    const { clock, random } = this.#options;
    const timestamp = new Date(clock.now()).toISOString();
    if (note === undefined) return { state, timestamp };
    const messageId = toBase64url(random.bytes(12));
    return {
      state,
      timestamp,
      message: { messageId, role: "ROLE_AGENT", parts: [{ text: note.slice(0, mostNoteCharacters) }] },
    };
  }

  async #tellAll(event: Omit<CallEvent, "call">): Promise<void> {
    const [only, ...others] = [...this.#followers].map((follower) => this.#tell(follower, event));
    await (others.length === 0 ? only : Promise.all([only, ...others]));
  }

  #tell(follower: Follower, event: Omit<CallEvent, "call">): Promise<void> {
    return this.#options.tell(follower, { call: follower.call, ...event });
  }
}

/** The error that an end without one of its own stands for. */
function endingOf(state: TaskState, note: string | undefined): ParleyError | undefined {
  if (state === "TASK_STATE_COMPLETED") return undefined;
  const code = state === "TASK_STATE_CANCELED" ? "canceled" : "task_failed";
  return new ParleyError(code, note === undefined ? {} : { message: note });
}

/** One task as its agent holds it: what happened so far, who follows, and how it may end. */
import type { Clock, Random } from "@parley/core";
import {
  type Artifact,
  type ErrorCode,
  limits,
  mayMove,
  type Message,
  ParleyError,
  type Part,
  type StreamResponse,
  type Task,
  type TaskState,
  toBase64url,
  toParleyError,
  type WireError,
} from "@parley/protocol";

import type { Peer } from "../peer.ts";
import { CallerWords } from "./caller-words.ts";
import { type Follower, type Happening, TaskFeed, type TaskFeedOptions } from "./task-feed.ts";
import { TaskFold } from "./task-fold.ts";
import { jsonBytes, mostEventBytes } from "./task-pieces.ts";
import type { TaskRecord } from "./task-record.ts";
import { WorkTime } from "./work-time.ts";

export interface HeldTaskOptions extends Pick<TaskFeedOptions, "tell"> {
  readonly clock: Clock;
  readonly random: Random;
  /** Member that asked; nobody else may see or cancel it. */
  readonly owner: string;
  readonly contextId: string;
  readonly skill: string;
  readonly timeLimitMs: number;
  /** Of a task that was begun in an earlier start. Default: a new one. */
  readonly id?: string | undefined;
  /** The number before its first event. */
  readonly before?: number | undefined;
  /** Leaves parts at the registry that no envelope can carry, and gives those that say where. */
  readonly leave: (parts: readonly Part[], signal: AbortSignal) => Promise<Part[]>;
  /** What is written down of it. */
  readonly record: TaskRecord;
}

/** Events of one task that wait for room at once. */
const mostWaiting = 1024;
/** Longest note in a status. */
const mostNoteCharacters = 8192;
/** Of a status, about, beside its note. */
const statusBytes = 256;

const endOnly: Happening = { end: true };

type WaitingState = "TASK_STATE_AUTH_REQUIRED" | "TASK_STATE_INPUT_REQUIRED";

/** A wait for somebody's word. */
interface Hold {
  readonly state: WaitingState;
  readonly note: string;
}

/** What of an error crosses the wire: code and a text bounded in length. */
export function wireErrorOf(error: unknown): WireError {
  const { code, message } = toParleyError(error);
  return { code, message: message.slice(0, limits.errorCharacters) };
}

export class HeldTask {
  readonly id: string;
  readonly contextId: string;
  readonly owner: string;
  readonly skill: string;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly record: TaskRecord;
  readonly time: WorkTime;
  /** Keeps how it ended, before anybody is told. */
  beforeEnd: ((task: Task, error: WireError | undefined) => Promise<void>) | undefined;
  /** Nobody needs to wait for it: it goes on when its caller starts anew. */
  outlivesCaller = false;
  readonly #options: HeldTaskOptions;
  readonly #fold = new TaskFold();
  readonly #feed: TaskFeed;
  #holds: Set<Hold> | undefined;
  #words: CallerWords | undefined;
  #controller: AbortController | undefined;
  #aborted: ParleyError | undefined;
  #onAbort: ((reason: ParleyError) => void) | undefined;
  #announced = false;
  /** It ended at once, in one event. */
  #isOnly = false;
  #waitsForYes = false;
  #waiting = 0;
  /** What happens after a large artifact waits until that is left at the registry. */
  #leaving: Promise<unknown> | undefined;
  #final: Happening | undefined;
  /** How it ended is being written down. */
  #keeping: Promise<void> | undefined;
  #bytes = 0;

  constructor(options: HeldTaskOptions, first: Follower | undefined) {
    const { clock, random, timeLimitMs } = options;
    this.#options = options;
    this.id = options.id ?? toBase64url(random.bytes(12));
    this.contextId = options.contextId;
    this.owner = options.owner;
    this.skill = options.skill;
    this.record = options.record;
    this.began = clock.now();
    this.#feed = new TaskFeed({ tell: options.tell, before: options.before ?? 0 }, first);
    this.time = new WorkTime(clock, timeLimitMs, () =>
      this.abort(new ParleyError("timeout", { message: `The task took longer than ${timeLimitMs} ms.` })),
    );
    this.#fold.apply({ task: { id: this.id, contextId: this.contextId, status: this.#status("TASK_STATE_WORKING") } });
    // A task that ends at once is told in one event and needs no timer; one that goes on is announced with the next turn.
    clock.soon(() => this.#goOn());
  }

  /**
   * Waits for somebody's word (the caller's in INPUT_REQUIRED, else another's): the time limit of the work does not run meanwhile.
   * What is returned ends the wait, once; with no other left the work goes on with as much time as it had.
   */
  hold(state: WaitingState, note: string): () => void {
    const hold: Hold = { state, note };
    const holds = (this.#holds ??= new Set());
    holds.add(hold);
    this.time.pause();
    this.#go(state, note);
    return () => {
      if (!holds.delete(hold) || this.ended) return;
      const [other] = holds;
      if (other !== undefined) return this.#go(other.state, other.note);
      this.time.goOn();
      this.#go("TASK_STATE_WORKING");
    };
  }

  /** The work has not begun, and is kept on disk until somebody says yes. The note may become another. */
  waitForYes(note: string): () => void {
    this.#waitsForYes = true;
    const release = this.hold("TASK_STATE_AUTH_REQUIRED", note);
    return () => {
      this.#waitsForYes = false;
      release();
    };
  }

  /** Says anew what is waited for. */
  note(text: string): void {
    this.#go(this.state, text);
  }

  /** Asks the caller something and waits for what it says. Rejects when the task is aborted; one question at a time. */
  async askCaller(text: string, withinMs: number): Promise<Message> {
    const answered = this.words.ask();
    const release = this.hold("TASK_STATE_INPUT_REQUIRED", text);
    const timer = this.#options.clock.setTimer(Math.min(withinMs, limits.approvalLifeMs), () =>
      this.abort(new ParleyError("approval_expired", { message: "The caller did not answer in time." })),
    );
    try {
      return await this.#orSignal(answered);
    } finally {
      timer.cancel();
      release();
    }
  }

  /** A skill that was stopped waits for nobody. */
  #orSignal<Result>(work: Promise<Result>): Promise<Result> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(toParleyError(signal.reason));
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  /** What the caller says. Made when somebody looks. */
  get words(): CallerWords {
    return (this.#words ??= new CallerWords());
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

  get state(): TaskState {
    return this.#fold.state ?? "TASK_STATE_WORKING";
  }

  get ended(): boolean {
    return this.#fold.ended;
  }

  get task(): Task {
    return this.#fold.task;
  }

  /** Number of the newest event. */
  get last(): number {
    return this.#feed.last;
  }

  /** Why it failed, where that has a code. */
  get errorCode(): ErrorCode | undefined {
    return this.#final?.error?.code;
  }

  get isHeard(): boolean {
    return this.#feed.isHeard;
  }

  /** About what it holds in memory. */
  get bytes(): number {
    return this.#bytes + this.#feed.bytes;
  }

  abort(reason: ParleyError): void {
    if (this.ended || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
    this.#onAbort?.(reason);
  }

  /** The work's result, or the reason as soon as it is aborted: a skill that ignores its signal keeps nobody waiting. */
  orAborted<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#onAbort = reject;
      if (this.#aborted !== undefined) reject(this.#aborted);
      work.then(resolve, reject);
    });
  }

  /** Resolves when the followers' streams took it. Throws `limit_reached` when too much waits for a slow one. */
  progress(text: string): Promise<void> {
    return this.#publish(this.#statusUpdate(this.state, text === "" ? undefined : text), statusBytes + text.length);
  }

  /** The same. What no envelope can carry is left at the registry first. */
  async artifact(artifact: Artifact, options: { append?: boolean; lastChunk?: boolean } = {}): Promise<void> {
    const place = { taskId: this.id, contextId: this.contextId };
    const bytes = jsonBytes(artifact);
    if (bytes <= mostEventBytes && this.#leaving === undefined)
      return this.#publish({ artifactUpdate: { ...place, artifact, ...options } }, bytes);
    await this.#inOrder(this.#fitting(artifact, bytes), async (left) => {
      const event = { artifactUpdate: { ...place, artifact: { ...artifact, parts: left }, ...options } };
      await this.#publish(event, jsonBytes(event));
    });
  }

  /** Ends well; a defined output becomes the last artifact. What is returned settles once that is so, if not at once. */
  complete(output: unknown): Promise<void> | undefined {
    if (output === undefined) return this.#finish();
    const artifact: Artifact = { artifactId: "output", parts: [{ data: output }] };
    const bytes = jsonBytes(artifact);
    if (bytes <= mostEventBytes && this.#leaving === undefined) {
      this.#output(artifact, bytes);
      return this.#finish();
    }
    return this.#inOrder(this.#fitting(artifact, bytes), async (left) => {
      const whole = { ...artifact, parts: left };
      this.#output(whole, jsonBytes(whole));
      this.#end("TASK_STATE_COMPLETED");
    });
  }

  /** Ends badly: canceled when that is why, with a code where the caller can act on it, else failed with a note. */
  fail(error: ParleyError): void {
    if (error.code === "canceled") this.#end("TASK_STATE_CANCELED");
    else if (error.code === "task_failed" || error.code === "internal") this.#end("TASK_STATE_FAILED", error.message);
    else this.#endWith(error);
  }

  /** One more follower, from a number on or with the task as it stands. */
  follow(follower: Follower, after: number | undefined): void {
    // As it stands it has ended, and nobody may be told so twice.
    if (this.#keeping !== undefined && this.#final === undefined)
      return void this.#keeping.then(() => this.follow(follower, after));
    if (this.#final === undefined) this.#announce();
    this.#feed.follow(follower, this.task, this.#isOnly && after === 0 ? undefined : after, this.#final);
  }

  /** A device started anew: it does not wait for this any more, until it asks again. */
  unfollow(peer: Peer): void {
    this.#feed.unfollow(peer);
  }

  /** As an earlier start left it: ended. */
  restore(task: Task, error: WireError | undefined): void {
    this.#fold.apply({ task });
    this.#announced = true;
    this.#final = error === undefined ? { event: { task }, end: true } : { error };
    this.time.stop();
  }

  #goOn(): void {
    if (this.ended) return;
    this.time.watch();
    this.#announce();
  }

  #announce(): void {
    if (this.#announced || this.ended) return;
    this.#announced = true;
    void this.#feed.publish({ event: { task: this.task } }, statusBytes);
  }

  #output(artifact: Artifact, bytes: number): void {
    // Stopped while its result was on the way to the registry.
    if (this.ended) return;
    const event: StreamResponse = {
      artifactUpdate: { taskId: this.id, contextId: this.contextId, artifact, lastChunk: true },
    };
    if (this.#announced) void this.#publish(event, bytes);
    else {
      this.#fold.apply(event);
      this.#bytes += bytes;
    }
  }

  #finish(): Promise<void> | undefined {
    if (this.#leaving !== undefined)
      return this.#inOrder(Promise.resolve(), async () => this.#end("TASK_STATE_COMPLETED"));
    this.#end("TASK_STATE_COMPLETED");
    return undefined;
  }

  #fitting({ parts }: Artifact, bytes: number): Promise<Part[]> {
    return bytes <= mostEventBytes ? Promise.resolve(parts) : this.#options.leave(parts, this.signal);
  }

  /** After what is being left at the registry. Rejects as `ready` does. */
  async #inOrder<Ready>(ready: Promise<Ready>, then: (ready: Ready) => Promise<void>): Promise<void> {
    const before = this.#leaving;
    const turn = (async () => {
      await before?.catch(() => undefined);
      return ready;
    })();
    this.#leaving = turn;
    ready.catch(() => undefined);
    try {
      const value = await turn;
      if (this.#leaving === turn) this.#leaving = undefined;
      await then(value);
    } finally {
      if (this.#leaving === turn) this.#leaving = undefined;
    }
  }

  /** Goes to a state, however much waits to be told. */
  #go(state: TaskState, note?: string): void {
    if (this.ended || !mayMove(this.state, state)) return;
    this.record.state(state, this.#options.clock.now());
    void this.#publish(this.#statusUpdate(state, note), statusBytes + (note?.length ?? 0), true);
  }

  #statusUpdate(state: TaskState, note?: string): StreamResponse {
    return { statusUpdate: { taskId: this.id, contextId: this.contextId, status: this.#status(state, note) } };
  }

  /** Nothing leaves a terminal state. */
  async #publish(event: StreamResponse, bytes: number, isForced = false): Promise<void> {
    if (this.ended) return;
    if (this.#waiting >= mostWaiting && !isForced)
      throw new ParleyError("limit_reached", {
        message: "Too many events of this task wait for a slow caller; await each before the next.",
      });
    this.#announce();
    this.#fold.apply(event);
    if (event.artifactUpdate !== undefined) this.#bytes += bytes;
    this.#waiting++;
    await this.#feed.publish({ event }, bytes);
    this.#waiting--;
  }

  #end(state: TaskState, note?: string): void {
    if (this.ended) return;
    const event = this.#statusUpdate(state, note);
    this.#fold.apply(event);
    this.#close(state, this.#announced ? { event, end: true } : { event: { task: this.task }, end: true });
  }

  #endWith(error: ParleyError): void {
    if (this.ended) return;
    this.#fold.apply(this.#statusUpdate("TASK_STATE_FAILED", error.message));
    this.#close("TASK_STATE_FAILED", { error: wireErrorOf(error) });
  }

  #close(state: TaskState, final: Happening): void {
    this.record.state(state, this.#options.clock.now(), final.error?.code);
    this.time.stop();
    this.#holds = undefined;
    this.#onAbort = undefined;
    const kept = this.beforeEnd?.(this.task, final.error);
    if (kept === undefined) return this.#tellEnd(final);
    const tell = (): void => this.#tellEnd(final);
    this.#keeping = kept.then(tell, tell);
  }

  #tellEnd(final: Happening): void {
    // A task that ended at once holds nothing twice: the only event of it is made again from what it is.
    this.#isOnly = !this.#announced && final.error === undefined;
    this.#final = this.#isOnly ? endOnly : final;
    // What the task is made of is counted already.
    void (this.#isOnly ? this.#feed.publishOnly(final) : this.#feed.publish(final, statusBytes));
    this.#feed.close();
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
}

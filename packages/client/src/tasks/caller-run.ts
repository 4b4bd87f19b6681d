/** One task on another agent, as its caller follows it: through breaks of links, and restarts of the agent. */
import type { Clock, Timer } from "@parley/core";
import {
  type Call,
  type CallEvent,
  limits,
  ParleyError,
  type Path,
  type StreamResponse,
  type Task,
  type TaskState,
  toParleyError,
} from "@parley/protocol";

import type { AllowedPaths } from "../delivery.ts";
import type { PathReason } from "../path-reason.ts";
import type { Peer } from "../peer.ts";
import { hasBlobs } from "./artifact-blobs.ts";
import { EventBuffer } from "./event-buffer.ts";
import type { TaskCaller } from "./task-caller.ts";
import { TaskFold } from "./task-fold.ts";
import type { TaskEvent, TaskOutcome, TaskRun } from "./task-run.ts";
import { WorkTime } from "./work-time.ts";

export interface CallerRunOptions {
  readonly caller: TaskCaller;
  readonly clock: Clock;
  readonly peer: Peer;
  readonly skill: string;
  readonly paths: AllowedPaths | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeLimitMs: number;
  readonly checkOutput: (output: unknown) => void;
  readonly reason: () => PathReason | undefined;
  readonly number: number;
  /** Of the message that begins it. */
  readonly messageId?: string | undefined;
  /** The task, where it was begun before. */
  readonly id?: string | undefined;
  /** The last event that is known; 0 for none. */
  readonly after: number;
  /** The first call. */
  readonly begin: (number: number) => Call | Promise<Call>;
  readonly fetchParts: (event: StreamResponse, signal: AbortSignal) => Promise<StreamResponse>;
  readonly send: (body: Call) => Promise<void>;
}

const mostBufferedEvents = 4096;
/** Events that wait for content that is being fetched. */
const mostWaiting = 4096;

export class CallerRun implements TaskRun {
  readonly to: TaskRun["to"];
  readonly events = new EventBuffer<TaskEvent>(mostBufferedEvents);
  readonly outcome: Promise<TaskOutcome>;
  readonly #options: CallerRunOptions;
  readonly #fold = new TaskFold();
  readonly #settle: PromiseWithResolvers<TaskOutcome>;
  readonly #started: number;
  readonly #time: WorkTime;
  #last: number;
  #path: Path = "relay";
  /** While somebody is asked: the agent says when that took too long; this is for one that says nothing any more. */
  #patience: Timer | undefined;
  #hasRejoined: boolean;
  #fetching: Promise<void> | undefined;
  #waiting = 0;
  #abort: AbortController | undefined;
  #error: ParleyError | undefined;
  #done = false;

  constructor(options: CallerRunOptions) {
    const { clock, peer, timeLimitMs, after, id } = options;
    this.#options = options;
    this.to = options.peer.sender;
    this.#last = after;
    this.#hasRejoined = id !== undefined;
    this.#settle = Promise.withResolvers<TaskOutcome>();
    this.outcome = this.#settle.promise;
    // Whoever follows the events only must not crash on an unobserved outcome.
    this.outcome.catch(() => {});
    this.#started = clock.monotonic();
    this.#time = new WorkTime(clock, timeLimitMs, () =>
      this.#giveUp(
        new ParleyError("timeout", { message: `@${peer.member.name} did not finish within ${timeLimitMs} ms.` }),
      ),
    );
  }

  get taskId(): string | undefined {
    return this.#fold.id ?? this.#options.id;
  }

  get contextId(): string | undefined {
    return this.#fold.contextId;
  }

  get state(): TaskState | undefined {
    return this.#fold.state;
  }

  get error(): ParleyError | undefined {
    return this.#error;
  }

  get isDone(): boolean {
    return this.#done;
  }

  get skill(): string {
    return this.#options.skill;
  }

  get paths(): AllowedPaths | undefined {
    return this.#options.paths;
  }

  /** Number of the last event. */
  get last(): number {
    return this.#last;
  }

  get ageMs(): number {
    return this.#options.clock.monotonic() - this.#started;
  }

  get deadline(): number {
    return this.#time.deadline;
  }

  begin(): void {
    const { caller, number, peer, signal, begin, send } = this.#options;
    caller.open({
      number,
      peer,
      onEvent: (event, path) => this.#onEvent(event, path),
      fail: (error) => this.#end(error),
      rejoin: (error) => this.rejoin(error),
      run: this,
    });
    this.#time.watch();
    signal?.addEventListener("abort", () => this.cancel(), { once: true });
    const call = begin(number);
    const sent = call instanceof Promise ? call.then(send) : send(call);
    sent.catch((error: unknown) => this.#end(toParleyError(error)));
    if (signal?.aborted === true) this.cancel();
  }

  cancel(): void {
    this.#giveUp(new ParleyError("canceled"));
  }

  leave(): void {
    this.#end(new ParleyError("closed", { message: "The task goes on, and is not followed here any more." }));
  }

  async reply(text: string): Promise<void> {
    const { caller, peer, skill } = this.#options;
    const id = this.taskId;
    if (id === undefined || this.#done)
      throw new ParleyError("unsupported_operation", { message: "The agent asks nothing now." });
    await caller.reply(peer, id, skill, text);
  }

  /** The other side started anew: it says whether it goes on with this, from what is known here. */
  rejoin(error: ParleyError): void {
    const { number, send, messageId, paths } = this.#options;
    const id = this.taskId;
    if (id === undefined && messageId === undefined) return this.#end(error);
    this.#hasRejoined = true;
    const which = id === undefined ? { messageId } : { id };
    const params = { ...which, after: this.#last };
    const call: Call = {
      call: number,
      method: "SubscribeToTask",
      params,
      ...(paths === undefined ? {} : { paths: [...paths] }),
    };
    send(call).catch((thrown: unknown) => this.#end(toParleyError(thrown)));
  }

  #followState(): void {
    const { state } = this.#fold;
    const isWaiting = state === "TASK_STATE_AUTH_REQUIRED" || state === "TASK_STATE_INPUT_REQUIRED";
    if (isWaiting === this.#time.isPaused) return;
    const { clock, peer } = this.#options;
    this.#patience?.cancel();
    this.#patience = undefined;
    if (!isWaiting) return this.#time.goOn();
    this.#time.pause();
    this.#patience = clock.setTimer(limits.approvalLifeMs, () =>
      this.#giveUp(new ParleyError("timeout", { message: `@${peer.member.name} waited too long for an answer.` })),
    );
  }

  /** Ends here at once, and tells the agent: now, or when the first event names the task. */
  #giveUp(error: ParleyError): void {
    if (this.#done) return;
    const { caller, peer, number } = this.#options;
    const id = this.taskId;
    this.#end(error);
    if (id === undefined) caller.cancelOnceNamed(number, peer);
    else caller.ask(peer, "CancelTask", id).catch(() => {});
  }

  #onEvent(event: CallEvent, path: Path): void {
    if (this.#done) return;
    const { number, gap } = event;
    // Told again, because it was asked for on two ways.
    if (number !== undefined && gap === undefined && number <= this.#last) return;
    if (this.#fetching === undefined && (event.event === undefined || !hasBlobs(event.event)))
      return this.#take(event, path);
    if (++this.#waiting > mostWaiting) return this.#giveUp(new ParleyError("limit_reached"));
    this.#fetching = this.#afterFetch(this.#fetching, event, path);
  }

  /** In order: what comes after content that is being fetched waits for it. */
  async #afterFetch(before: Promise<void> | undefined, event: CallEvent, path: Path): Promise<void> {
    await before;
    try {
      if (this.#done) return;
      this.#abort ??= new AbortController();
      const whole = event.event && (await this.#options.fetchParts(event.event, this.#abort.signal));
      if (!this.#done) this.#take({ ...event, ...(whole === undefined ? {} : { event: whole }) }, path);
    } catch (error) {
      this.#giveUp(toParleyError(error));
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#fetching = undefined;
    }
  }

  #take(event: CallEvent, path: Path): void {
    this.#path = path;
    try {
      if (event.error !== undefined) return this.#end(this.#errorOf(event.error));
      const { event: response, number, gap } = event;
      if (response !== undefined) {
        this.#fold.apply(response);
        if (number !== undefined) this.#last = number;
        this.events.push({
          response,
          path,
          ...(number === undefined ? {} : { number }),
          ...(gap === undefined ? {} : { gap }),
        });
        this.#followState();
      }
      if (event.end === true) this.#finish();
    } catch (error) {
      this.#giveUp(toParleyError(error));
    }
  }

  #errorOf({ code, message, data }: NonNullable<CallEvent["error"]>): ParleyError {
    // It was there before the agent started anew, or before this device did.
    if (code === "task_not_found" && this.#hasRejoined)
      return new ParleyError("interrupted", {
        message: `@${this.to.name} knows nothing of this any more; it may be half done.`,
      });
    return new ParleyError(code, { message, ...(data === undefined ? {} : { data }) });
  }

  #finish(): void {
    const { task } = this.#fold;
    const { name } = this.to;
    switch (task.status.state) {
      case "TASK_STATE_COMPLETED":
        return this.#complete(task);
      case "TASK_STATE_CANCELED":
        return this.#end(new ParleyError("canceled", { message: `@${name} stopped the task.` }));
      case "TASK_STATE_REJECTED":
        return this.#end(new ParleyError("refused", { message: noteOf(task) ?? `@${name} refused the task.` }));
      default:
        return this.#end(new ParleyError("task_failed", { message: noteOf(task) ?? `The skill failed at @${name}.` }));
    }
  }

  #complete(task: Task): void {
    const { output, text } = this.#fold;
    this.#options.checkOutput(output);
    this.#done = true;
    this.#settle.resolve({ task, output, text, path: this.#path, reason: this.#options.reason(), tookMs: this.ageMs });
    this.#close();
    this.events.end();
  }

  #end(error: ParleyError): void {
    if (this.#done) return;
    this.#done = true;
    this.#error = error;
    this.#settle.reject(error);
    this.#close();
    this.events.end(error);
  }

  #close(): void {
    this.#time.stop();
    this.#patience?.cancel();
    this.#abort?.abort(new ParleyError("canceled"));
    this.#options.caller.close(this.#options.number);
    this.#options.caller.ended(this);
  }
}

/** The text of a task's last status message. */
function noteOf(task: Task): string | undefined {
  const text = task.status.message?.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");
  return text === undefined || text === "" ? undefined : text.slice(0, limits.errorCharacters);
}

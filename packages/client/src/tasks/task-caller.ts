/** The caller's side of the A2A binding: numbers calls, follows their events, gives up in time. */
import type { Clock, Random, Timer } from "@parley/core";
import {
  type Call,
  type CallEvent,
  callEventSchema,
  decodeJson,
  envelopeKinds,
  limits,
  type Message,
  ParleyError,
  type Part,
  type Path,
  type StreamResponse,
  type Task,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { textOf } from "../body.ts";
import type { AllowedPaths } from "../delivery.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { PathReason } from "../path-reason.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { callNumberOf } from "./call-number.ts";
import { EventBuffer } from "./event-buffer.ts";
import { TaskFold } from "./task-fold.ts";
import type { DelegateRequest, TaskEvent, TaskOutcome, TaskRun } from "./task-run.ts";

export interface TaskCallerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Puts a body on the live stream to a peer; waits for room. */
  readonly send: (
    peer: Peer,
    kind: number,
    body: unknown,
    paths: AllowedPaths | undefined,
    hops?: number,
  ) => Promise<void>;
  /** Takes out what must not leave this device. */
  readonly outgoing: Outgoing;
  readonly onError: (error: unknown) => void;
}

/** A request, with the delegations that its callee gets. */
export type OutgoingCall = Omit<DelegateRequest, "mandate"> & { readonly mandate?: readonly string[] | undefined };

interface OpenCall {
  readonly number: number;
  readonly peer: Peer;
  readonly onEvent: (event: CallEvent, path: Path) => void;
  readonly fail: (error: ParleyError) => void;
  /** The other side started anew; default: it failed. */
  readonly rejoin?: (error: ParleyError) => void;
  /** A task that is followed. */
  readonly run?: Pick<TaskRun, "taskId" | "reply">;
}

const defaultTimeLimitMs = 300_000;
const mostBufferedEvents = 4096;
const namingMs = 60_000;
/** Tries to find a task again at an agent that started anew, and the pause before each. */
const mostRejoins = 60;
const rejoinMs = 1000;

/** The message that a delegation becomes: a data part for the input, a text part for words. */
function messageOf(request: OutgoingCall, messageId: string, outgoing: Outgoing): Message {
  const parts: Part[] = [];
  if (request.input !== undefined) parts.push({ data: outgoing.value(request.input) });
  if (request.text !== undefined) parts.push({ text: outgoing.text(request.text) });
  if (parts.length === 0) parts.push({ data: {} });
  return {
    messageId,
    role: "ROLE_USER",
    parts,
    ...(request.contextId === undefined ? {} : { contextId: request.contextId }),
  };
}

export class TaskCaller {
  readonly #options: TaskCallerOptions;
  readonly #calls = new Map<number, OpenCall>();
  #nextCall = 1;

  constructor(options: TaskCallerOptions) {
    this.#options = options;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /**
   * Starts a task on a peer. `checkOutput` throws when a typed output does not fit the callee's card; `reason` says, when it
   * ends, why what passes between the two goes the way it goes.
   */
  start(
    peer: Peer,
    request: OutgoingCall,
    checkOutput: (output: unknown) => void,
    reason: () => PathReason | undefined = () => undefined,
  ): TaskRun {
    if (this.#calls.size >= limits.taskCalls)
      throw new ParleyError("limit_reached", { message: `${limits.taskCalls} calls are under way already.` });
    const run = new CallerRun({
      caller: this,
      clock: this.#options.clock,
      peer,
      request,
      checkOutput,
      reason,
      number: this.#nextCall++,
      outgoing: this.#options.outgoing,
      messageId: this.#newId(),
      send: (body) => this.#options.send(peer, envelopeKinds.call, body, request.paths, request.hops),
    });
    run.begin();
    return run;
  }

  /** Asks for a task once. */
  ask(peer: Peer, method: "GetTask" | "CancelTask", id: string): Promise<Task> {
    return this.#once(peer, (call) => ({ call, method, params: { id } }));
  }

  /** Tells what happens to a task of this member, from now on until it ends; nothing when the agent says nothing. */
  listen(peer: Peer, id: string, onEvent: (event: StreamResponse) => void, left: AbortSignal): void {
    const number = this.#nextCall++;
    const leave = (): void => this.close(number);
    this.open({
      number,
      peer,
      onEvent: ({ event, end, error }) => {
        if (event !== undefined) onEvent(event);
        if (end === true || error !== undefined) leave();
      },
      fail: leave,
    });
    left.addEventListener("abort", leave, { once: true });
    const call: Call = { call: number, method: "SubscribeToTask", params: { id } };
    this.#options.send(peer, envelopeKinds.call, call, undefined).catch(leave);
  }

  /** Makes a call that is answered with the task as it stands. */
  async #once(peer: Peer, make: (call: number) => Call): Promise<Task> {
    const number = this.#nextCall++;
    const { promise, resolve, reject } = Promise.withResolvers<Task>();
    const timer = this.#options.clock.setTimer(defaultTimeLimitMs, () => this.fail(number, new ParleyError("timeout")));
    this.open({
      number,
      peer,
      onEvent: (event) => {
        if (event.task !== undefined) resolve(event.task);
        else if (event.error !== undefined) reject(new ParleyError(event.error.code, { message: event.error.message }));
      },
      fail: reject,
    });
    try {
      // Not awaited: a stream without room must not keep the time limit, or the stop, from ending this.
      this.#options.send(peer, envelopeKinds.call, make(number), undefined).catch(reject);
      return await promise;
    } finally {
      timer.cancel();
      this.close(number);
    }
  }

  /** Answers what a task that was begun here asks. Throws `task_not_found`. */
  async replyTo(task: string, text: string): Promise<void> {
    for (const { run } of this.#calls.values()) if (run?.taskId === task) return run.reply(text);
    throw new ParleyError("task_not_found");
  }

  /** Says something further in a task. */
  async reply(peer: Peer, id: string, skill: string, text: string): Promise<void> {
    const message: Message = { messageId: this.#newId(), role: "ROLE_USER", parts: [{ text }], taskId: id };
    await this.#once(peer, (call) => ({ call, method: "SendStreamingMessage", skill, params: { message } }));
  }

  #newId(): string {
    return toBase64url(this.#options.random.bytes(16));
  }

  open(call: OpenCall): void {
    this.#calls.set(call.number, call);
  }

  close(number: number): void {
    this.#calls.delete(number);
  }

  /** The caller gave up before it knew the task: cancels it when its name comes, if that is soon. */
  cancelOnceNamed(number: number, peer: Peer): void {
    const forget = this.#options.clock.setTimer(namingMs, () => this.close(number));
    const end = (): void => {
      forget.cancel();
      this.close(number);
    };
    const onEvent = ({ event, end: ended }: CallEvent): void => {
      const id = event?.task?.id;
      if (ended !== true && id !== undefined) this.ask(peer, "CancelTask", id).catch(() => {});
      end();
    };
    this.open({ number, peer, onEvent, fail: end });
  }

  fail(number: number, error: ParleyError): void {
    this.#calls.get(number)?.fail(error);
  }

  /** Takes an event envelope; one for a call that ended or is another peer's is dropped. */
  onEnvelope({ peer, body, path }: LiveEnvelope): void {
    const text = textOf(body);
    const event = decodeJson(callEventSchema, text, limits.envelopeBytes);
    const call = this.#calls.get((event.ok ? event.value.call : callNumberOf(text)) ?? 0);
    if (call?.peer !== peer) return;
    if (event.ok) return call.onEvent(event.value, path);
    const message = `An event of @${peer.member.name} is not of the documented form: ${event.message}`;
    call.fail(new ParleyError("invalid_output", { message }));
  }

  /** The other side started anew: what it was doing is gone. */
  onRestart(peer: Peer): void {
    for (const call of this.#calls.values()) {
      if (call.peer === peer)
        (call.rejoin ?? call.fail)(
          new ParleyError("not_connected", {
            message: `@${peer.member.name} started anew while it worked on this; ask again.`,
          }),
        );
    }
  }

  /** This side stops. */
  stop(): void {
    for (const call of this.#calls.values()) call.fail(new ParleyError("closed"));
  }
}

interface CallerRunOptions {
  readonly caller: TaskCaller;
  readonly clock: Clock;
  readonly peer: Peer;
  readonly request: OutgoingCall;
  readonly checkOutput: (output: unknown) => void;
  readonly reason: () => PathReason | undefined;
  readonly number: number;
  readonly messageId: string;
  readonly outgoing: Outgoing;
  readonly send: (body: Call) => Promise<void>;
}

class CallerRun implements TaskRun {
  readonly to: TaskRun["to"];
  readonly events = new EventBuffer<TaskEvent>(mostBufferedEvents);
  readonly outcome: Promise<TaskOutcome>;
  readonly #options: CallerRunOptions;
  readonly #fold = new TaskFold();
  readonly #settle: PromiseWithResolvers<TaskOutcome>;
  readonly #started: number;
  #path: Path = "relay";
  readonly #timeLimitMs: number;
  #timer: Timer | undefined;
  #rejoining: Timer | undefined;
  #rejoins = 0;
  #isWaiting = false;
  #done = false;

  constructor(options: CallerRunOptions) {
    this.#options = options;
    this.to = options.peer.sender;
    this.#timeLimitMs = Math.min(options.request.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    this.#settle = Promise.withResolvers<TaskOutcome>();
    this.outcome = this.#settle.promise;
    // Whoever follows the events only must not crash on an unobserved outcome.
    this.outcome.catch(() => {});
    this.#started = options.clock.monotonic();
  }

  get taskId(): string | undefined {
    return this.#fold.id;
  }

  begin(): void {
    const { caller, number, peer, request, messageId } = this.#options;
    const timeLimitMs = this.#timeLimitMs;
    caller.open({
      number,
      peer,
      onEvent: (event, path) => this.#onEvent(event, path),
      fail: (error) => this.#end(error),
      rejoin: (error) => this.rejoin(error),
      run: this,
    });
    this.#setTimer(timeLimitMs);
    request.signal?.addEventListener("abort", () => this.cancel(), { once: true });
    const { skill, paths, chain, mandate, through = [] } = request;
    const call: Call = {
      call: number,
      method: "SendStreamingMessage",
      skill,
      timeLimitMs,
      params: { message: messageOf(request, messageId, this.#options.outgoing) },
      ...(paths === undefined ? {} : { paths: [...paths] }),
      ...(chain === undefined ? {} : { chain: [...chain] }),
      ...(mandate === undefined ? {} : { mandate: [...mandate] }),
      ...(through.length === 0 ? {} : { through: [...through] }),
    };
    this.#send(call).catch((error: unknown) => this.#end(toParleyError(error)));
    if (request.signal?.aborted === true) this.cancel();
  }

  /** In the name of a sub-agent, if one calls. */
  async #send(call: Call & { readonly method: "SendStreamingMessage" }): Promise<void> {
    const { request, peer, send, messageId, clock } = this.#options;
    if (request.acting === undefined) return send(call);
    await send({ ...call, acting: await request.acting(peer.member.member, messageId, clock.now()) });
  }

  cancel(): void {
    this.#giveUp(new ParleyError("canceled"));
  }

  async reply(text: string): Promise<void> {
    const { caller, peer, request } = this.#options;
    const id = this.#fold.id;
    if (id === undefined || this.#fold.state !== "TASK_STATE_INPUT_REQUIRED")
      throw new ParleyError("unsupported_operation", { message: "The agent asks nothing now." });
    await caller.reply(peer, id, request.skill, text);
  }

  /** The other side started anew. What waits there for a person is still known to it. */
  rejoin(error: ParleyError): void {
    const id = this.#fold.id;
    if (this.#fold.state !== "TASK_STATE_AUTH_REQUIRED" || id === undefined) return this.#end(error);
    if (this.#rejoins++ >= mostRejoins) return this.#end(error);
    const { clock, number, send } = this.#options;
    this.#rejoining = clock.setTimer(rejoinMs, () => {
      this.#rejoining = undefined;
      if (!this.#done)
        send({ call: number, method: "SubscribeToTask", params: { id } }).catch(() => this.rejoin(error));
    });
  }

  async #fetch(): Promise<void> {
    const { caller, peer } = this.#options;
    try {
      this.#fold.apply({ task: await caller.ask(peer, "GetTask", this.#fold.id ?? "") });
      this.#finish();
    } catch (error) {
      this.#end(toParleyError(error));
    }
  }

  /** While a person is asked, the time limit of the work does not run. */
  #setTimer(timeLimitMs: number): void {
    const { clock, peer } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(timeLimitMs, () =>
      this.#giveUp(
        new ParleyError("timeout", { message: `@${peer.member.name} did not finish within ${timeLimitMs} ms.` }),
      ),
    );
  }

  #followState(): void {
    const isWaiting =
      this.#fold.state === "TASK_STATE_AUTH_REQUIRED" || this.#fold.state === "TASK_STATE_INPUT_REQUIRED";
    if (isWaiting === this.#isWaiting) return;
    this.#isWaiting = isWaiting;
    // The agent says when a person took too long; this is for one that says nothing any more.
    this.#setTimer(isWaiting ? limits.approvalLifeMs : this.#timeLimitMs);
  }

  /** Ends here at once, and tells the agent: now, or when the first event names the task. */
  #giveUp(error: ParleyError): void {
    if (this.#done) return;
    const { caller, peer, number } = this.#options;
    const id = this.#fold.id;
    this.#end(error);
    if (id === undefined) caller.cancelOnceNamed(number, peer);
    else caller.ask(peer, "CancelTask", id).catch(() => {});
  }

  #onEvent(event: CallEvent, path: Path): void {
    if (this.#done) return;
    this.#path = path;
    try {
      if (event.error !== undefined) {
        const { code, message, data } = event.error;
        // It starts; the agent has not read yet what it left waiting.
        if (this.#rejoins > 0 && code === "task_not_found") return this.rejoin(new ParleyError(code, { message }));
        // It has ended meanwhile.
        if (this.#rejoins > 0 && code === "unsupported_operation") return void this.#fetch();
        return this.#end(new ParleyError(code, { message, ...(data === undefined ? {} : { data }) }));
      }
      if (event.event !== undefined) {
        this.#fold.apply(event.event);
        this.events.push({ response: event.event, path });
        this.#followState();
      }
      if (event.end === true) this.#finish();
    } catch (error) {
      this.#end(toParleyError(error));
    }
  }

  #finish(): void {
    const { task } = this.#fold;
    const name = this.to.name;
    switch (task.status.state) {
      case "TASK_STATE_COMPLETED":
        this.#options.checkOutput(this.#fold.output);
        this.#done = true;
        this.#settle.resolve({
          task,
          output: this.#fold.output,
          text: this.#fold.text,
          path: this.#path,
          reason: this.#options.reason(),
          tookMs: this.#options.clock.monotonic() - this.#started,
        });
        this.#close();
        this.events.end();
        return;
      case "TASK_STATE_CANCELED":
        return this.#end(new ParleyError("canceled", { message: `@${name} stopped the task.` }));
      case "TASK_STATE_REJECTED":
        return this.#end(new ParleyError("refused", { message: noteOf(task) ?? `@${name} refused the task.` }));
      default:
        return this.#end(new ParleyError("task_failed", { message: noteOf(task) ?? `The skill failed at @${name}.` }));
    }
  }

  #end(error: ParleyError): void {
    if (this.#done) return;
    this.#done = true;
    this.#settle.reject(error);
    this.#close();
    this.events.end(error);
  }

  #close(): void {
    this.#timer?.cancel();
    this.#rejoining?.cancel();
    this.#options.caller.close(this.#options.number);
  }
}

/** The text of a task's last status message. */
function noteOf(task: Task): string | undefined {
  const text = task.status.message?.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");
  return text === undefined || text === "" ? undefined : text.slice(0, limits.errorCharacters);
}

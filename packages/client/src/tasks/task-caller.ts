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
} from "@parley/protocol";

import { textOf } from "../body.ts";
import type { AllowedPaths } from "../delivery.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { PathReason } from "../path-reason.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import type { AskedTask, AskedTasks } from "./asked-tasks.ts";
import { callNumberOf } from "./call-number.ts";
import { CallerRun } from "./caller-run.ts";
import type { DelegateRequest, TaskRun } from "./task-run.ts";

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
  /** The event with the content in it that lies at the registry. */
  readonly fetchParts: (event: StreamResponse, signal: AbortSignal) => Promise<StreamResponse>;
  /** What is remembered of calls that take longer than a moment. */
  readonly asked: AskedTasks;
  readonly onError: (error: unknown) => void;
}

/** A request, with the delegations that its callee gets. */
export type OutgoingCall = Omit<DelegateRequest, "mandate"> & { readonly mandate?: readonly string[] | undefined };

/** A call that is under way. */
export interface OpenCall {
  readonly number: number;
  readonly peer: Peer;
  readonly onEvent: (event: CallEvent, path: Path) => void;
  readonly fail: (error: ParleyError) => void;
  /** The other side started anew; default: it failed. */
  readonly rejoin?: (error: ParleyError) => void;
  /** A task that is followed. */
  readonly run?: CallerRun;
}

/** What holds for a run whatever it begins with. */
interface RunTerms {
  /** Throws when a typed output does not fit the callee's card. */
  readonly checkOutput: (output: unknown) => void;
  /** Says, when it ends, why what passes between the two goes the way it goes. */
  readonly reason: () => PathReason | undefined;
}

const defaultTimeLimitMs = 300_000;
const namingMs = 60_000;
/** After this a call is one that is remembered, and how far it is is written down as often. */
const momentMs = 1000;
/** Of one that is followed again when its time is over: how it ended is told at once. */
const lateMs = 30_000;

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
  #sweep: Timer | undefined;

  constructor(options: TaskCallerOptions) {
    this.#options = options;
  }

  get openCalls(): number {
    return this.#calls.size;
  }

  /** Starts a task on a peer. */
  start(peer: Peer, request: OutgoingCall, terms: RunTerms): TaskRun {
    const messageId = this.#newId();
    const { skill, paths, chain, mandate, through = [], signal, acting } = request;
    const timeLimitMs = Math.min(request.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    const call = (number: number): Call & { method: "SendStreamingMessage" } => ({
      call: number,
      method: "SendStreamingMessage",
      skill,
      timeLimitMs,
      params: { message: messageOf(request, messageId, this.#options.outgoing) },
      ...(paths === undefined ? {} : { paths: [...paths] }),
      ...(chain === undefined ? {} : { chain: [...chain] }),
      ...(mandate === undefined ? {} : { mandate: [...mandate] }),
      ...(through.length === 0 ? {} : { through: [...through] }),
    });
    const { clock } = this.#options;
    const begin =
      acting === undefined
        ? call
        : async (number: number) => ({
            ...call(number),
            // In the name of a sub-agent.
            acting: await acting(peer.member.member, messageId, clock.now()),
          });
    return this.#run(peer, {
      ...terms,
      skill,
      paths,
      signal,
      hops: request.hops,
      timeLimitMs,
      messageId,
      after: 0,
      begin,
    });
  }

  /** Follows a task that was begun before, perhaps by an earlier start of this device, from a number on. */
  follow(peer: Peer, task: AskedTask, after: number, signal: AbortSignal | undefined, terms: RunTerms): TaskRun {
    const { id, skill, paths, deadline } = task;
    const timeLimitMs = Math.max(lateMs, Math.min(deadline - this.#options.clock.now(), limits.taskMs));
    const begin = (number: number): Call => ({
      call: number,
      method: "SubscribeToTask",
      params: { id, after },
      ...(paths === undefined ? {} : { paths }),
    });
    return this.#run(peer, { ...terms, skill, paths, signal, timeLimitMs, id, after, begin });
  }

  #run(
    peer: Peer,
    run: Omit<
      ConstructorParameters<typeof CallerRun>[0],
      "caller" | "clock" | "peer" | "number" | "send" | "fetchParts"
    > & {
      readonly hops?: number | undefined;
    },
  ): TaskRun {
    if (this.#calls.size >= limits.taskCalls)
      throw new ParleyError("limit_reached", { message: `${limits.taskCalls} calls are under way already.` });
    const { clock, send, fetchParts } = this.#options;
    const made = new CallerRun({
      ...run,
      caller: this,
      clock,
      peer,
      number: this.#nextCall++,
      fetchParts,
      send: (body) => send(peer, envelopeKinds.call, body, run.paths, run.hops),
    });
    made.begin();
    this.#watch();
    return made;
  }

  /** Writes down, now and then, what takes longer than a moment. */
  #watch(): void {
    this.#sweep ??= this.#options.clock.setTimer(momentMs, () => {
      this.#sweep = undefined;
      let isBusy = false;
      for (const { run } of this.#calls.values()) {
        if (run === undefined) continue;
        isBusy = true;
        if (run.ageMs >= momentMs) this.#options.asked.note(run).catch(this.#options.onError);
      }
      if (isBusy) this.#watch();
    });
  }

  /** A run that was remembered ended. */
  ended(run: CallerRun): void {
    this.#options.asked.end(run).catch(this.#options.onError);
  }

  /** Asks for a task once. */
  ask(peer: Peer, method: "GetTask" | "CancelTask", id: string): Promise<Task> {
    return this.#once(
      peer,
      (call) => ({ call, method, params: { id } }),
      ({ task }) => task,
    );
  }

  /** Asks for the signed timeline of a task. */
  timeline(peer: Peer, id: string): Promise<readonly string[]> {
    return this.#once(
      peer,
      (call) => ({ call, method: "GetTaskTimeline", params: { id } }),
      ({ timeline }) => timeline,
    );
  }

  /** Makes a call that is answered once. */
  async #once<Answer>(
    peer: Peer,
    make: (call: number) => Call,
    pick: (event: CallEvent) => Answer | undefined,
  ): Promise<Answer> {
    const number = this.#nextCall++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = this.#options.clock.setTimer(defaultTimeLimitMs, () => this.fail(number, new ParleyError("timeout")));
    this.open({
      number,
      peer,
      onEvent: (event) => {
        const answer = pick(event);
        if (answer !== undefined) resolve(answer);
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
    await this.#once(
      peer,
      (call) => ({ call, method: "SendStreamingMessage", skill, params: { message } }),
      ({ task }) => task,
    );
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
          new ParleyError("interrupted", {
            message: `@${peer.member.name} started anew while it worked on this; it may be half done.`,
          }),
        );
    }
  }

  /** This side stops. */
  stop(): void {
    this.#sweep?.cancel();
    for (const call of this.#calls.values()) call.fail(new ParleyError("closed"));
  }
}

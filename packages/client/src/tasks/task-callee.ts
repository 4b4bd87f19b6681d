/** The callee's side of the A2A binding: takes calls, runs tasks, tells every follower the same events in the same order. */
import type { Clock, Random, Timer } from "@parley/core";
import {
  type Artifact,
  type Call,
  type CallEvent,
  callSchema,
  decodeJson,
  envelopeKinds,
  isTerminal,
  limits,
  ParleyError,
  type Part,
  type StreamResponse,
  type Task,
  type TaskState,
  toBase64url,
  toParleyError,
  type WireError,
} from "@parley/protocol";
import { textOf } from "../body.ts";
import type { AllowedPaths } from "../delivery.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { TaskFold } from "./task-fold.ts";
import type { IncomingTask, TaskAdmission, TaskHandler } from "./task-run.ts";

export interface TaskCalleeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly send: (peer: Peer, kind: number, body: unknown, paths: AllowedPaths | undefined) => Promise<void>;
  /** Told when the number of tasks at work changes: presence carries it. */
  readonly onLoad: (load: number) => void;
  readonly onError: (error: unknown) => void;
}

interface Follower {
  readonly peer: Peer;
  readonly call: number;
  readonly paths: AllowedPaths | undefined;
}

interface Held {
  readonly id: string;
  /** Member that asked; nobody else may see or cancel it. */
  readonly owner: string;
  readonly controller: AbortController;
  readonly fold: TaskFold;
  readonly followers: Set<Follower>;
  timer: Timer | undefined;
}

const defaultTimeLimitMs = 300_000;

export class TaskCallee {
  readonly #options: TaskCalleeOptions;
  readonly #tasks = new Map<string, Held>();
  #handler: TaskHandler | undefined;
  #admit: TaskAdmission | undefined;
  #working = 0;

  constructor(options: TaskCalleeOptions) {
    this.#options = options;
  }

  serve(handler: TaskHandler, admit?: TaskAdmission): void {
    this.#handler = handler;
    this.#admit = admit;
  }

  get working(): number {
    return this.#working;
  }

  /** Takes a call envelope. */
  onEnvelope(envelope: LiveEnvelope): void {
    const call = decodeJson(callSchema, textOf(envelope.body), limits.envelopeBytes);
    if (!call.ok) return this.#options.onError(new ParleyError(call.code, { message: `A call of @${envelope.peer.member.name} is not of the documented form: ${call.message}` }));
    const follower: Follower = { peer: envelope.peer, call: call.value.call, paths: call.value.method === "SendStreamingMessage" ? call.value.paths : undefined };
    this.#dispatch(call.value, follower, envelope).catch((error: unknown) => this.#tell(follower, { call: follower.call, error: wireErrorOf(error) }));
  }

  async #dispatch(call: Call, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    switch (call.method) {
      case "SendStreamingMessage":
        return this.#begin(call, follower, envelope);
      case "GetTask":
        return this.#tell(follower, { call: call.call, task: this.#held(call.params.id, follower.peer).fold.task });
      case "CancelTask":
        return this.#cancel(call.call, this.#held(call.params.id, follower.peer), follower);
      case "SubscribeToTask":
        return this.#subscribe(this.#held(call.params.id, follower.peer), follower);
    }
  }

  /** Somebody else's task does not exist for the asker (A2A 1.0, section 3.3: not found, never forbidden). */
  #held(id: string, peer: Peer): Held {
    const held = this.#tasks.get(id);
    if (held === undefined || held.owner !== peer.member.member) throw new ParleyError("task_not_found");
    return held;
  }

  async #begin(call: Call & { method: "SendStreamingMessage" }, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    const handler = this.#handler;
    if (handler === undefined) throw new ParleyError("unsupported_operation", { message: "This member takes no tasks." });
    const { message } = call.params;
    if (message.taskId !== undefined) throw new ParleyError("task_not_found", { message: "A task does not take further messages yet." });
    const input = message.parts.find((part) => part.data !== undefined)?.data;
    await this.#admit?.({ skill: call.skill, input, from: follower.peer.sender });
    const held = this.#hold(follower);
    const timeLimitMs = Math.min(call.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    held.timer = this.#options.clock.setTimer(timeLimitMs, () => held.controller.abort(new ParleyError("timeout", { message: `The task took longer than ${timeLimitMs} ms.` })));
    const contextId = message.contextId ?? toBase64url(this.#options.random.bytes(12));
    this.#publish(held, { task: { id: held.id, contextId, status: this.#status("TASK_STATE_WORKING") } });
    const task: IncomingTask = {
      id: held.id,
      contextId,
      skill: call.skill,
      message,
      input,
      text: message.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n"),
      from: follower.peer.sender,
      path: envelope.path,
      signal: held.controller.signal,
      deadline: this.#options.clock.now() + timeLimitMs,
      progress: (text) => this.#publish(held, { statusUpdate: { taskId: held.id, contextId, status: this.#status("TASK_STATE_WORKING", text) } }),
      artifact: (artifact, options) => this.#publish(held, { artifactUpdate: { taskId: held.id, contextId, artifact, ...options } }),
    };
    this.#change(1);
    await this.#work(handler, task, held, contextId);
  }

  #hold(follower: Follower): Held {
    if (this.#tasks.size >= limits.tasks) this.#forgetOldestEnded();
    const held: Held = {
      id: toBase64url(this.#options.random.bytes(12)),
      owner: follower.peer.member.member,
      controller: new AbortController(),
      fold: new TaskFold(),
      followers: new Set([follower]),
      timer: undefined,
    };
    this.#tasks.set(held.id, held);
    return held;
  }

  #forgetOldestEnded(): void {
    for (const [id, held] of this.#tasks) {
      if (!held.fold.ended) continue;
      this.#tasks.delete(id);
      return;
    }
    throw new ParleyError("limit_reached", { message: "This agent works on as many tasks as it can." });
  }

  async #work(handler: TaskHandler, task: IncomingTask, held: Held, contextId: string): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    // A skill that ignores its signal does not keep its caller waiting.
    held.controller.signal.addEventListener("abort", () => reject(toParleyError(held.controller.signal.reason)), { once: true });
    aborted.catch(() => {});
    try {
      const output = await Promise.race([handler(task), aborted]);
      if (output !== undefined) {
        const artifact: Artifact = { artifactId: "output", parts: [{ data: output as Part["data"] }] };
        this.#publish(held, { artifactUpdate: { taskId: held.id, contextId, artifact, lastChunk: true } });
      }
      this.#finish(held, contextId, "TASK_STATE_COMPLETED");
    } catch (error) {
      const { code, message } = toParleyError(error);
      if (code === "canceled") this.#finish(held, contextId, "TASK_STATE_CANCELED");
      else if (code === "invalid_input" || code === "timeout") this.#fail(held, toParleyError(error), contextId);
      else this.#finish(held, contextId, "TASK_STATE_FAILED", message);
      if (code === "internal") this.#options.onError(error);
    } finally {
      held.timer?.cancel();
      this.#change(-1);
    }
  }

  /** Ends with a coded error, so that the caller learns more than that it failed. */
  #fail(held: Held, error: ParleyError, contextId: string): void {
    held.fold.apply({ statusUpdate: { taskId: held.id, contextId, status: this.#status("TASK_STATE_FAILED", error.message) } });
    for (const follower of held.followers) this.#tell(follower, { call: follower.call, error: wireErrorOf(error) });
    held.followers.clear();
  }

  #finish(held: Held, contextId: string, state: TaskState, text?: string): void {
    this.#publish(held, { statusUpdate: { taskId: held.id, contextId, status: this.#status(state, text) } });
    for (const follower of held.followers) this.#tell(follower, { call: follower.call, end: true });
    held.followers.clear();
  }

  #status(state: TaskState, text?: string): Task["status"] {
    const timestamp = new Date(this.#options.clock.now()).toISOString();
    if (text === undefined) return { state, timestamp };
    const messageId = toBase64url(this.#options.random.bytes(12));
    return { state, timestamp, message: { messageId, role: "ROLE_AGENT", parts: [{ text: text.slice(0, 8192) }] } };
  }

  /** Nothing leaves a terminal state. */
  #publish(held: Held, event: StreamResponse): void {
    if (held.fold.ended) return;
    held.fold.apply(event);
    for (const follower of held.followers) this.#tell(follower, { call: follower.call, event });
  }

  #cancel(call: number, held: Held, follower: Follower): void {
    if (held.fold.ended) throw new ParleyError("task_not_cancelable");
    held.controller.abort(new ParleyError("canceled"));
    this.#tell(follower, { call, task: held.fold.task });
  }

  #subscribe(held: Held, follower: Follower): void {
    const { task } = held.fold;
    if (isTerminal(task.status.state)) throw new ParleyError("unsupported_operation", { message: "The task has ended; get it instead." });
    this.#tell(follower, { call: follower.call, event: { task } });
    held.followers.add(follower);
  }

  #tell(follower: Follower, event: CallEvent): void {
    this.#options.send(follower.peer, envelopeKinds.callEvent, event, follower.paths).catch(this.#options.onError);
  }

  /** The asker started anew: nobody waits for its tasks any more. */
  onRestart(peer: Peer): void {
    for (const held of this.#tasks.values()) {
      for (const follower of held.followers) if (follower.peer === peer) held.followers.delete(follower);
      if (held.followers.size === 0 && !held.fold.ended) held.controller.abort(new ParleyError("canceled", { message: "The caller is gone." }));
    }
  }

  /** Cancels everything at work. */
  stop(): void {
    for (const held of this.#tasks.values()) if (!held.fold.ended) held.controller.abort(new ParleyError("closed", { message: "The agent stopped." }));
  }

  #change(by: number): void {
    this.#working += by;
    this.#options.onLoad(this.#working);
  }
}

/** What of an error crosses the wire: code and a text bounded in length; a bug tells nothing of itself. */
function wireErrorOf(error: unknown): WireError {
  const { code, message } = toParleyError(error);
  return { code, message: message.slice(0, limits.errorCharacters) };
}

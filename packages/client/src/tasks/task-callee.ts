/** The callee's side of the A2A binding: takes calls, runs tasks, tells every follower the same events in the same order. */
import type { Clock, Random } from "@parley/core";
import {
  type Call,
  type CallEvent,
  callSchema,
  decodeJson,
  envelopeKinds,
  limits,
  ParleyError,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { textOf } from "../body.ts";
import type { AllowedPaths } from "../delivery.ts";
import { denied, type Gate } from "../gate.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { callNumberOf } from "./call-number.ts";
import { type Follower, HeldTask, wireErrorOf } from "./held-task.ts";
import type { IncomingTask, TaskAdmission, TaskHandler } from "./task-run.ts";

export interface TaskCalleeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly send: (peer: Peer, kind: number, body: unknown, paths: AllowedPaths | undefined) => Promise<void>;
  readonly gate: Pick<Gate, "decide" | "isPaused">;
  /** A call was taken. */
  readonly onTaken: (member: Peer["member"]) => void;
  /** Told when the number of tasks at work changes: presence carries it. */
  readonly onLoad: (load: number) => void;
  readonly onError: (error: unknown) => void;
}

type SendCall = Call & { readonly method: "SendStreamingMessage" };

const defaultTimeLimitMs = 300_000;

export class TaskCallee {
  readonly #options: TaskCalleeOptions;
  readonly #tasks = new Map<string, HeldTask>();
  /** Ids of tasks that ended, oldest first. */
  readonly #ended = new Set<string>();
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
    const text = textOf(envelope.body);
    const call = decodeJson(callSchema, text, limits.envelopeBytes);
    if (!call.ok) {
      const message = `A call of @${envelope.peer.member.name} is not of the documented form: ${call.message}`;
      const error = new ParleyError(call.code, { message });
      const number = callNumberOf(text);
      if (number !== undefined)
        void this.#tell(
          { peer: envelope.peer, call: number, paths: undefined },
          { call: number, error: wireErrorOf(error) },
        );
      return this.#options.onError(error);
    }
    const paths = call.value.method === "SendStreamingMessage" ? call.value.paths : undefined;
    const follower: Follower = { peer: envelope.peer, call: call.value.call, paths };
    this.#dispatch(call.value, follower, envelope).catch((error: unknown) =>
      this.#tell(follower, { call: follower.call, error: wireErrorOf(error) }),
    );
  }

  /** The asker started anew: nobody waits for its tasks any more. */
  onRestart(peer: Peer): void {
    for (const held of this.#tasks.values()) {
      if (held.owner === peer.member.member && held.unfollow(peer))
        held.abort(new ParleyError("canceled", { message: "The caller is gone." }));
    }
  }

  /** Cancels everything at work. */
  stop(): void {
    for (const held of this.#tasks.values()) held.abort(new ParleyError("closed", { message: "The agent stopped." }));
  }

  async #dispatch(call: Call, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    switch (call.method) {
      case "SendStreamingMessage":
        return this.#begin(call, follower, envelope);
      case "GetTask":
        return this.#tell(follower, { call: call.call, task: this.#held(call.params.id, follower.peer).task });
      case "CancelTask":
        return this.#cancel(this.#held(call.params.id, follower.peer), follower);
      case "SubscribeToTask":
        return this.#subscribe(this.#held(call.params.id, follower.peer), follower);
    }
  }

  /** Somebody else's task does not exist for the asker (A2A 1.0, section 3.3: not found, never forbidden). */
  #held(id: string, peer: Peer): HeldTask {
    const held = this.#tasks.get(id);
    if (held === undefined || held.owner !== peer.member.member) throw new ParleyError("task_not_found");
    return held;
  }

  async #begin(call: SendCall, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    const handler = this.#handler;
    if (handler === undefined)
      throw new ParleyError("unsupported_operation", { message: "This member takes no tasks." });
    const { message } = call.params;
    if (message.taskId !== undefined)
      throw new ParleyError("task_not_found", { message: "A task does not take further messages yet." });
    const { sender } = follower.peer;
    this.#checkPolicy(call, follower.peer);
    const input = message.parts.find((part) => part.data !== undefined)?.data;
    const admitted = this.#admit?.({ skill: call.skill, input, from: sender });
    if (admitted !== undefined) await admitted;
    const timeLimitMs = Math.min(call.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    const held = this.#hold(follower, message.contextId, timeLimitMs);
    await this.#work(handler, held, {
      id: held.id,
      contextId: held.contextId,
      skill: call.skill,
      message,
      input,
      text: message.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n"),
      from: sender,
      path: envelope.path,
      get signal() {
        return held.signal;
      },
      deadline: this.#options.clock.now() + timeLimitMs,
      progress: (text) => held.progress(text),
      artifact: (artifact, options) => held.artifact(artifact, options),
    });
  }

  #checkPolicy({ skill }: SendCall, { member }: Peer): void {
    const { gate } = this.#options;
    if (gate.isPaused) throw new ParleyError("paused", { message: "An operator paused this agent." });
    const question = { action: "call" as const, skill };
    const decision = gate.decide(member, question);
    if (!decision.allowed) throw denied(member, undefined, question, decision);
    this.#options.onTaken(member);
  }

  #hold(follower: Follower, contextId: string | undefined, timeLimitMs: number): HeldTask {
    const { clock, random } = this.#options;
    if (this.#tasks.size >= limits.tasks) this.#forgetOldestEnded();
    const held = new HeldTask(
      {
        clock,
        random,
        owner: follower.peer.member.member,
        contextId: contextId ?? toBase64url(random.bytes(12)),
        timeLimitMs,
        tell: (to, event) => this.#tell(to, event),
      },
      follower,
    );
    this.#tasks.set(held.id, held);
    return held;
  }

  #forgetOldestEnded(): void {
    const oldest = this.#ended.values().next().value;
    if (oldest === undefined)
      throw new ParleyError("limit_reached", { message: "This agent works on as many tasks as it can." });
    this.#ended.delete(oldest);
    this.#tasks.delete(oldest);
  }

  async #work(handler: TaskHandler, held: HeldTask, task: IncomingTask): Promise<void> {
    this.#change(1);
    try {
      held.complete(await held.orAborted(handler(task)));
    } catch (error) {
      const failure = toParleyError(error);
      if (failure.code === "internal") this.#options.onError(error);
      held.fail(failure);
    } finally {
      this.#ended.add(held.id);
      this.#change(-1);
    }
  }

  #cancel(held: HeldTask, follower: Follower): void {
    if (held.ended) throw new ParleyError("task_not_cancelable");
    held.abort(new ParleyError("canceled"));
    void this.#tell(follower, { call: follower.call, task: held.task });
  }

  #subscribe(held: HeldTask, follower: Follower): void {
    if (held.ended) throw new ParleyError("unsupported_operation", { message: "The task has ended; get it instead." });
    held.follow(follower);
  }

  /** Resolves once the event was taken for sending; never rejects. */
  async #tell(follower: Follower, event: CallEvent): Promise<void> {
    try {
      await this.#options.send(follower.peer, envelopeKinds.callEvent, event, follower.paths);
    } catch (error) {
      // Whoever waits for what cannot be sent learns why.
      if (event.error === undefined) await this.#tell(follower, { call: follower.call, error: wireErrorOf(error) });
      else this.#options.onError(error);
    }
  }

  #change(by: number): void {
    this.#working += by;
    this.#options.onLoad(this.#working);
  }
}

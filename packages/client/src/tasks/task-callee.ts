/** The callee's side of the A2A binding: takes calls, holds tasks, tells every follower the same events in the same order. */
import type { Random } from "@parley/core";
import {
  type Call,
  type CallEvent,
  callSchema,
  decodeJson,
  envelopeKinds,
  limits,
  type Message,
  ParleyError,
  type Part,
} from "@parley/protocol";

import { textOf } from "../body.ts";
import type { AllowedPaths } from "../delivery.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { callNumberOf } from "./call-number.ts";
import { type HeldTask, wireErrorOf } from "./held-task.ts";
import { type ResumableTables, ResumableTasks } from "./resumable-tasks.ts";
import type { TaskView } from "./task-api.ts";
import type { Follower } from "./task-feed.ts";
import { isOnePiece } from "./task-pieces.ts";
import type { ServeOptions, TaskAdmission, TaskHandler } from "./task-run.ts";
import { TaskShelf } from "./task-shelf.ts";
import { type Served, TaskStarts, type TaskStartsOptions } from "./task-starts.ts";
import { signTimeline, type TimelineWriter } from "./task-timeline.ts";
import { TaskWork } from "./task-work.ts";

export interface TaskCalleeOptions extends TaskStartsOptions {
  readonly random: Random;
  readonly send: (peer: Peer, kind: number, body: unknown, paths: AllowedPaths | undefined) => Promise<void>;
  /** Takes out what must not leave this device. */
  readonly outgoing: Outgoing;
  /** Leaves parts at the registry that no envelope can carry. */
  readonly leave: (parts: readonly Part[], signal: AbortSignal) => Promise<Part[]>;
  readonly resumable: ResumableTables;
  /** Who signs timelines. */
  readonly writer: () => Pick<TimelineWriter, "mesh" | "member" | "device">;
  /** Told when the number of tasks at work changes: presence carries it. */
  readonly onLoad: (load: number) => void;
}

/** A task that this device works on, or did. */
export type WorkedTask = Omit<TaskView, "role" | "name">;

/** Calls about tasks of an earlier start that wait until the program takes tasks again. */
const mostEarly = limits.taskCalls;

export class TaskCallee {
  readonly #options: TaskCalleeOptions;
  readonly #shelf: TaskShelf;
  readonly #work: TaskWork;
  readonly #starts: TaskStarts;
  #served: Served | undefined;
  #isReady = false;
  #early: (() => void)[] = [];
  readonly #timelines = new WeakMap<HeldTask, readonly string[]>();

  constructor(options: TaskCalleeOptions) {
    this.#options = options;
    const { clock, random, leave } = options;
    this.#shelf = new TaskShelf({ clock, random, leave, tell: (to, event) => this.#tell(to, event) });
    const resumable = new ResumableTasks(options.resumable, clock);
    this.#work = new TaskWork({ ...options, resumable, shelf: this.#shelf });
    this.#starts = new TaskStarts(options, this.#shelf, this.#work, resumable);
  }

  serve(handler: TaskHandler, admit?: TaskAdmission, options: ServeOptions = {}): void {
    this.#served = { handler, admit, ...options };
    this.#starts
      .resume(this.#served)
      .catch(this.#options.onError)
      .finally(() => {
        this.#isReady = true;
        for (const ask of this.#early.splice(0)) ask();
      });
  }

  /** A task that this device holds, whoever asked for it. */
  find(id: string): HeldTask | undefined {
    return this.#shelf.get(id);
  }

  /** Tasks at work and remembered, oldest first. */
  views(): readonly WorkedTask[] {
    return [...this.#shelf.all()].map((held) => ({
      id: held.id,
      member: held.owner,
      device: undefined,
      skill: held.skill,
      contextId: held.contextId,
      state: held.state,
      began: held.began,
      deadline: held.ended ? undefined : held.time.deadline,
      ended: held.ended ? (held.record.acts.at(-1)?.at ?? held.began) : undefined,
      last: held.last,
      code: held.errorCode,
    }));
  }

  /** Signed now, once it has ended, and the same from then on. */
  async timeline(held: HeldTask): Promise<readonly string[]> {
    const signed = this.#timelines.get(held);
    if (signed !== undefined) return signed;
    const { mesh, member, device } = this.#options.writer();
    const entries = await signTimeline({ mesh, member, device, now: this.#options.clock.now() }, held);
    if (held.ended) this.#timelines.set(held, entries);
    return entries;
  }

  get working(): number {
    return this.#work.working;
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
    const paths = "paths" in call.value ? call.value.paths : undefined;
    const follower: Follower = { peer: envelope.peer, call: call.value.call, paths };
    this.#dispatch(call.value, follower, envelope).catch((error: unknown) =>
      this.#tell(follower, { call: follower.call, error: wireErrorOf(error) }),
    );
  }

  /** The asker started anew: it does not wait for its tasks, until it asks for them again. */
  onRestart(peer: Peer): void {
    this.#shelf.leftBy(peer);
  }

  /** Cancels everything at work. What is on disk, because it waits for a yes or is resumable, goes on in the next start. */
  stop(): void {
    this.#work.stop();
    this.#shelf.stop();
    for (const held of this.#shelf.all())
      if (!held.waitsForYes) held.abort(new ParleyError("closed", { message: "The agent stopped." }));
  }

  async #dispatch(call: Call, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    switch (call.method) {
      case "SendStreamingMessage":
        return this.#begin(call, follower, envelope);
      case "GetTask":
        return this.#get(this.#held(call.params.id, follower.peer), follower);
      case "CancelTask":
        return this.#cancel(this.#held(call.params.id, follower.peer), follower);
      case "SubscribeToTask":
        return this.#subscribe(call, follower);
      case "GetTaskTimeline": {
        const timeline = await this.timeline(this.#held(call.params.id, follower.peer));
        return this.#tell(follower, { call: follower.call, timeline: [...timeline] });
      }
    }
  }

  #held(id: string, { member }: Peer): HeldTask {
    const held = this.#shelf.find(id, member.member);
    if (held === undefined) throw new ParleyError("task_not_found");
    return held;
  }

  async #begin(
    call: Call & { method: "SendStreamingMessage" },
    follower: Follower,
    envelope: LiveEnvelope,
  ): Promise<void> {
    const served = this.#served;
    if (served === undefined)
      throw new ParleyError("unsupported_operation", { message: "This member takes no tasks." });
    const { message } = call.params;
    if (message.taskId !== undefined) return this.#continue(message.taskId, message, follower);
    await this.#starts.begin(served, call, follower, envelope);
  }

  async #get(held: HeldTask, follower: Follower): Promise<void> {
    const { task } = held;
    if (!isOnePiece(task))
      throw new ParleyError("too_large", { message: "The task with its artifacts is too large; follow it instead." });
    await this.#tell(follower, { call: follower.call, task });
  }

  async #continue(id: string, message: Message, follower: Follower): Promise<void> {
    const held = this.#held(id, follower.peer);
    if (held.ended) throw new ParleyError("unsupported_operation", { message: "The task has ended." });
    held.words.take(message);
    await this.#tell(follower, { call: follower.call, task: headOf(held) });
  }

  #cancel(held: HeldTask, follower: Follower): void {
    if (held.ended) throw new ParleyError("task_not_cancelable");
    held.abort(new ParleyError("canceled"));
    void this.#tell(follower, { call: follower.call, task: headOf(held) });
  }

  /** By the task's id, or by the message that began it. One of an earlier start is known once the program takes tasks again. */
  async #subscribe({ params }: Call & { method: "SubscribeToTask" }, follower: Follower): Promise<void> {
    const { id, messageId = "", after } = params;
    const { member } = follower.peer.member;
    const find = (): HeldTask | undefined =>
      id === undefined ? this.#shelf.begunBy(messageId, member) : this.#shelf.find(id, member);
    if (find() === undefined && !this.#isReady && this.#early.length < mostEarly)
      await new Promise<void>((resolve) => this.#early.push(resolve));
    const held = find();
    if (held === undefined) throw new ParleyError("task_not_found");
    if (held.ended && after === undefined)
      throw new ParleyError("unsupported_operation", { message: "The task has ended; get it instead." });
    this.#shelf.rejoined(held);
    held.follow(follower, after);
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
}

/** A task as an answer to who knows its artifacts already. */
function headOf({ task }: HeldTask): HeldTask["task"] {
  const { artifacts: _, ...head } = task;
  return head;
}

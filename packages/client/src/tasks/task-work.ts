/** Has the program work on a task, and ends the task as that ends. */
import type { Clock } from "@parley/core";
import { type CallStep, type Message, ParleyError, type Path, toParleyError } from "@parley/protocol";

import { defaultQuestionMs } from "../approvals/approval-requests.ts";
import type { Sender } from "../delivery.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { CallChains, ChainedCall } from "./call-chains.ts";
import type { HeldTask } from "./held-task.ts";
import type { ResumableTask, ResumableTasks } from "./resumable-tasks.ts";
import type { TaskApprovals } from "./task-approvals.ts";
import type { IncomingTask, Principal, Resumed, TaskHandler } from "./task-run.ts";
import type { TaskShelf } from "./task-shelf.ts";

export interface TaskWorkOptions {
  readonly clock: Clock;
  readonly outgoing: Outgoing;
  readonly approvals: TaskApprovals;
  readonly chains: CallChains;
  readonly resumable: ResumableTasks;
  readonly shelf: TaskShelf;
  /** Told when the number of tasks at work changes: presence carries it. */
  readonly onLoad: (load: number) => void;
  readonly onError: (error: unknown) => void;
}

/** What work begins with. */
export interface TaskStart {
  readonly skill: string;
  readonly message: Message;
  /** What was said in its context before. */
  readonly history: readonly Message[];
  readonly from: Sender;
  readonly hops: number;
  readonly through: readonly CallStep[];
  readonly path: Path;
  /** The call as it came, where it is made for somebody else. */
  readonly chained?: ChainedCall | undefined;
  readonly actsFor?: Principal | undefined;
  readonly mandate?: readonly string[] | undefined;
  /** Persons who said yes to it. */
  readonly yeses: number;
  /** It was begun in an earlier start. */
  readonly resumed?: Resumed | undefined;
  /** It is to be begun again after a restart. */
  readonly isKept: boolean;
}

export class TaskWork {
  readonly #options: TaskWorkOptions;
  #working = 0;
  #stopping = false;

  constructor(options: TaskWorkOptions) {
    this.#options = options;
  }

  get working(): number {
    return this.#working;
  }

  /** What is begun again in the next start is not ended by this one's end. */
  stop(): void {
    this.#stopping = true;
  }

  async run(handler: TaskHandler, held: HeldTask, start: TaskStart): Promise<void> {
    const { isKept } = start;
    this.#change(1);
    try {
      if (isKept) await this.#keep(held, start);
      const task = this.#taskOf(held, start);
      // Not in one: a task that ends at once is told in the turn in which its work ends.
      const output = await held.orAborted(handler(task));
      const done = held.complete(this.#options.outgoing.value(output));
      if (done !== undefined) await held.orAborted(done);
    } catch (error) {
      if (!this.#suspends(held, error)) this.#fail(held, error);
    } finally {
      this.#options.chains.forget(held);
      if (held.ended) this.#options.shelf.end(held);
      this.#change(-1);
    }
  }

  /** Adds to what is at work; presence tells it. */
  #change(by: number): void {
    this.#working += by;
    this.#options.onLoad(this.#working);
  }

  /** On disk before it begins; and how it ends, before anybody is told. */
  async #keep(held: HeldTask, start: TaskStart): Promise<void> {
    const { skill, message, from, hops, through, chained, mandate, yeses } = start;
    const { resumable } = this.#options;
    held.beforeEnd = (task, error) => resumable.end(held, task, error);
    if (start.resumed !== undefined) return;
    const kept: ResumableTask = {
      contextId: held.contextId,
      skill,
      owner: held.owner,
      device: from.device,
      message,
      yeses,
      cause: {
        hops,
        through: [...through],
        ...(chained === undefined ? {} : { chained: { ...chained, chain: [...chained.chain] } }),
        ...(mandate === undefined ? {} : { mandate: [...mandate] }),
      },
    };
    await resumable.begin(held, kept);
  }

  /** A task that goes on in the next start: nobody is told that this one ended. */
  #suspends(held: HeldTask, error: unknown): boolean {
    return this.#stopping && this.#options.resumable.has(held.id) && toParleyError(error).code === "closed";
  }

  #fail(held: HeldTask, error: unknown): void {
    const failure = toParleyError(error);
    if (failure.code === "internal") this.#options.onError(error);
    held.fail(failure);
  }

  #taskOf(held: HeldTask, start: TaskStart): IncomingTask {
    const { skill, message, history, from, hops, through, path, actsFor, mandate, resumed } = start;
    const { outgoing, resumable, approvals } = this.#options;
    return {
      id: held.id,
      contextId: held.contextId,
      history,
      skill,
      message,
      input: inputIn(message),
      text: textIn(message),
      from,
      actsFor,
      mandate,
      hops,
      through,
      path,
      resumed,
      get signal() {
        return held.signal;
      },
      get deadline() {
        return held.time.deadline;
      },
      get messages() {
        return held.words.read(held.signal);
      },
      progress: (text) => held.progress(outgoing.text(text)),
      artifact: (artifact, options) =>
        held.artifact({ ...artifact, parts: outgoing.value(artifact.parts) as typeof artifact.parts }, options),
      ask: (question, options) => this.#ask(held, question, options),
      approve: (act) =>
        this.#during(held, `${act.skill} waits for a person's approval.`, () => {
          const principals = actsFor === undefined ? [] : [actsFor.member, ...actsFor.through.map((by) => by.member)];
          return approvals.act(act, { caller: from.member, principals, task: held.id }, held.signal);
        }),
      checkpoint: async (value) => {
        if (!resumable.has(held.id))
          throw new ParleyError("unsupported_operation", {
            message: `The skill ${skill} is not resumable: what it keeps would be of no use.`,
          });
        await resumable.note(held, { value });
      },
      hold: (note) => held.hold("TASK_STATE_AUTH_REQUIRED", outgoing.text(note)),
    };
  }

  async #ask(
    held: HeldTask,
    question: string,
    { of, withinMs }: NonNullable<Parameters<IncomingTask["ask"]>[1]> = {},
  ): Promise<string> {
    const { outgoing, approvals } = this.#options;
    const text = outgoing.text(question);
    if (of === undefined) {
      const asking = held.askCaller(text, withinMs ?? defaultQuestionMs);
      this.#noteTime(held);
      const answer = await asking;
      this.#noteTime(held);
      held.record.answered(answer);
      return textIn(answer);
    }
    return this.#during(held, "This waits for a person's answer.", () =>
      approvals.question({ id: held.id, skill: held.skill }, text, { of, withinMs }, held.signal),
    );
  }

  async #during<Answer>(held: HeldTask, note: string, wait: () => Promise<Answer>): Promise<Answer> {
    const release = held.hold("TASK_STATE_AUTH_REQUIRED", note);
    this.#noteTime(held);
    try {
      return await wait();
    } finally {
      release();
      this.#noteTime(held);
    }
  }

  /** A task that is begun again has as much time as it had. */
  #noteTime(held: HeldTask): void {
    const { resumable, onError } = this.#options;
    if (resumable.has(held.id)) resumable.note(held).catch(onError);
  }
}

/** The value for the skill: of the first data part. */
export const inputIn = (message: Message): unknown => message.parts.find((part) => part.data !== undefined)?.data;

export const textIn = (message: Message): string =>
  message.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");

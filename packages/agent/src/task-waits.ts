/** What a task does while it waits for others: its slot is lent, and its time stands still while a person is asked, however far away. */
import type { IncomingTask, TaskRun } from "@parley/client";
import { ParleyError, type TaskStatus } from "@parley/protocol";

import type { TaskSlot } from "./task-slots.ts";

/** Answers what another agent asks in the course of a task that was given to it. */
export type QuestionHandler = (question: string, by: string) => string | Promise<string>;

export class TaskWaits {
  readonly #task: Pick<IncomingTask, "ask" | "hold">;
  readonly #slot: TaskSlot;

  constructor(task: Pick<IncomingTask, "ask" | "hold">, slot: TaskSlot) {
    this.#task = task;
    this.#slot = slot;
  }

  ask(question: string, options: Parameters<IncomingTask["ask"]>[1]): Promise<string> {
    return this.asked(() => this.#task.ask(question, options));
  }

  /** Waits for somebody's word, without a slot and without time meanwhile. */
  async asked<Answer>(wait: () => Promise<Answer>): Promise<Answer> {
    const goOn = this.#slot.pause();
    try {
      return await this.lent(wait);
    } finally {
      goOn();
    }
  }

  /** Waits for somebody else's work without a slot. */
  async lent<Result>(wait: () => Promise<Result>): Promise<Result> {
    const back = this.#slot.lend();
    try {
      return await wait();
    } finally {
      await back();
    }
  }

  /** Stands still, and says so to its own caller, while another agent waits for a person's word. */
  hold(name: string): () => void {
    const goOn = this.#slot.pause();
    const release = this.#task.hold(`@${name} waits for a person's approval.`);
    return () => {
      release();
      goOn();
    };
  }
}

/** Follows whom a delegated task waits for, until it ends. `waits` is of the task for which it was delegated. */
export async function followWaits(
  run: TaskRun,
  waits: TaskWaits | undefined,
  onQuestion: QuestionHandler | undefined,
  onProgress: ((text: string) => void | Promise<void>) | undefined,
): Promise<void> {
  let release: (() => void) | undefined;
  try {
    for await (const { response } of run.events) {
      const status = response.statusUpdate?.status ?? response.task?.status;
      if (status === undefined) continue;
      if (status.state === "TASK_STATE_AUTH_REQUIRED") {
        release ??= waits?.hold(run.to.name);
        continue;
      }
      release?.();
      release = undefined;
      if (status.state === "TASK_STATE_INPUT_REQUIRED") await answer(run, wordsOf(status), waits, onQuestion);
      else if (status.state === "TASK_STATE_WORKING" && wordsOf(status) !== "" && response.statusUpdate !== undefined)
        await onProgress?.(wordsOf(status));
    }
  } catch {
    // The outcome says the same.
  } finally {
    release?.();
  }
}

async function answer(
  run: TaskRun,
  question: string,
  waits: TaskWaits | undefined,
  onQuestion: QuestionHandler | undefined,
): Promise<void> {
  try {
    if (onQuestion !== undefined) await run.reply(await onQuestion(question, run.to.name));
    // Whoever asked this agent for its work may know.
    else if (waits !== undefined) await run.reply(await waits.ask(`@${run.to.name} asks: ${question}`, undefined));
    else throw new ParleyError("unsupported_operation");
  } catch (error) {
    run.cancel();
    throw error;
  }
}

const wordsOf = (status: TaskStatus): string => status.message?.parts.map((part) => part.text ?? "").join("") ?? "";

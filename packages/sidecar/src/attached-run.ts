/** A task that is followed through the process that holds the device. */
import { type Sender, type TaskEvent, TaskFold, type TaskOutcome, type TaskRun } from "@parley/client";
import { toParleyError } from "@parley/protocol";

import { EventBuffer } from "./event-buffer.ts";
import type { LocalCalls } from "./local-calls.ts";
import type { OperationBody } from "./operations.ts";

/** Events of a task that its program has not taken. */
const mostTaskEvents = 1024;

export interface AttachedRunOptions {
  readonly calls: LocalCalls;
  readonly signal: AbortSignal | undefined;
  readonly reply: (task: string, text: string) => Promise<void>;
  /** Stops the task itself, where the end of the operation does not. */
  readonly cancel?: (task: string) => void;
}

/** Resolves when it is known whose task it is. */
export async function attachedRun<Name extends "delegate" | "followTask">(
  name: Name,
  body: OperationBody<Name>,
  { calls, signal, reply, cancel }: AttachedRunOptions,
): Promise<TaskRun> {
  const abort = new AbortController();
  const events = new EventBuffer<TaskEvent>(
    mostTaskEvents,
    () => calls.pause(),
    () => calls.resume(),
  );
  const fold = new TaskFold();
  const first = Promise.withResolvers<Sender>();
  const onEvent = (event: { to: Sender } | { task: TaskEvent }): void => {
    if ("to" in event) return first.resolve(event.to);
    fold.apply(event.task.response);
    events.push(event.task);
  };
  const outcome = calls
    .call(name, body, {
      onEvent,
      signal: signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]),
    })
    .then(({ path, reason, tookMs }): TaskOutcome => ({
      task: fold.task,
      output: fold.output,
      text: fold.text,
      path,
      reason,
      tookMs,
    }));
  outcome.then(
    () => events.end(),
    (error: unknown) => {
      events.end(toParleyError(error));
      first.reject(toParleyError(error));
    },
  );
  return {
    to: await first.promise,
    get taskId() {
      return fold.id;
    },
    events,
    outcome,
    reply: (text) => reply(fold.id ?? "", text),
    cancel: () => {
      if (fold.id !== undefined) cancel?.(fold.id);
      abort.abort();
    },
    leave: () => abort.abort(),
  };
}

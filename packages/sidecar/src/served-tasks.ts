/** The tasks that one connection works on: each ends by the program's word, by its caller's, or with the connection. */
import { checkAgainstSkillSchema } from "@parley/client";
import { ParleyError, toParleyError } from "@parley/protocol";

import type { OperationEventJson } from "./operations.ts";
import type { DeclaredSkillJson } from "./program-json.ts";
import type { HostedTask } from "./skill-host.ts";

type ServeEvent = OperationEventJson<"serve">;

interface Served {
  readonly task: HostedTask;
  readonly output: DeclaredSkillJson["output"];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: ParleyError) => void;
}

/** Why a task ends whose program is not there any more. */
const programGone = (): ParleyError =>
  new ParleyError("closed", { message: "The program that serves this skill went away before it was done." });

export class ServedTasks {
  readonly #tasks = new Map<string, Served>();

  get size(): number {
    return this.#tasks.size;
  }

  /** Throws `task_not_found` for what this connection does not work on, or not any more. */
  of(id: string): HostedTask {
    return this.#held(id).task;
  }

  /** Hands a task over and resolves with what the program says. `leaves` is aborted when it serves no more. */
  async work(
    task: HostedTask,
    { output }: DeclaredSkillJson,
    emit: (event: ServeEvent) => Promise<void>,
    leaves: AbortSignal,
  ): Promise<unknown> {
    if (leaves.aborted) throw programGone();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const onLeave = (): void => reject(programGone());
    const onAbort = (): void => {
      const error = toParleyError(task.signal.reason);
      if (!this.#tasks.delete(task.id)) return;
      reject(error);
      void emit({ cancel: { task: task.id, error: { code: error.code, message: error.message } } }).catch(
        () => undefined,
      );
    };
    this.#tasks.set(task.id, { task, output, resolve, reject });
    leaves.addEventListener("abort", onLeave, { once: true });
    task.signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (task.signal.aborted) onAbort();
      else await emit({ task: taskJson(task) });
      return await promise;
    } finally {
      this.#tasks.delete(task.id);
      leaves.removeEventListener("abort", onLeave);
      task.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends a task well. Throws `invalid_output`, with which the task fails too, when it does not fit the declared schema. */
  complete(id: string, result: unknown): void {
    const { output, resolve, reject } = this.#held(id);
    this.#tasks.delete(id);
    const check = checkAgainstSkillSchema(output, result);
    if (check.ok) return resolve(result);
    const where = check.path === "" ? "output" : `output.${check.path}`;
    const error = new ParleyError("invalid_output", { message: `${where}: ${check.message}` });
    reject(error);
    throw error;
  }

  fail(id: string, error: ParleyError): void {
    const { reject } = this.#held(id);
    this.#tasks.delete(id);
    reject(error);
  }

  #held(id: string): Served {
    const held = this.#tasks.get(id);
    if (held === undefined)
      throw new ParleyError("task_not_found", { message: "This program works on no such task, or it has ended." });
    return held;
  }
}

function taskJson({ id, skill, input, text, from, actsFor, hops, deadline }: HostedTask) {
  return {
    task: id,
    skill,
    input,
    text,
    from: { ...from, roles: [...from.roles] },
    ...(actsFor === undefined
      ? {}
      : { for: { member: actsFor.member, name: actsFor.name, roles: [...actsFor.roles] } }),
    hops,
    deadline,
  };
}

/** Folds the events of a task's stream into the task as it stands. Bounded by `limits.artifactBytes` for each artifact. */
import {
  type Artifact,
  isTerminal,
  limits,
  mayJump,
  mayMove,
  ParleyError,
  type StreamResponse,
  type Task,
  type TaskState,
} from "@parley/protocol";

import { mostArtifacts } from "./task-pieces.ts";

const sizeOf = (artifact: Artifact): number =>
  artifact.parts.reduce(
    (sum, part) =>
      sum + (part.text?.length ?? part.raw?.length ?? (part.data === undefined ? 0 : JSON.stringify(part.data).length)),
    0,
  );

export class TaskFold {
  #task: Task | undefined;
  readonly #artifacts = new Map<string, { artifact: Artifact; bytes: number }>();

  get id(): string | undefined {
    return this.#task?.id;
  }

  get contextId(): string | undefined {
    return this.#task?.contextId;
  }

  get state(): TaskState | undefined {
    return this.#task?.status.state;
  }

  get ended(): boolean {
    return this.state !== undefined && isTerminal(this.state);
  }

  /** The task with all its artifacts. Throws `invalid_output` before the first event. */
  get task(): Task {
    if (this.#task === undefined)
      throw new ParleyError("invalid_output", { message: "The agent ended the stream without a task." });
    return { ...this.#task, artifacts: [...this.#artifacts.values()].map(({ artifact }) => artifact) };
  }

  /**
   * Takes one event. Throws `too_large` when an artifact grows beyond the limit, `limit_reached` when there are too many, and
   * `invalid_output` for a state that may not follow.
   */
  apply(event: StreamResponse): void {
    if (event.task !== undefined) {
      const { id, status } = event.task;
      if (!mayJump(this.state ?? "none", status.state) || (this.id ?? id) !== id) throw this.#illegal(status.state);
      this.#task = event.task;
      // What was known before is in there, or gone.
      this.#artifacts.clear();
      for (const artifact of event.task.artifacts ?? []) this.#put(artifact, false);
    } else if (event.statusUpdate !== undefined) {
      const { taskId, contextId, status } = event.statusUpdate;
      if (this.state !== undefined && !mayMove(this.state, status.state)) throw this.#illegal(status.state);
      this.#task = {
        ...this.#task,
        id: this.#task?.id ?? taskId,
        ...(contextId === undefined ? {} : { contextId }),
        status,
      };
    } else if (event.artifactUpdate !== undefined) {
      if (this.ended) throw this.#illegal(this.state ?? "none");
      this.#put(event.artifactUpdate.artifact, event.artifactUpdate.append ?? false);
    }
  }

  #put(artifact: Artifact, append: boolean): void {
    const before = append ? this.#artifacts.get(artifact.artifactId) : undefined;
    if (!this.#artifacts.has(artifact.artifactId) && this.#artifacts.size >= mostArtifacts)
      throw new ParleyError("limit_reached", { message: `A task has at most ${mostArtifacts} artifacts.` });
    const bytes = sizeOf(artifact) + (before?.bytes ?? 0);
    if (bytes > limits.artifactBytes)
      throw new ParleyError("too_large", { message: `An artifact is larger than ${limits.artifactBytes} bytes.` });
    const whole =
      before === undefined ? artifact : { ...before.artifact, parts: [...before.artifact.parts, ...artifact.parts] };
    this.#artifacts.set(artifact.artifactId, { artifact: whole, bytes });
  }

  #illegal(to: TaskState | "none"): ParleyError {
    return new ParleyError("invalid_output", {
      message: `A task in ${this.state ?? "no state"} cannot be told to be in ${to}.`,
    });
  }

  /** The value of the last data part: a skill's typed output. */
  get output(): unknown {
    const parts = [...this.#artifacts.values()].flatMap(({ artifact }) => artifact.parts);
    return parts.findLast((part) => part.data !== undefined)?.data;
  }

  get text(): string {
    const parts = [...this.#artifacts.values()].flatMap(({ artifact }) => artifact.parts);
    return parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");
  }
}

import type { Artifact, Part, StreamResponse, Task } from "@parley/protocol";
import { limits } from "@parley/protocol";

/** Gathers a task's artifacts from its events, so that its end need not repeat them. */
export class TaskFold {
  readonly #artifacts = new Map<string, Artifact>();
  #taskId: string | undefined;

  get taskId(): string | undefined {
    return this.#taskId;
  }

  add(event: StreamResponse): void {
    this.#taskId = event.task?.id ?? event.statusUpdate?.taskId ?? event.artifactUpdate?.taskId ?? this.#taskId;
    for (const artifact of event.task?.artifacts ?? []) this.#artifacts.set(artifact.artifactId, artifact);
    const update = event.artifactUpdate;
    if (update === undefined) return;
    const { artifact } = update;
    const before = this.#artifacts.get(artifact.artifactId);
    const whole =
      update.append === true && before !== undefined
        ? { ...before, parts: [...before.parts, ...artifact.parts] }
        : artifact;
    if (before !== undefined || this.#artifacts.size < limits.skills) this.#artifacts.set(artifact.artifactId, whole);
  }

  /** The task with its artifacts, its typed output and its text. */
  end(task: Task): { readonly task: Task; readonly output: unknown; readonly text: string } {
    const artifacts = [...this.#artifacts.values()];
    const last: Part | undefined = artifacts.at(-1)?.parts.findLast((part) => part.data !== undefined);
    const texts = artifacts.flatMap((artifact) =>
      artifact.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])),
    );
    return { task: { ...task, artifacts }, output: last?.data, text: texts.join("\n") };
  }
}

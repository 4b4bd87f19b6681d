import { type BoardMove, moveBoardTask, type RecordChange, type Records } from "@parley/core";
import { type BoardView, ParleyError } from "@parley/protocol";

import { JsonRecords } from "../json-records.ts";
import { afterPrefix, keys, prefixes } from "../keys.ts";
import { BoardIndex } from "./board-index.ts";
import { factsOf, type KnownTask, knownTask, type StoredTask, storedTaskSchema } from "./stored-task.ts";

export interface BoardTasksOptions {
  readonly records: Records;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A task stands otherwise than before. `stored` where this node changed it, with everything of it. */
  readonly onChange: (task: KnownTask, before: KnownTask | undefined, stored: StoredTask) => void;
}

/** What a move brings along, made of the task before it. Throws to keep it from happening. */
export type Brings = (
  stored: StoredTask,
) => Promise<Partial<Omit<StoredTask, "is">> | undefined> | Partial<Omit<StoredTask, "is">> | undefined;

/** The records of the tasks on the board, and what this node remembers of them. Every change is one compare-and-set of one record. */
export class BoardTasks {
  readonly index: BoardIndex;
  readonly #options: BoardTasksOptions;
  readonly #records: JsonRecords<StoredTask>;

  constructor(options: BoardTasksOptions) {
    this.#options = options;
    this.#records = new JsonRecords(options.records, storedTaskSchema);
    this.index = new BoardIndex(options.now);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.board, (change) => this.#follow(change), { signal });
    for (const { task } of this.index.waiting()) this.index.place(task);
  }

  /** Throws `task_not_found`, also for somebody else's. */
  async get(task: string, asker: string): Promise<StoredTask> {
    const known = this.index.get(task);
    if (known !== undefined && known.asker !== asker) throw new ParleyError("task_not_found");
    const stored = (await this.#records.get(keys.board(task)))?.value;
    if (stored?.asker !== asker) throw new ParleyError("task_not_found");
    return stored;
  }

  /** Puts a task on the board; the one that is there stays. Durable when resolved. Throws `already_exists` for another one. */
  async create(wanted: StoredTask): Promise<StoredTask> {
    return this.#write(wanted.task, (current) => {
      if (current === undefined) return wanted;
      if (current.asker !== wanted.asker || current.skill !== wanted.skill)
        throw new ParleyError("already_exists", { message: "Another task has this id, or this key." });
      // Asked again, by its id or by its key: what was asked first counts.
      return undefined;
    });
  }

  /** Does what the table of the state machine allows. Throws the code of what it does not. */
  async move(task: string, move: BoardMove, brings?: Brings): Promise<StoredTask> {
    return this.#write(task, async (stored) => {
      if (stored === undefined) throw new ParleyError("task_not_found");
      const moved = moveBoardTask(stored.is, move);
      if (!moved.ok) throw new ParleyError(moved.code);
      const more = await brings?.(stored);
      if (moved.task === stored.is && more === undefined) return undefined;
      const next = { ...stored, ...more, is: moved.task };
      if (moved.task.state !== "completed") return next;
      // Nobody opens the input again.
      const { input: _input, wraps: _wraps, ...rest } = next;
      return { ...rest, wraps: [] };
    });
  }

  /** Changes what is beside the state. */
  async change(task: string, next: (stored: StoredTask) => StoredTask | undefined): Promise<StoredTask> {
    return this.#write(task, (stored) => {
      if (stored === undefined) throw new ParleyError("task_not_found");
      return next(stored);
    });
  }

  async remove(task: string): Promise<void> {
    await this.#records.deleteIf(keys.board(task), () => true);
    this.index.remove(task);
  }

  view(stored: StoredTask): BoardView {
    const { entries, input, own, result, after = [] } = stored;
    return {
      ...factsOf({ ...stored, after, acts: stored.acts === true }, this.index.waitsFor({ after })),
      entries: [...entries],
      own,
      ...(input === undefined ? {} : { input }),
      ...(result === undefined ? {} : { result }),
    };
  }

  async #write(
    task: string,
    next: (current: StoredTask | undefined) => StoredTask | undefined | Promise<StoredTask | undefined>,
  ): Promise<StoredTask> {
    const written = await this.#records.change(keys.board(task), next);
    if (written === undefined) throw new ParleyError("task_not_found");
    this.#take(written.value, written.revision);
    return written.value;
  }

  #follow({ key, value, revision }: RecordChange): void {
    const stored = this.#records.decode(value);
    if (stored === undefined) this.index.remove(afterPrefix(key, prefixes.board));
    else this.#take(stored, revision);
  }

  #take(stored: StoredTask, revision: number): void {
    const before = this.index.get(stored.task);
    const known = knownTask(stored, revision);
    if (this.index.put(known)) this.#options.onChange(known, before, stored);
  }
}

import type { BoardSession } from "./board-session.ts";
import type { KnownTask } from "./stored-task.ts";

/** A device that takes work from the board, for as long as its session lasts. */
export interface BoardWorker {
  readonly session: BoardSession;
  readonly member: string;
  readonly device: string;
  readonly boot: string;
  skills: ReadonlySet<string>;
  slots: number;
  /** Tasks that it holds, or that are on their way to it. */
  readonly held: Set<string>;
  /** Leases that were given over this session: what it says of what it holds may be older. */
  readonly given: Set<string>;
}

/** What a worker gave back is not given to its member again for so long. */
export const passedOverMs = 30_000;
const mostPassedOver = 10_000;

/** Who works for the board at this node. */
export class BoardWorkers {
  readonly #now: () => number;
  readonly #workers = new Map<BoardSession, BoardWorker>();
  /** By member and task: until when the member is passed over. Monotonic times. */
  readonly #passedOver = new Map<string, number>();
  #turn = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get(session: BoardSession): BoardWorker | undefined {
    return this.#workers.get(session);
  }

  ofDevice(device: string): BoardWorker | undefined {
    for (const worker of this.#workers.values()) if (worker.device === device) return worker;
    return undefined;
  }

  put(worker: BoardWorker): void {
    this.#workers.set(worker.session, worker);
  }

  remove(session: BoardSession): void {
    this.#workers.delete(session);
  }

  /** With room for more, those with the most room first; a new one to begin with at each call. */
  free(): readonly BoardWorker[] {
    const free = [...this.#workers.values()].filter((worker) => roomOf(worker) > 0 && worker.skills.size > 0);
    const from = free.length === 0 ? 0 : this.#turn++ % free.length;
    return [...free.slice(from), ...free.slice(0, from)].toSorted((one, other) => roomOf(other) - roomOf(one));
  }

  /** It gave a task back that it would not begin. */
  passOver(member: string, task: string): void {
    if (this.#passedOver.size >= mostPassedOver) this.#passedOver.delete(this.#passedOver.keys().next().value ?? "");
    this.#passedOver.set(`${member}:${task}`, this.#now() + passedOverMs);
  }

  /** Milliseconds until it may be offered a task; 0 when it may now. */
  passedOverFor(member: string, { task }: Pick<KnownTask, "task">): number {
    const name = `${member}:${task}`;
    const until = this.#passedOver.get(name);
    if (until === undefined) return 0;
    const left = until - this.#now();
    if (left <= 0) this.#passedOver.delete(name);
    return Math.max(0, left);
  }
}

export const roomOf = ({ slots, held }: BoardWorker): number => slots - held.size;

import { type Clock, hasBoardTaskEnded, type Timer } from "@parley/core";
import { type BoardFacts, limits, ParleyError, type PushBody, toParleyError } from "@parley/protocol";

import type { Notices } from "../notices.ts";
import type { Session } from "../session.ts";
import { EventBuffer } from "../tasks/event-buffer.ts";
import type { BoardEvent, BoardOutcome, BoardRun } from "./board-api.ts";
import type { BoardProgress } from "./board-progress.ts";
import type { BoardResults } from "./board-results.ts";

export interface BoardRunsOptions {
  readonly session: Session;
  readonly clock: Clock;
  readonly results: BoardResults;
  readonly progress: BoardProgress;
  readonly notices: Notices;
}

type Changed = PushBody<"board.changed">["tasks"][number];

interface Followed {
  readonly events: EventBuffer<BoardEvent>;
  readonly settle: PromiseWithResolvers<BoardOutcome>;
  /** Leaves the progress of the present start. */
  leave: () => void;
  /** Generation whose progress is followed. */
  generation: number;
  /** What was told last. */
  told: string;
}

const mostEvents = 256;
/** Results are acknowledged together, so long after the first. */
const acknowledgeMs = 500;
/** A result that could not be looked at yet is asked for again after this. */
const againMs = 5000;

/** Tasks that this device follows, through every session until they end. */
export class BoardRuns {
  readonly #options: BoardRunsOptions;
  readonly #followed = new Map<string, Set<Followed>>();
  readonly #wanted = new Set<string>();
  readonly #seen = new Set<string>();
  #asking = false;
  #acknowledging: Timer | undefined;

  constructor(options: BoardRunsOptions) {
    this.#options = options;
  }

  follow(id: string): BoardRun {
    const followed: Followed = {
      events: new EventBuffer(mostEvents),
      settle: Promise.withResolvers(),
      leave: () => undefined,
      generation: 0,
      told: "",
    };
    // Whoever reads the events only must not crash on an unobserved outcome.
    followed.settle.promise.catch(() => {});
    this.#followed.set(id, (this.#followed.get(id) ?? new Set()).add(followed));
    this.#ask([id]);
    return {
      id,
      events: followed.events,
      outcome: followed.settle.promise,
      stop: () => this.#end(id, followed, new ParleyError("closed")),
    };
  }

  /** A new session knows nothing of what is followed. */
  onSession(): void {
    this.#ask(this.#followed.keys());
  }

  onChanged({ tasks }: PushBody<"board.changed">): void {
    for (const task of tasks) this.#take(task).catch(this.#options.notices.failed);
  }

  stop(): void {
    this.#acknowledging?.cancel();
    for (const [id, runs] of this.#followed)
      for (const followed of runs) this.#end(id, followed, new ParleyError("closed"));
  }

  async #take(task: Changed): Promise<void> {
    const runs = this.#followed.get(task.task);
    if (runs === undefined) return;
    const { entries, own: _own, result, ...facts } = task;
    for (const followed of runs) this.#tell(followed, facts);
    if (!hasBoardTaskEnded(facts.state)) return;
    const ended = { entries: entries ?? [], ...(result === undefined ? {} : { result }) };
    try {
      const outcome = facts.state === "completed" ? await this.#options.results.outcome(facts, ended) : undefined;
      const error = outcome === undefined ? await this.#errorOf(facts, ended) : undefined;
      for (const followed of runs) this.#end(task.task, followed, error, outcome);
    } catch (thrown) {
      const error = toParleyError(thrown);
      // Whoever worked on it cannot be looked up now.
      if (error.retryable) return void this.#options.clock.setTimer(againMs, () => this.#ask([task.task]));
      for (const followed of runs) this.#end(task.task, followed, error);
    }
    this.#acknowledge(task.task);
  }

  async #errorOf(facts: BoardFacts, ended: Parameters<BoardResults["error"]>[1]): Promise<ParleyError> {
    const said = await this.#options.results.error(facts, ended);
    const code = facts.reason ?? "task_failed";
    return new ParleyError(code, said?.code === code ? { message: said.message } : {});
  }

  #tell(followed: Followed, facts: BoardFacts): void {
    const told = JSON.stringify(facts);
    if (followed.told === told) return;
    followed.told = told;
    followed.events.push({ facts });
    if (facts.state !== "leased" || followed.generation === facts.generation) return;
    followed.leave();
    followed.generation = facts.generation;
    followed.leave = this.#options.progress.follow(facts, (progress) => followed.events.push({ progress }));
  }

  #end(id: string, followed: Followed, error: ParleyError | undefined, outcome?: BoardOutcome): void {
    const runs = this.#followed.get(id);
    if (runs?.delete(followed) !== true) return;
    if (runs.size === 0) this.#followed.delete(id);
    followed.leave();
    if (outcome !== undefined) followed.settle.resolve(outcome);
    else followed.settle.reject(error ?? new ParleyError("closed"));
    followed.events.end(error);
  }

  #acknowledge(task: string): void {
    this.#seen.add(task);
    this.#acknowledging ??= this.#options.clock.setTimer(acknowledgeMs, () => {
      this.#acknowledging = undefined;
      const tasks = [...this.#seen].slice(0, limits.boardBatch);
      for (const seen of tasks) this.#seen.delete(seen);
      // One that is not heard of it keeps the result longer.
      this.#options.session.request("board.acknowledge", { tasks }).catch(() => undefined);
      const next = this.#seen.values().next().value;
      if (next !== undefined) this.#acknowledge(next);
    });
  }

  #ask(ids: Iterable<string>): void {
    for (const id of ids) this.#wanted.add(id);
    if (this.#asking) return;
    this.#asking = true;
    this.#options.clock.soon(() => void this.#askAll().finally(() => (this.#asking = false)));
  }

  async #askAll(): Promise<void> {
    const { session, notices } = this.#options;
    while (this.#wanted.size > 0 && session.isOpen) {
      const tasks = [...this.#wanted].slice(0, limits.boardBatch);
      for (const task of tasks) this.#wanted.delete(task);
      try {
        const { outcomes } = await session.request("board.follow", { tasks });
        for (const { task, error } of outcomes)
          if (error !== undefined)
            for (const followed of this.#followed.get(task) ?? [])
              this.#end(task, followed, new ParleyError(error.code, { message: error.message }));
      } catch (error) {
        // The next session asks for all of them.
        if (!session.isOpen) return;
        notices.failed(error);
        for (const task of tasks) this.#wanted.add(task);
        this.#options.clock.setTimer(againMs, () => this.#ask([]));
        return;
      }
    }
  }
}

import type { PolicyMember } from "@parley/core";

import type { Authority } from "../authority.ts";
import type { Blocks } from "../blocks.ts";
import type { Directory } from "../directory.ts";
import type { BoardIndex } from "./board-index.ts";
import { type BoardWorker, type BoardWorkers, roomOf } from "./board-workers.ts";
import type { KnownTask } from "./stored-task.ts";

export interface BoardDispatchOptions {
  readonly index: BoardIndex;
  readonly workers: BoardWorkers;
  readonly directory: Pick<Directory, "get">;
  readonly authority: Pick<Authority, "policy" | "isPaused" | "silence">;
  readonly blocks: Pick<Blocks, "isBlocked">;
  /** A worker's member could do a task, if its input were sealed to it. */
  readonly onWanted: (task: KnownTask, member: string) => void;
}

/** Tasks of one asker that are looked at for one worker: those beyond wait until earlier ones are gone. */
const mostLookedAt = 64;

/** Who gets which task next: the highest priority first, then fairly between askers, then the oldest. */
export class BoardDispatch {
  readonly #options: BoardDispatchOptions;
  /** Leases that each asker has now, and the number of its last grant. */
  readonly #leased = new Map<string, number>();
  readonly #granted = new Map<string, number>();
  #grants = 0;

  constructor(options: BoardDispatchOptions) {
    this.#options = options;
  }

  /** A task of this asker is leased, or not any more. */
  count(asker: string, by: 1 | -1): void {
    const leased = (this.#leased.get(asker) ?? 0) + by;
    if (leased > 0) this.#leased.set(asker, leased);
    else this.#leased.delete(asker);
    if (leased <= 0 && this.#options.index.ofAsker(asker).size === 0) this.#granted.delete(asker);
  }

  /** Gives what can be given now, one after the other: to each worker with room in turn. */
  *grants(): Generator<{ readonly worker: BoardWorker; readonly task: KnownTask }> {
    for (;;) {
      let gave = false;
      for (const worker of this.#options.workers.free()) {
        if (roomOf(worker) <= 0) continue;
        const task = this.#next(worker);
        if (task === undefined) continue;
        gave = true;
        this.#granted.set(task.asker, ++this.#grants);
        yield { worker, task };
      }
      if (!gave) return;
    }
  }

  #next(worker: BoardWorker): KnownTask | undefined {
    const member = this.#options.directory.get(worker.member);
    if (member === undefined || this.#options.authority.isPaused(member)) return undefined;
    let best: KnownTask | undefined;
    for (const skill of worker.skills) {
      const found = this.#ofSkill(skill, worker, member);
      if (found !== undefined && (best === undefined || this.#goesBefore(found, best))) best = found;
    }
    return best;
  }

  #ofSkill(skill: string, worker: BoardWorker, member: PolicyMember): KnownTask | undefined {
    const { index } = this.#options;
    for (const priority of index.priorities(skill)) {
      const askers = index.askers(skill, priority);
      for (const asker of [...askers.keys()].toSorted((one, other) => this.#order(one, other))) {
        const task = this.#ofAsker(asker, askers.get(asker) ?? [], worker, member);
        if (task !== undefined) return task;
      }
    }
    return undefined;
  }

  #ofAsker(asker: string, tasks: Iterable<string>, worker: BoardWorker, member: PolicyMember): KnownTask | undefined {
    const { index, workers, directory, authority, blocks, onWanted } = this.#options;
    const who = directory.get(asker);
    // A member does not call itself; who may write nothing now is asked for nothing either.
    if (who === undefined || asker === worker.member || blocks.isBlocked(worker.member, asker)) return undefined;
    if (authority.silence(who) !== undefined) return undefined;
    let looked = 0;
    for (const id of tasks) {
      const task = index.get(id);
      if (task === undefined || looked++ >= mostLookedAt) return undefined;
      const { skill, acts, sealedTo } = task;
      if (!acts && !authority.policy.decide({ action: "call", who, to: member, skill }).allowed) continue;
      if (workers.passedOverFor(worker.member, task) > 0) continue;
      if (sealedTo.has(worker.member)) return task;
      onWanted(task, worker.member);
    }
    return undefined;
  }

  #goesBefore(one: KnownTask, other: KnownTask): boolean {
    if (one.priority !== other.priority) return one.priority > other.priority;
    const order = this.#order(one.asker, other.asker);
    return order < 0 || (order === 0 && one.created < other.created);
  }

  /** Who has fewest tasks at work, then who was served longest ago. */
  #order(one: string, other: string): number {
    const byLeased = (this.#leased.get(one) ?? 0) - (this.#leased.get(other) ?? 0);
    return byLeased === 0 ? (this.#granted.get(one) ?? 0) - (this.#granted.get(other) ?? 0) : byLeased;
  }
}

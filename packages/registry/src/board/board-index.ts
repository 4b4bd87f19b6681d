import { hasBoardTaskEnded } from "@parley/core";

import type { KnownTask } from "./stored-task.ts";

/** Tasks of one skill and priority that may be leased now, by asker, in the order in which they came. */
type Askers = Map<string, Set<string>>;

/** The tasks on the board: all of them by asker, and those that may be leased now by skill, priority and asker. Memory only. */
export class BoardIndex {
  readonly #tasks = new Map<string, KnownTask>();
  readonly #ofAsker = new Map<string, Set<string>>();
  readonly #ready = new Map<string, Map<number, Askers>>();
  /** Open ones that wait for a time or for other tasks. */
  readonly #waiting = new Set<string>();
  readonly #leased = new Set<string>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#tasks.size;
  }

  get(task: string): KnownTask | undefined {
    return this.#tasks.get(task);
  }

  /** In the order in which they came here. */
  ofAsker(asker: string): ReadonlySet<string> {
    return this.#ofAsker.get(asker) ?? new Set();
  }

  all(): Iterable<KnownTask> {
    return this.#tasks.values();
  }

  leased(): readonly KnownTask[] {
    return this.#known(this.#leased);
  }

  waiting(): readonly KnownTask[] {
    return this.#known(this.#waiting);
  }

  dependentsOf(task: string): readonly KnownTask[] {
    return this.#known(this.#dependents.get(task) ?? []);
  }

  /** Takes a newer state of a task; an older one is passed over. False when it was no news. */
  put(known: KnownTask): boolean {
    const before = this.#tasks.get(known.task);
    if (before !== undefined && before.revision >= known.revision) return false;
    this.#tasks.set(known.task, known);
    if (before === undefined) {
      addTo(this.#ofAsker, known.asker, known.task);
      for (const other of known.after) addTo(this.#dependents, other, known.task);
    }
    this.place(known.task);
    return true;
  }

  remove(task: string): void {
    const known = this.#tasks.get(task);
    if (known === undefined) return;
    this.#unplace(known);
    this.#tasks.delete(task);
    takeFrom(this.#ofAsker, known.asker, task);
    for (const other of known.after) takeFrom(this.#dependents, other, task);
  }

  /** Looks anew where a task belongs: time passed, or what it waits for has ended. */
  place(task: string): void {
    const known = this.#tasks.get(task);
    if (known === undefined) return;
    this.#unplace(known);
    const { state, readyAt } = known.is;
    if (state === "leased") this.#leased.add(task);
    if (hasBoardTaskEnded(state) || state === "leased") return;
    if (readyAt > this.#now() || this.waitsFor(known).length > 0) return void this.#waiting.add(task);
    const ofSkill = this.#ready.get(known.skill) ?? new Map<number, Askers>();
    const askers = ofSkill.get(known.priority) ?? new Map<string, Set<string>>();
    this.#ready.set(known.skill, ofSkill.set(known.priority, askers));
    addTo(askers, known.asker, task);
  }

  /** Tasks that it waits for and that are not completed. */
  waitsFor({ after }: Pick<KnownTask, "after">): readonly string[] {
    return after.filter((other) => this.#tasks.get(other)?.is.state !== "completed");
  }

  /** Takes a task out of those that may be leased, while it is being leased. */
  hide(task: string): void {
    const known = this.#tasks.get(task);
    if (known !== undefined) this.#unplace(known);
  }

  /** Priorities of which there are tasks, the highest first. */
  priorities(skill: string): readonly number[] {
    return [...(this.#ready.get(skill)?.keys() ?? [])].toSorted((one, other) => other - one);
  }

  /** Tasks that may be leased now, by asker. */
  askers(skill: string, priority: number): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#ready.get(skill)?.get(priority) ?? new Map();
  }

  #known(tasks: Iterable<string>): readonly KnownTask[] {
    return [...tasks].flatMap((task) => this.#tasks.get(task) ?? []);
  }

  #unplace({ task, skill, priority, asker }: KnownTask): void {
    this.#waiting.delete(task);
    this.#leased.delete(task);
    const ofSkill = this.#ready.get(skill);
    const askers = ofSkill?.get(priority);
    if (ofSkill === undefined || askers === undefined) return;
    takeFrom(askers, asker, task);
    if (askers.size === 0) ofSkill.delete(priority);
    if (ofSkill.size === 0) this.#ready.delete(skill);
  }
}

function addTo(sets: Map<string, Set<string>>, name: string, value: string): void {
  sets.set(name, (sets.get(name) ?? new Set()).add(value));
}

function takeFrom(sets: Map<string, Set<string>>, name: string, value: string): void {
  const set = sets.get(name);
  set?.delete(value);
  if (set?.size === 0) sets.delete(name);
}

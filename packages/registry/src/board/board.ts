/** The board: work for anyone with a skill, each task with one worker at a time and one end. */
import { Backoff, type BoardMove, type Clock, hasBoardTaskEnded, type Random, type Records } from "@parley/core";
import { type BoardFacts, type ErrorCode, isParleyError, limits, ParleyError, toParleyError } from "@parley/protocol";

import type { Authority } from "../authority.ts";
import type { Blocks } from "../blocks.ts";
import type { RegistryBounds } from "../bounds.ts";
import type { Directory } from "../directory.ts";
import type { Presence } from "../presence.ts";
import { Tick } from "../tick.ts";
import { BoardClock } from "./board-clock.ts";
import { BoardDispatch } from "./board-dispatch.ts";
import { BoardFollowers } from "./board-followers.ts";
import { BoardLeases } from "./board-leases.ts";
import { BoardNews, type BoardSession, type EndedLease } from "./board-session.ts";
import { BoardTasks, type Brings } from "./board-tasks.ts";
import { type BoardWorker, BoardWorkers, passedOverMs } from "./board-workers.ts";
import { factsOf, type KnownTask, type StoredTask } from "./stored-task.ts";

export interface BoardOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: Pick<Directory, "get" | "devicesOf">;
  readonly authority: Pick<Authority, "policy" | "isPaused" | "silence">;
  readonly blocks: Pick<Blocks, "isBlocked">;
  readonly presence: Pick<Presence, "of">;
  /** Sessions of a member at this node. */
  readonly sessionsOf: (member: string) => readonly BoardSession[];
  readonly bounds: Pick<
    RegistryBounds,
    "boardTasks" | "boardTasksPerMember" | "boardLeaseMs" | "boardKeptMs" | "boardSeenMs"
  >;
  readonly onError: (error: unknown) => void;
}

/** What a worker says of a lease. */
export interface LeaseRef {
  readonly task: string;
  readonly generation: number;
}

/** Tasks that an asker is asked about at once, for members that its input is not sealed to; and how long one question holds. */
const mostWanted = 10_000;
const wantedMs = 10_000;
/** Pause after a start that came to nothing: doubling from the first to the longest. */
const pauses = { firstMs: 500, mostMs: 60_000 };

export class Board {
  readonly tasks: BoardTasks;
  readonly workers: BoardWorkers;
  readonly followers: BoardFollowers;
  readonly #options: BoardOptions;
  readonly #news: BoardNews;
  readonly #leases: BoardLeases;
  readonly #dispatch: BoardDispatch;
  readonly #clock: BoardClock;
  readonly #tick: Tick;
  readonly #wanted = new Map<string, number>();
  #isOpen = false;

  constructor(options: BoardOptions) {
    const { clock, records, bounds, directory, authority, blocks } = options;
    this.#options = options;
    const soon = (run: () => void): void => clock.soon(run);
    this.#news = new BoardNews(soon, limits.boardBatch);
    this.#leases = new BoardLeases(clock, bounds.boardLeaseMs);
    this.workers = new BoardWorkers(() => clock.monotonic());
    this.tasks = new BoardTasks({
      records,
      now: () => clock.now(),
      onChange: (task, before, stored) => this.#changed(task, before, stored),
    });
    this.followers = new BoardFollowers(this.#news, (stored) => this.tasks.view(stored));
    const { index } = this.tasks;
    const onWanted = (task: KnownTask, member: string): void => this.#want(task, member);
    this.#dispatch = new BoardDispatch({ index, workers: this.workers, directory, authority, blocks, onWanted });
    this.#clock = new BoardClock(clock, () => this.#look());
    this.#tick = new Tick(soon, () => this.#grant());
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.tasks.open(signal);
    this.#isOpen = true;
    this.#look();
  }

  stop(): void {
    this.#isOpen = false;
    this.#clock.stop();
  }

  /** A device has a session: what it held in an earlier start is free. */
  connected({ member, device }: { readonly member: string; readonly device: string }, boot: string): void {
    for (const { task, is } of this.tasks.index.leased())
      if (is.holder?.device === device && is.holder.boot !== boot) this.#background(this.#lapse(task, is.generation));
    // What was asked for in its absence may be asked of it now.
    for (const name of this.#wanted.keys()) if (name.startsWith(`${member}:`)) this.#wanted.delete(name);
    this.#tick.schedule();
  }

  /** Its session ended; leases run on until their time is over. */
  left(session: BoardSession): void {
    this.workers.remove(session);
    this.followers.remove(session);
  }

  /** What is allowed, or who is there, is otherwise than before. */
  consider(): void {
    this.#tick.schedule();
  }

  /** Puts a task on the board. Throws `limit_reached`, `already_exists`, `not_found` for one to wait for. */
  async submit(wanted: StoredTask): Promise<BoardFacts> {
    const { index } = this.tasks;
    const { bounds } = this.#options;
    if (index.get(wanted.task) === undefined) {
      if (index.size >= bounds.boardTasks || index.ofAsker(wanted.asker).size >= bounds.boardTasksPerMember)
        throw new ParleyError("limit_reached", { message: "The board takes no more tasks of this member now." });
      for (const other of wanted.after ?? [])
        if (index.get(other)?.asker !== wanted.asker)
          throw new ParleyError("not_found", { message: "A task to wait for is none of this member's on the board." });
    }
    return this.facts(await this.tasks.create(wanted));
  }

  /** What a worker takes from now on; the leases that it says it holds and does not. */
  async work(worker: Omit<BoardWorker, "held" | "given">, holds: readonly LeaseRef[]): Promise<readonly EndedLease[]> {
    const before = this.workers.get(worker.session);
    const now: BoardWorker = { held: new Set(), given: new Set(), ...before, ...worker };
    this.workers.put(now);
    const claimed = new Map(holds.map(({ task, generation }) => [task, generation]));
    const ended: EndedLease[] = [];
    for (const [task, generation] of claimed) {
      const known = this.tasks.index.get(task);
      const isHeld = known?.is.state === "leased" && known.is.generation === generation;
      if (!isHeld || known.is.holder?.device !== worker.device) ended.push({ task, generation, code: "lease_ended" });
      else {
        this.#leases.renew(task, generation);
        now.held.add(task);
      }
    }
    // Work that it never heard of: the push broke off with the session that it was sent by.
    const unheard = this.tasks.index
      .leased()
      .filter(({ task, is }) => is.holder?.device === worker.device && !claimed.has(task) && !now.given.has(task));
    for (const { task, is } of unheard) this.#background(this.#giveBack(task, is.generation, worker.device));
    this.#tick.schedule();
    return ended;
  }

  /** Renews; throws `lease_ended`. */
  renew(session: BoardSession, { task, generation }: LeaseRef): void {
    const known = this.tasks.index.get(task);
    const isOwn = known?.is.holder?.device === session.identity?.device;
    if (!isOwn || known?.is.state !== "leased" || !this.#leases.renew(task, generation))
      throw new ParleyError("lease_ended");
  }

  /** Does what the state machine allows, for an asker or a worker. */
  move(task: string, move: BoardMove, brings?: Brings): Promise<StoredTask> {
    return this.tasks.move(task, move, brings);
  }

  /** A worker gives back what it would not begin, or could not finish. */
  async giveBack(
    { member, device }: { readonly member: string; readonly device: string },
    { task, generation, begun, code }: LeaseRef & { readonly begun: boolean; readonly code: ErrorCode },
  ): Promise<void> {
    if (!begun) {
      this.workers.passOver(member, task);
      this.#clock.due(passedOverMs);
    }
    await this.move(task, { act: "return", at: this.#now(), generation, device, begun, code });
  }

  /** Milliseconds before the next start of a task. */
  pauseMs(starts: number): number {
    return new Backoff(this.#options.random, { ...pauses, tries: Math.max(0, starts - 1) }).next();
  }

  facts(stored: StoredTask): BoardFacts {
    const { after = [], acts = false, ...rest } = stored;
    return factsOf({ ...rest, after, acts }, this.tasks.index.waitsFor({ after }));
  }

  factsOfKnown(known: KnownTask): BoardFacts {
    return factsOf(known, this.tasks.index.waitsFor(known));
  }

  /** Forgets what was kept long enough. */
  async sweep(): Promise<void> {
    const { bounds } = this.#options;
    const now = this.#now();
    for (const { task, is } of this.tasks.index.all()) {
      if (is.ended === undefined || !hasBoardTaskEnded(is.state)) continue;
      const keptMs = is.acknowledged === true ? bounds.boardSeenMs : bounds.boardKeptMs;
      const isAwaited = this.tasks.index.dependentsOf(task).some((other) => !hasBoardTaskEnded(other.is.state));
      if (is.ended + keptMs <= now && !isAwaited) await this.tasks.remove(task);
    }
    this.#look();
  }

  /** A member was revoked: nothing of it is done any more, and nothing is left with it. */
  async removeMember(member: string): Promise<void> {
    for (const task of this.tasks.index.ofAsker(member)) {
      const known = this.tasks.index.get(task);
      if (known?.is.state === "leased") this.#tellEnded(known, "revoked");
      await this.tasks.remove(task);
    }
    for (const { task, is } of this.tasks.index.leased())
      if (is.holder?.member === member) await this.#lapse(task, is.generation);
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #changed(task: KnownTask, before: KnownTask | undefined, stored: StoredTask): void {
    const { state, generation } = task.is;
    const { index } = this.tasks;
    const wasLeased = before?.is.state === "leased";
    if (wasLeased !== (state === "leased")) this.#dispatch.count(task.asker, wasLeased ? -1 : 1);
    if (wasLeased && (state !== "leased" || before.is.generation !== generation)) {
      this.#release(before);
      if (state === "canceled" || state === "expired") this.#tellEnded(before, state);
    }
    if (state === "leased") this.#leases.begin(task.task, generation, !this.#isOpen);
    else this.#leases.end(task.task);
    if (hasBoardTaskEnded(state) && before?.is.state !== state)
      for (const other of index.dependentsOf(task.task)) this.#dependent(other.task, state === "completed");
    if (this.#isOpen && state === "open" && task.after.some((other) => hasEndedBadly(index.get(other))))
      this.#dependent(task.task, false);
    this.followers.changed(stored, before);
    this.#scheduleLook(task);
    this.#tick.schedule();
  }

  /** The room that it took is free again. */
  #release({ task, is }: KnownTask): void {
    const worker = this.workers.ofDevice(is.holder?.device ?? "");
    worker?.held.delete(task);
    worker?.given.delete(task);
  }

  #tellEnded({ task, is }: KnownTask, code: ErrorCode): void {
    const worker = this.workers.ofDevice(is.holder?.device ?? "");
    if (worker !== undefined) this.#news.ended(worker.session, { task, generation: is.generation, code });
  }

  #dependent(task: string, isCompleted: boolean): void {
    const known = this.tasks.index.get(task);
    if (known?.is.state !== "open") return;
    if (isCompleted) this.tasks.index.place(task);
    else this.#background(this.move(task, { act: "block", at: this.#now() }));
  }

  /** When something is to be done about a task by itself. */
  #scheduleLook({ is }: KnownTask): void {
    if (hasBoardTaskEnded(is.state) || !this.#isOpen) return;
    const now = this.#now();
    this.#clock.due(is.deadline - now);
    if (is.state === "leased") this.#clock.due(this.#options.bounds.boardLeaseMs);
    else if (is.readyAt > now) this.#clock.due(is.readyAt - now);
  }

  /** Whatever is due. */
  #look(): void {
    if (!this.#isOpen) return;
    const now = this.#now();
    for (const { task, generation } of this.#leases.over()) this.#background(this.#lapse(task, generation));
    let next = this.#leases.nextMs;
    for (const { task, is } of this.tasks.index.all()) {
      if (hasBoardTaskEnded(is.state)) continue;
      if (is.deadline <= now) this.#background(this.move(task, { act: "expire", at: now }));
      else next = Math.min(next, is.deadline - now);
    }
    for (const { task, is, after } of this.tasks.index.waiting()) {
      this.tasks.index.place(task);
      if (is.readyAt > now) next = Math.min(next, is.readyAt - now);
      // What ended while this node was not there to tell.
      const isBlocked = after.some((other) => hasEndedBadly(this.tasks.index.get(other)));
      if (isBlocked) this.#dependent(task, false);
    }
    if (next < Infinity) this.#clock.due(Math.max(0, next));
    this.#tick.schedule();
  }

  async #lapse(task: string, generation: number): Promise<void> {
    const known = this.tasks.index.get(task);
    if (known?.is.generation !== generation) return this.#leases.end(task);
    const pauseMs = this.pauseMs(known.is.starts);
    this.#tellEnded(known, "lease_ended");
    await this.move(task, { act: "lapse", at: this.#now(), generation, pauseMs });
  }

  /** The device never heard of it. */
  async #giveBack(task: string, generation: number, device: string): Promise<void> {
    await this.move(task, { act: "return", at: this.#now(), generation, device, begun: false, code: "not_connected" });
  }

  #grant(): void {
    if (!this.#isOpen) return;
    for (const { worker, task } of this.#dispatch.grants()) {
      worker.held.add(task.task);
      this.tasks.index.hide(task.task);
      this.#lease(worker, task).catch((error: unknown) => {
        worker.held.delete(task.task);
        this.tasks.index.place(task.task);
        // Canceled, or leased elsewhere, meanwhile.
        if (!isParleyError(error) || error.code === "internal") this.#options.onError(error);
        if (toParleyError(error).retryable) this.#clock.due(1000);
      });
    }
  }

  async #lease(worker: BoardWorker, { task }: KnownTask): Promise<void> {
    const { member, device, boot, session } = worker;
    worker.given.add(task);
    const holder = { member, device, boot };
    const stored = await this.move(task, { act: "lease", at: this.#now(), holder });
    const { is, entries, input, wraps } = stored;
    const wrap = wraps.find((one) => one.member === member);
    if (input === undefined || wrap === undefined) throw new ParleyError("internal");
    this.#news.leased(session, {
      task,
      generation: is.generation,
      lifeMs: this.#options.bounds.boardLeaseMs,
      starts: is.starts,
      entries,
      input,
      wrap,
    });
  }

  /** The asker is asked to seal the input to one more member, if it is there. */
  #want({ task, asker, sealedTo }: KnownTask, member: string): void {
    const name = `${asker}:${task}:${member}`;
    const now = this.#options.clock.monotonic();
    if (sealedTo.size >= limits.boardWraps || (this.#wanted.get(name) ?? -Infinity) + wantedMs > now) return;
    const [session] = this.#options.sessionsOf(asker);
    if (session === undefined) return;
    if (this.#wanted.size >= mostWanted) this.#wanted.delete(this.#wanted.keys().next().value ?? "");
    this.#wanted.set(name, now);
    session.push("board.wanted", { task, member });
    this.#clock.due(wantedMs);
  }

  /** Refusals of the state machine are how two who do the same at once find out; all else is told. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      const { code, retryable } = toParleyError(error);
      if (code === "lease_ended" || code === "conflict" || code === "task_not_found") return;
      if (retryable) this.#clock.due(1000);
      this.#options.onError(error);
    });
  }
}

const hasEndedBadly = (known: KnownTask | undefined): boolean =>
  known === undefined || (hasBoardTaskEnded(known.is.state) && known.is.state !== "completed");

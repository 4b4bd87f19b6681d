import {
  type BoardEntry,
  type BoardSealer,
  type Clock,
  type DeviceKeyOf,
  type MeshTrust,
  readBoardEntry,
  sha256,
  type Timer,
  type VerifiedMember,
  verifyBoardTask,
} from "@parley/core";
import {
  type BoardInput,
  boardInputSchema,
  decodeJson,
  type ErrorCode,
  limits,
  ParleyError,
  type PushBody,
  toParleyError,
} from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { Notices } from "../notices.ts";
import type { OwnDevices } from "../own-devices.ts";
import { nextChance } from "../session-wait.ts";
import type { Session } from "../session.ts";
import type { TaskCallee } from "../tasks/task-callee.ts";
import type { BoardWork } from "./board-api.ts";
import { BoardBatch } from "./board-batch.ts";
import { type BoardCompleted, type BoardEnd, type BoardLease, BoardReports } from "./board-reports.ts";

export interface BoardWorkerOptions {
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly session: Session;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly notices: Notices;
  readonly sealer: BoardSealer;
  readonly callee: TaskCallee;
}

/** Work under a lease. */
interface Held {
  readonly lease: BoardLease;
  readonly asker: VerifiedMember;
  /** The newest entry of the task's timeline. */
  head: BoardEntry;
  /** `started`, once it was signed. */
  started: BoardEntry | undefined;
  /** Settles when the node has said whether it took it. */
  saying: Promise<void>;
  /** Ends the work. */
  abort: (reason: ParleyError) => void;
}

const decoder = new TextDecoder();
/** What changes at about the same time is said once. */
const sayMs = 50;
/** What is not given back within this, when the device stops, is free when its leases run out. */
const returnMs = 1000;

/** The worker's side of the board: takes leases, has their work done as any other, and says how it ended. */
export class BoardWorker {
  readonly #options: BoardWorkerOptions;
  readonly #held = new Map<string, Held>();
  readonly #completes: BoardBatch<BoardCompleted, undefined>;
  readonly #reports: BoardReports;
  #work: BoardWork = { skills: [], slots: 0 };
  #said = "";
  #saying: Timer | undefined;
  #renewing: Timer | undefined;
  #stopped = false;

  constructor(options: BoardWorkerOptions) {
    this.#options = options;
    this.#reports = new BoardReports(options);
    this.#completes = new BoardBatch({
      clock: options.clock,
      most: limits.boardBatch,
      send: async (results) => {
        const { outcomes } = await options.session.request("board.complete", { results: [...results] });
        return outcomes.map(({ error }) => error && new ParleyError(error.code, { message: error.message }));
      },
    });
  }

  work(work: BoardWork): void {
    this.#work = work;
    this.#sayLater();
  }

  /** Other work began or ended here. */
  onLoad(): void {
    if (this.#work.skills.length > 0) this.#sayLater();
  }

  onSession(): void {
    this.#said = "";
    if (this.#work.skills.length > 0 || this.#held.size > 0) this.#sayLater(0);
  }

  onLeased({ leases }: PushBody<"board.leased">): void {
    for (const lease of leases) void this.#take(lease);
  }

  onEnded({ leases }: PushBody<"board.ended">): void {
    for (const { task, generation, code } of leases) this.#drop(task, generation, code);
  }

  /** Gives back what is at work. Resolves when the node has heard of it, or cannot. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#saying?.cancel();
    this.#renewing?.cancel();
    const held = [...this.#held.values()];
    this.#held.clear();
    const late = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(returnMs, late.resolve);
    const returned = held.map(({ lease }) => this.#return(lease, true, "closed"));
    await Promise.race([Promise.allSettled(returned), late.promise]);
    timer.cancel();
    for (const { abort } of held) abort(new ParleyError("closed", { message: "The agent stopped." }));
  }

  async #take(lease: BoardLease): Promise<void> {
    const { task, generation } = lease;
    const before = this.#held.get(task);
    if (before?.lease.generation === generation) return;
    before?.abort(new ParleyError("lease_ended"));
    try {
      if (this.#stopped) throw new ParleyError("closed");
      const { held, input, timeLimitMs, skill } = await this.#open(lease);
      this.#held.set(task, held);
      this.#options.notices.log("debug", "board.leased", { task, generation });
      this.#renewLater(lease.lifeMs);
      const { callee } = this.#options;
      held.abort = await callee.takeLeft({
        id: task,
        skill,
        input,
        asker: held.asker,
        device: held.head.device,
        timeLimitMs,
        onEnd: (ended, error) => void this.#finish(held, { task: ended, error }),
      });
    } catch (error) {
      const { code } = toParleyError(error);
      this.#held.delete(task);
      this.#options.notices.log("info", "board.returned", { task, code });
      await this.#return(lease, false, code).catch(this.#options.notices.failed);
    }
  }

  /** Checks who asks for what, and opens it. */
  async #open(lease: BoardLease): Promise<{ held: Held; input: BoardInput; timeLimitMs: number; skill: string }> {
    const { trust, directory, sealer, session } = this.#options;
    const { by } = (await readBoardEntry(lease.entries[0] ?? "")).statement;
    const asker = (await directory.get(by)).verified;
    const keyOf: DeviceKeyOf = (member, device) =>
      member === asker.member ? asker.devices.get(device)?.key : undefined;
    const asked = await verifyBoardTask(lease.entries[0] ?? "", trust.mesh, keyOf);
    const { skill, input: digest, deadline, timeLimitMs } = asked.act;
    if (asked.statement.subject !== lease.task || digest !== (await sha256(lease.input)))
      throw new ParleyError("bad_signature", { message: "The board hands out other work than what was asked." });
    const left = deadline - session.registryTime;
    if (left <= 0) throw new ParleyError("expired");
    const contentKey = await sealer.unwrap(lease.wrap, asker.member);
    const bytes = await sealer.openInput(lease.input, contentKey, lease.task, skill);
    const input = decodeJson(boardInputSchema, decoder.decode(bytes), limits.boardInputBytes);
    if (!input.ok) throw new ParleyError("invalid_argument", { message: input.message });
    const held: Held = {
      lease,
      asker,
      head: lease.entries.length === 1 ? asked : await readBoardEntry(lease.entries.at(-1) ?? ""),
      started: undefined,
      saying: Promise.resolve(),
      abort: () => undefined,
    };
    return { held, input: input.value, timeLimitMs: Math.ceil(Math.min(timeLimitMs, left)), skill };
  }

  /** The work has ended: says so until the node has taken it, or the lease is over. */
  async #finish(held: Held, end: BoardEnd): Promise<void> {
    const { clock, session, notices } = this.#options;
    for (;;) {
      if (this.#held.get(held.lease.task) !== held) return;
      try {
        await held.saying;
        return await this.#say(held, end);
      } catch (thrown) {
        const refused = toParleyError(thrown);
        if (!refused.retryable) {
          if (refused.code !== "lease_ended") notices.failed(thrown);
          return this.#drop(held.lease.task, held.lease.generation, refused.code);
        }
        await nextChance({ session, notices, clock });
      }
    }
  }

  async #say(held: Held, end: BoardEnd): Promise<void> {
    const { lease, asker, head } = held;
    try {
      await this.#completes.add(await this.#reports.completed(lease, asker, head, end));
    } catch (thrown) {
      if (toParleyError(thrown).code !== "timeline_broken" || held.started === undefined) throw thrown;
      // The node has heard that the work began, or has not: this side could not know.
      const other = head === held.started ? await readBoardEntry(lease.entries.at(-1) ?? "") : held.started;
      await this.#completes.add(await this.#reports.completed(lease, asker, other, end));
    }
    this.#held.delete(lease.task);
    this.#options.notices.log("debug", "board.completed", { task: lease.task, asker: asker.name });
  }

  async #return({ task, generation }: BoardLease, begun: boolean, code: ErrorCode): Promise<void> {
    const { session } = this.#options;
    if (!session.isOpen) return;
    await session.request("board.return", { task, generation, begun, code }).catch((error: unknown) => {
      if (toParleyError(error).code !== "lease_ended") throw error;
    });
  }

  #drop(task: string, generation: number, code: ErrorCode): void {
    const held = this.#held.get(task);
    if (held?.lease.generation !== generation) return;
    this.#held.delete(task);
    held.abort(new ParleyError(code));
  }

  #renewLater(lifeMs: number): void {
    this.#renewing ??= this.#options.clock.setTimer(lifeMs / 3, () => {
      this.#renewing = undefined;
      if (this.#held.size === 0 || this.#stopped) return;
      this.#renewLater(lifeMs);
      if (this.#options.session.isOpen) this.#renew([...this.#held.values()]);
    });
  }

  #renew(all: readonly Held[]): void {
    for (let from = 0; from < all.length; from += limits.boardBatch)
      this.#renewSome(all.slice(from, from + limits.boardBatch)).catch((error: unknown) => {
        if (!toParleyError(error).retryable) this.#options.notices.failed(error);
      });
  }

  /** The first time, it says that the work has begun. */
  async #renewSome(some: readonly Held[]): Promise<void> {
    const { session } = this.#options;
    const leases = await Promise.all(
      some.map(async (held) => {
        const { task, generation } = held.lease;
        if (held.started !== undefined) return { task, generation };
        held.started = await this.#reports.started(held.lease, held.head);
        return { task, generation, entry: held.started.compact };
      }),
    );
    const renewed = session.request("board.renew", { leases });
    for (const [index, held] of some.entries())
      if (leases[index] !== undefined && "entry" in leases[index])
        held.saying = renewed.then(
          () => void (held.head = held.started ?? held.head),
          () => undefined,
        );
    for (const { task, generation, code } of (await renewed).ended) this.#drop(task, generation, code);
  }

  #sayLater(inMs = sayMs): void {
    if (this.#stopped) return;
    this.#saying ??= this.#options.clock.setTimer(inMs, () => {
      this.#saying = undefined;
      this.#sayWork().catch((error: unknown) => {
        this.#said = "";
        this.#options.notices.log("debug", "board.work", { code: toParleyError(error).code });
        if (this.#options.session.isOpen) this.#sayLater(1000);
      });
    });
  }

  async #sayWork(): Promise<void> {
    const { session, callee } = this.#options;
    const { skills, slots } = this.#work;
    const others = Math.max(0, callee.working - this.#held.size);
    const free = Math.max(0, Math.min(limits.boardSlots, slots - others));
    const saying = `${free} ${skills.join(" ")}`;
    if (!session.isOpen || saying === this.#said) return;
    this.#said = saying;
    const holds = [...this.#held.values()].map(({ lease: { task, generation } }) => ({ task, generation }));
    const { ended } = await session.request("board.work", { skills: [...skills], slots: free, holds });
    for (const { task, generation, code } of ended) this.#drop(task, generation, code);
  }
}

/** Who is over its budget: what this node counted, what devices report, and whom the node holds off for it. */
import {
  type Clock,
  type OverBudget,
  type Policy,
  signStatement,
  type Signer,
  type Timer,
  type Used,
} from "@parley/core";
import { type Budget, limits, type MemberUsage, type Statement } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { MeshState } from "../mesh-state.ts";
import { type Reporter, ReportShares } from "./report-shares.ts";
import type { UsageLedger } from "./usage-ledger.ts";

export interface BudgetsOptions {
  readonly ledger: UsageLedger;
  readonly policy: () => Policy;
  readonly directory: Pick<Directory, "get">;
  readonly mesh: Pick<MeshState, "require">;
  readonly nodeKey: Signer;
  readonly clock: Pick<Clock, "now" | "setTimer">;
  /** The signed list of those who are held off is another one. */
  readonly onHolds: (holds: string) => void;
  /** A member is held off that was not, or is one no more. */
  readonly onHeld: (member: string, until: number) => void;
  readonly onReleased: (member: string) => void;
  readonly onError: (error: unknown) => void;
}

/** A member that is held off. */
export interface Held {
  readonly code: "over_budget";
  readonly until: number;
}

const reportersShown = 8;
/** The list is looked through anew no sooner than this after the first hold on it may have ended. */
const leastLookMs = 50;
/** A timer longer than this is set again: what runs it counts in 31 bits. */
const mostLookMs = 3_600_000;

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #shares = new ReportShares();
  readonly #held = new Map<string, Held>();
  #number = 0;
  #timer: Timer | undefined;
  #compact: string | undefined;
  #signing: Promise<void> = Promise.resolve();

  constructor(options: BudgetsOptions) {
    this.#options = options;
  }

  /** Whether anything has to be counted at all. */
  get areSet(): boolean {
    return (this.#options.policy().document.budgets ?? []).length > 0;
  }

  /** The signed list, for a device that connects; undefined while nobody was ever held off. */
  get holds(): string | undefined {
    return this.#compact;
  }

  heldFor(member: string): Held | undefined {
    const held = this.#held.get(member);
    return held !== undefined && held.until > this.#options.clock.now() ? held : undefined;
  }

  /** Something that this node saw a member do. */
  count(member: string, used: Partial<Used>): void {
    if (!this.areSet) return;
    this.#options.ledger.add(member, used);
    this.#judge(member);
  }

  /** A verified report of a device of `reporter`. */
  report(reporter: Reporter, { taken, used }: Pick<Statement<"usage">, "taken" | "used">): void {
    const { ledger, clock } = this.#options;
    if (used !== undefined) {
      ledger.add(reporter.member, used);
      this.#judge(reporter.member);
    }
    for (const { member, messages } of taken) {
      if (member === reporter.member) ledger.addOwn(member, { messages });
      else {
        const counts = this.#shares.take(reporter, member, messages, this.#budgetsOf(member), clock.now());
        // Of somebody unknown nothing is kept.
        if (counts === 0 || this.#options.directory.get(member) === undefined) continue;
        ledger.add(member, { messages: counts });
      }
      this.#judge(member);
    }
  }

  /** Everybody again: the policy is another one, or a hold has ended. */
  look(): void {
    let changed = false;
    for (const member of new Set([...this.#held.keys(), ...this.#options.ledger.members]))
      changed = this.#hold(member) || changed;
    if (changed) this.#publish();
    this.#wait();
  }

  usageOf(member: string, forOperator: boolean): MemberUsage {
    const { ledger, clock } = this.#options;
    const now = clock.now();
    const { told, own } = ledger.of(member) ?? {};
    const sum = (period: "hour" | "day"): Used => {
      const [one, other] = [told?.used(period, now), own?.used(period, now)];
      return {
        messages: Math.max(one?.messages ?? 0, other?.messages ?? 0),
        tokens: one?.tokens ?? 0,
        money: one?.money ?? 0,
      };
    };
    const reporters = forOperator ? this.#shares.reportersOf(member, reportersShown, now) : [];
    const held = this.heldFor(member);
    return {
      member,
      hour: sum("hour"),
      day: sum("day"),
      ...(reporters.length === 0 ? {} : { reporters: [...reporters] }),
      ...(held === undefined ? {} : { heldUntil: held.until }),
    };
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #budgetsOf(member: string): readonly Budget[] {
    const known = this.#options.directory.get(member);
    return known === undefined ? [] : this.#options.policy().budgetsOf(known, this.#options.clock.now());
  }

  #judge(member: string): void {
    if (!this.#hold(member)) return;
    this.#publish();
    this.#wait();
  }

  /** True when a member is held off who was not, or the other way round, or until another time. */
  #hold(member: string): boolean {
    const over = this.#over(member);
    const before = this.#held.get(member);
    if (over === undefined) {
      const wasHeld = this.#held.delete(member);
      if (wasHeld) this.#options.onReleased(member);
      return wasHeld;
    }
    if (before?.until === over.until || (before === undefined && this.#held.size >= limits.holds)) return false;
    this.#held.set(member, { code: "over_budget", until: over.until });
    if (before === undefined) this.#options.onHeld(member, over.until);
    return true;
  }

  #over(member: string): OverBudget | undefined {
    const { ledger, clock } = this.#options;
    const budgets = this.#budgetsOf(member);
    if (budgets.length === 0) return undefined;
    const now = clock.now();
    const { told, own } = ledger.of(member) ?? {};
    const [one, other] = [told?.over(budgets, now), own?.over(budgets, now)];
    return (one?.until ?? 0) >= (other?.until ?? 0) ? one : other;
  }

  /** One list after the other, each with a higher number. */
  #publish(): void {
    const { nodeKey, mesh, clock, onHolds, onError } = this.#options;
    const list: Statement<"holds"> = {
      mesh: mesh.require().mesh,
      node: nodeKey.id,
      number: ++this.#number,
      held: [...this.#held].map(([member, held]) => ({ member, ...held })),
      iat: clock.now(),
    };
    this.#signing = this.#signing
      .then(async () => {
        this.#compact = await signStatement("holds", list, nodeKey);
        onHolds(this.#compact);
      })
      .catch(onError);
  }

  #wait(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#held.size === 0) return;
    const next = Math.min(...[...this.#held.values()].map(({ until }) => until));
    const pause = Math.min(mostLookMs, Math.max(leastLookMs, next - clock.now()));
    this.#timer = clock.setTimer(pause, () => this.look());
  }
}

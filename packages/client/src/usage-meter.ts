/**
 * What passes between this device and others, counted against their budgets: what it took from each, what it sent, and what its
 * program says it used. Told to the registry in batches, and kept here, so that a budget holds while the registry is away.
 * Nothing is counted and nothing is told while the policy has no budgets.
 */
import {
  type Clock,
  type MeshTrust,
  type OverBudget,
  type Policy,
  type PolicyMember,
  signStatement,
  type Timer,
  type UsageKind,
  UsageWindows,
} from "@parley/core";
import { limits, ParleyError, type Statement, toParleyError } from "@parley/protocol";

import type { SelfReport } from "./device-api.ts";
import type { Identity } from "./identity.ts";
import type { Session } from "./session.ts";

export interface UsageMeterOptions {
  readonly identity: () => Identity;
  readonly own: () => PolicyMember;
  readonly trust: Pick<MeshTrust, "mesh" | "policy">;
  readonly session: () => Pick<Session, "isOpen" | "request">;
  readonly clock: Pick<Clock, "setTimer">;
  /** The registry's time, ms since 1970. */
  readonly now: () => number;
  /** Somebody is over its budget, perhaps this member itself. */
  readonly onOver: () => void;
  readonly onError: (error: unknown) => void;
}

interface Counted {
  readonly windows: UsageWindows;
  /** Under which policy `over` was found. */
  policy: Policy | undefined;
  over: OverBudget | undefined;
}

/** What is told is told together after this. */
const reportMs = 500;
const hourMs = 3_600_000;
/** After a report that failed. */
const againMs = 5000;
/** Members of whom is counted, those that came first forgotten first. */
const mostMembers = 5000;

export class UsageMeter {
  readonly #options: UsageMeterOptions;
  readonly #counted = new Map<string, Counted>();
  /** Not told yet: messages and calls by member, the own ones under the own id. */
  #taken = new Map<string, number>();
  #used: { tokens: number; money: number } | undefined;
  #number = 0;
  #timer: Timer | undefined;
  #isTelling = false;
  #isSeeded = false;
  #seeding: Promise<void> | undefined;
  #stopped = false;

  constructor(options: UsageMeterOptions) {
    this.#options = options;
  }

  /** A message or a call was taken from a member. */
  took(member: PolicyMember): void {
    this.#count(member, true);
  }

  /** This device sends a message or a call. */
  sent(): void {
    this.#count(this.#options.own(), true);
  }

  /** This device posts to a channel: the registry counts that itself. */
  posted(): void {
    this.#count(this.#options.own(), false);
  }

  /** What the program used elsewhere, as it says. */
  used({ tokens = 0, money = 0 }: SelfReport): void {
    for (const sum of [tokens, money])
      if (!Number.isSafeInteger(sum) || sum < 0 || sum > limits.usageSum)
        throw new ParleyError("invalid_argument", { message: "What was used is a whole number from 0 on." });
    if (tokens === 0 && money === 0) return;
    this.#used = {
      tokens: Math.min(limits.usageSum, (this.#used?.tokens ?? 0) + tokens),
      money: Math.min(limits.usageSum, (this.#used?.money ?? 0) + money),
    };
    if (this.#areBudgets) this.#add(this.#options.own(), { tokens, money });
    this.#tellIn(reportMs);
  }

  /** The budget that a member used up by this device's count; undefined when it did not. */
  overOf(member: PolicyMember): OverBudget | undefined {
    if (this.#counted.size === 0) return undefined;
    const counted = this.#counted.get(member.member);
    if (counted === undefined) return undefined;
    const { trust, now } = this.#options;
    const time = now();
    const isOver = counted.over !== undefined && counted.over.until <= time;
    if (counted.policy !== trust.policy || isOver) this.#judge(member, counted, time);
    return counted.over;
  }

  /** A session begins: what could not be told is told now, and the registry says what this member used before this start. */
  onSession(): void {
    if (this.#taken.size > 0 || this.#used !== undefined) this.#tellIn(0);
    if (this.#isSeeded || !this.#areBudgets) return;
    const seeding = this.#seed()
      .catch(() => undefined)
      .finally(() => {
        if (this.#seeding === seeding) this.#seeding = undefined;
      });
    this.#seeding = seeding;
  }

  /** Resolves when it is known what this member used before this start; undefined when there is nothing to wait for. */
  get ready(): Promise<void> | undefined {
    return this.#seeding;
  }

  /** Tells what is left to tell, before the session ends; gives up after a moment. */
  async settle(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.setTimer(againMs / 5, resolve);
    await Promise.race([this.#tell(), late]);
    timer.cancel();
  }

  /** As far as this device has counted nothing yet. */
  async #seed(): Promise<void> {
    const { own, session, now } = this.#options;
    const { member } = own();
    const { usage } = await session().request("usage.list", { member });
    this.#isSeeded = true;
    const [told] = usage;
    if (told === undefined || this.#counted.has(member)) return;
    const time = now();
    const { windows } = this.#of(member);
    const { hour, day } = told;
    const earlier = (kind: UsageKind): number => Math.max(0, day[kind] - hour[kind]);
    windows.add(
      { messages: earlier("messages"), tokens: earlier("tokens"), money: earlier("money") },
      time - 2 * hourMs,
    );
    windows.add(hour, time);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  get #areBudgets(): boolean {
    return (this.#options.trust.policy.document.budgets ?? []).length > 0;
  }

  #count(member: PolicyMember, isTold: boolean): void {
    if (!this.#areBudgets) return;
    if (isTold) {
      this.#taken.set(member.member, (this.#taken.get(member.member) ?? 0) + 1);
      this.#tellIn(reportMs);
    }
    this.#add(member, { messages: 1 });
  }

  #add(member: PolicyMember, used: Parameters<UsageWindows["add"]>[0]): void {
    const time = this.#options.now();
    const counted = this.#of(member.member);
    counted.windows.add(used, time);
    const wasOver = counted.over !== undefined;
    this.#judge(member, counted, time);
    if (!wasOver && counted.over !== undefined) this.#options.onOver();
  }

  #judge(member: PolicyMember, counted: Counted, time: number): void {
    const { policy } = this.#options.trust;
    counted.policy = policy;
    // Of its own it stops before it is over, so that nobody has to hold it off.
    const next = member.member === this.#options.own().member ? 1 : 0;
    counted.over = counted.windows.over(policy.budgetsOf(member, time), time, next);
  }

  #of(member: string): Counted {
    const known = this.#counted.get(member);
    if (known !== undefined) return known;
    if (this.#counted.size >= mostMembers) this.#counted.delete(this.#counted.keys().next().value ?? "");
    const counted = { windows: new UsageWindows(), policy: undefined, over: undefined };
    this.#counted.set(member, counted);
    return counted;
  }

  #tellIn(ms: number): void {
    if (this.#stopped || this.#timer !== undefined || this.#isTelling) return;
    this.#timer = this.#options.clock.setTimer(ms, () => {
      this.#timer = undefined;
      void this.#tell();
    });
  }

  async #tell(): Promise<void> {
    const { session: sessionNow, onError } = this.#options;
    const session = sessionNow();
    // Told when a session begins.
    if (!session.isOpen || this.#isTelling) return;
    const taken = [...this.#taken].slice(0, limits.pageSize);
    const used = this.#used;
    if (taken.length === 0 && used === undefined) return;
    for (const [member] of taken) this.#taken.delete(member);
    this.#used = undefined;
    this.#isTelling = true;
    try {
      await session.request("usage.report", { usage: await this.#sign(taken, used) });
    } catch (error) {
      this.#takeBack(taken, used);
      // A registry of before knows no reports.
      const { code } = toParleyError(error);
      if (code !== "unreachable" && code !== "closed" && code !== "unsupported_operation") onError(error);
    } finally {
      this.#isTelling = false;
    }
    if (this.#taken.size > 0 || this.#used !== undefined) this.#tellIn(session.isOpen ? reportMs : againMs);
  }

  #sign(
    taken: readonly (readonly [string, number])[],
    used: { readonly tokens: number; readonly money: number } | undefined,
  ): Promise<string> {
    const { identity, trust, now } = this.#options;
    const { member, device } = identity();
    const report: Statement<"usage"> = {
      mesh: trust.mesh,
      member,
      device: device.id,
      number: ++this.#number,
      taken: taken.map(([of, messages]) => ({ member: of, messages })),
      ...(used === undefined ? {} : { used }),
      iat: Math.max(0, Math.round(now())),
    };
    return signStatement("usage", report, device);
  }

  #takeBack(
    taken: readonly (readonly [string, number])[],
    used: { readonly tokens: number; readonly money: number } | undefined,
  ): void {
    for (const [member, messages] of taken)
      if (this.#taken.has(member) || this.#taken.size < mostMembers)
        this.#taken.set(member, (this.#taken.get(member) ?? 0) + messages);
    if (used === undefined) return;
    this.#used = {
      tokens: Math.min(limits.usageSum, (this.#used?.tokens ?? 0) + used.tokens),
      money: Math.min(limits.usageSum, (this.#used?.money ?? 0) + used.money),
    };
  }
}

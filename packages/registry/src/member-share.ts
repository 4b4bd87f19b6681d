import type { Clock, Timer } from "@parley/core";

import type { RegistryBounds } from "./bounds.ts";
import { Tick } from "./tick.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Something that has messages of a member waiting: one of its sessions. */
export interface WaitingIntake {
  /** Milliseconds until its own rate lets the next one through. */
  waitMs(now: number): number;
  /** Takes the next message; false when none is left after it. */
  next(): boolean;
}

export type MemberShareBounds = Pick<
  RegistryBounds,
  | "messagesPerSecondOfMember"
  | "bytesPerSecondOfMember"
  | "messagesPerTurn"
  | "requestsPerSecondOfMember"
  | "pendingRequestsOfMember"
  | "postsPerSecondOfMember"
  | "httpPerSecondOfMember"
>;

type ShareClock = Pick<Clock, "monotonic" | "soon" | "setTimer">;

/** Bursts, in seconds of their rates. */
const messageBurst = 1;
const requestBurst = 5;
const postBurst = 10;
const httpBurst = 2;
/** What a refusal counts as, in messages. */
const refusalMessages = 10;

/**
 * What one member may ask of a node, all its devices together: so many devices are no way to more. What comes beyond it waits in
 * the sockets of that member; what comes within it is taken a few messages in each turn of the event loop, its sessions by turns,
 * so that nobody else waits behind more than those few.
 */
export class MemberShare {
  readonly requests: TokenBucket;
  readonly posts: TokenBucket;
  readonly http: TokenBucket;
  /** Requests of its sessions that wait for their reply. */
  pendingRequests = 0;
  readonly #clock: ShareClock;
  readonly #bounds: MemberShareBounds;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #waiting = new Set<WaitingIntake>();
  readonly #turn: Tick;
  #taken = 0;
  #pause: Timer | undefined;

  constructor(clock: ShareClock, bounds: MemberShareBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
    const now = clock.monotonic();
    const bucket = (perSecond: number, burst: number): TokenBucket =>
      new TokenBucket(perSecond, perSecond * burst, now);
    this.#messages = bucket(bounds.messagesPerSecondOfMember, messageBurst);
    this.#bytes = bucket(bounds.bytesPerSecondOfMember, messageBurst);
    this.requests = bucket(bounds.requestsPerSecondOfMember, requestBurst);
    this.posts = bucket(bounds.postsPerSecondOfMember, postBurst);
    this.http = bucket(bounds.httpPerSecondOfMember, httpBurst);
    this.#turn = new Tick(
      (run) => clock.soon(run),
      () => this.#nextTurn(),
    );
  }

  get mayHavePending(): boolean {
    return this.pendingRequests < this.#bounds.pendingRequestsOfMember;
  }

  /** Nobody of the member is in need of what is counted here, and forgetting it gives nothing away. */
  isIdle(now: number): boolean {
    const buckets = [this.#messages, this.#bytes, this.requests, this.posts, this.http];
    return this.#waiting.size === 0 && this.pendingRequests === 0 && buckets.every((bucket) => bucket.isFull(now));
  }

  /** Whether a message of `bytes` may be taken at once; it is counted then. */
  take(bytes: number, weight: number): boolean {
    if (this.#waiting.size > 0 || this.#taken >= this.#bounds.messagesPerTurn) return false;
    if (this.#waitMs(this.#clock.monotonic()) > 0) return false;
    this.count(bytes, weight);
    this.#turn.schedule();
    return true;
  }

  /** Counts a message that is being taken. */
  count(bytes: number, weight: number): void {
    const now = this.#clock.monotonic();
    this.#taken += weight;
    this.#messages.spend(1, now);
    this.#bytes.spend(bytes, now);
  }

  /** Something was refused for its number: whoever goes on all the same waits longer for the next. */
  countRefused(): void {
    this.#messages.spend(refusalMessages, this.#clock.monotonic());
  }

  /** Takes its messages by and by. */
  wait(intake: WaitingIntake): void {
    this.#waiting.add(intake);
    if (this.#pause === undefined) this.#turn.schedule();
  }

  /** It has nothing any more. */
  leave(intake: WaitingIntake): void {
    this.#waiting.delete(intake);
  }

  #nextTurn(): void {
    this.#taken = 0;
    let pause = Infinity;
    // Those that are put to the end come by again in the same loop.
    for (const intake of this.#waiting) {
      if (this.#taken >= this.#bounds.messagesPerTurn) return this.#turn.schedule();
      const now = this.#clock.monotonic();
      const own = intake.waitMs(now);
      const all = this.#waitMs(now);
      if (all > 0) return this.#rest(all);
      if (own > 0) {
        pause = Math.min(pause, own);
        continue;
      }
      this.#waiting.delete(intake);
      if (intake.next()) this.#waiting.add(intake);
    }
    if (pause < Infinity) this.#rest(pause);
    else if (this.#waiting.size > 0) this.#turn.schedule();
  }

  #waitMs(now: number): number {
    return Math.max(this.#messages.waitMs(now), this.#bytes.waitMs(now));
  }

  #rest(ms: number): void {
    this.#pause ??= this.#clock.setTimer(ms, () => {
      this.#pause = undefined;
      this.#turn.schedule();
    });
  }
}

/** The shares of the members that are or were here lately. */
export class MemberShares {
  readonly #clock: ShareClock;
  readonly #bounds: MemberShareBounds;
  readonly #shares = new Map<string, MemberShare>();

  constructor(clock: ShareClock, bounds: MemberShareBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** There are as many as members proved themselves since the last sweep. */
  of(member: string): MemberShare {
    const known = this.#shares.get(member);
    if (known !== undefined) return known;
    const share = new MemberShare(this.#clock, this.#bounds);
    this.#shares.set(member, share);
    return share;
  }

  /** Forgets those that are as new and of no session. */
  sweep(hasSession: (member: string) => boolean): void {
    const now = this.#clock.monotonic();
    for (const [member, share] of this.#shares)
      if (!hasSession(member) && share.isIdle(now)) this.#shares.delete(member);
  }
}

/** The time that agreements wait: whatever waits for too long expires, said by whichever side is there first. */
import { type Clock, maxTimerMs, type Random, type Timer } from "@parley/core";

import type { Session } from "../session.ts";
import type { AgreementBook } from "./agreement-book.ts";

export interface AgreementWaitsOptions {
  readonly book: AgreementBook;
  readonly session: Pick<Session, "isOpen" | "registryTime">;
  readonly clock: Clock;
  readonly random: Random;
  /** Says that an agreement expired. */
  readonly expire: (agreement: string) => Promise<void>;
  /** Asks the registry again about what came. */
  readonly settle: (agreement: string) => void;
}

/** Between the end of a wait and the act that says so: the other side has the same idea. */
const spreadMs = 4000;
/** Before the registry is asked again within a session. */
const askAgainMs = 30_000;

export class AgreementWaits {
  readonly #options: AgreementWaitsOptions;
  #timer: Timer | undefined;
  #stopped = false;
  /** What could not be said to have expired, and until when (monotonic) it is left alone. */
  readonly #later = new Map<string, number>();

  constructor(options: AgreementWaitsOptions) {
    this.#options = options;
  }

  /** Something changed: looks when the next wait ends. */
  look(): void {
    const { book, clock, session } = this.#options;
    this.#timer?.cancel();
    if (this.#stopped || !session.isOpen) return;
    const now = clock.monotonic();
    const delays = book.all().map(([agreement, { facts, pending, told, acts }]) => {
      if (pending !== undefined || told < acts.length) return askAgainMs;
      if (facts?.until === undefined) return Infinity;
      const leftMs = Math.max(0, facts.until - session.registryTime) + 1 + this.#spread();
      return Math.max(leftMs, (this.#later.get(agreement) ?? 0) - now);
    });
    const inMs = Math.min(...delays, book.arrivals().length > 0 ? askAgainMs : Infinity);
    if (inMs !== Infinity) this.#timer = clock.setTimer(Math.min(inMs, maxTimerMs), () => this.#onTime());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #onTime(): void {
    const { book, session, settle } = this.#options;
    const now = session.registryTime;
    for (const [agreement, { facts, pending, told, acts }] of book.all())
      if (pending !== undefined || told < acts.length) settle(agreement);
      else if (facts?.until !== undefined && facts.until < now) this.#expire(agreement);
    for (const { agreement } of book.arrivals()) settle(agreement);
    this.look();
  }

  /** The other side may have said so first, or the registry be away: then it is tried again later. */
  #expire(agreement: string): void {
    const { clock, expire } = this.#options;
    if ((this.#later.get(agreement) ?? 0) > clock.monotonic()) return;
    this.#later.set(agreement, clock.monotonic() + askAgainMs);
    expire(agreement)
      .then(() => this.#later.delete(agreement))
      .catch(() => undefined)
      .finally(() => this.look());
  }

  #spread(): number {
    const [byte = 0] = this.#options.random.bytes(1);
    return (byte / 256) * spreadMs;
  }
}

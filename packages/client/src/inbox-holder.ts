/**
 * Whether this device takes its member's messages. A person's devices all do; of an agent's instances the one with the
 * inbox lease does, by its node's word and not a moment longer than the node said. An only device needs no lease.
 *
 * A word may be long on its way, and its time over when it comes. It cannot be older than the newest question that the
 * node answered ahead of it, so the node is asked something now and then.
 */
import { type Clock, type Timer } from "@parley/core";
import { type ErrorCode, type PushBody, toParleyError } from "@parley/protocol";

import type { Session } from "./session.ts";

export interface InboxHolderOptions {
  readonly session: Pick<Session, "request" | "answeredAt">;
  readonly clock: Clock;
  readonly kind: "agent" | "person";
  /** Devices on the member's newest list. */
  readonly listed: () => number;
  /** Resolves when what was taken is acknowledged, or that takes too long; undefined when nothing waits for it. */
  readonly settle: () => Promise<void> | undefined;
  /** A generation begins: what came under an earlier one may have been taken by others, and comes again if not. */
  readonly onGeneration: () => void;
  /** The inbox is another instance's from now on. */
  readonly onLost: () => void;
  readonly onError: (error: unknown) => void;
}

/** Pause before the node is told once more what it could not hear. */
const againMs = 1000;
/** Parts of a lease: after the first the node is asked something, for the second its answer counts. */
const askAfter = 1 / 4;
const answerCounts = 1 / 2;
const notHeard: readonly ErrorCode[] = ["limit_reached", "rate_limited", "timeout"];
/** The node knows already, or hears of it with the next session. */
const knows: readonly ErrorCode[] = ["not_holder", "unreachable", "closed"];

export class InboxHolder {
  readonly #options: InboxHolderOptions;
  #generation = 0;
  /** Highest generation that this device gave up: nothing is taken under it any more, whatever is on its way. */
  #givenUp = 0;
  /** Monotonic time until which the lease holds. */
  #until = 0;
  /** Monotonic time before which it cannot have run out at the node. */
  #sureUntil = 0;
  /** The node asked for the inbox, which it does not do to an only device. */
  #isAsked = false;
  #telling = false;
  /** The end of the lease, or the next try to say that it was given up. */
  #timer: Timer | undefined;
  #asking: Timer | undefined;
  #closed = false;

  constructor(options: InboxHolderOptions) {
    this.#options = options;
  }

  /** Messages are taken here. */
  get holds(): boolean {
    return !this.#closed && (this.#isAlone || this.#options.clock.monotonic() < this.#until);
  }

  /** No other instance can take messages now: what was taken here before is nobody else's, also while this device stops. */
  get isSole(): boolean {
    return this.#isAlone || this.#options.clock.monotonic() < Math.min(this.#until, this.#sureUntil);
  }

  /** No lease is needed. */
  get #isAlone(): boolean {
    const { kind, listed } = this.#options;
    return kind === "person" || (!this.#isAsked && listed() <= 1);
  }

  /** A session begins, in which the node's word is in order again: it may have forgotten how far it had counted. */
  onSession(): void {
    this.#generation = 0;
    this.#givenUp = 0;
    this.#isAsked = false;
  }

  onLease({ generation, lifeMs }: PushBody<"inbox.lease">): void {
    if (generation < this.#generation) return;
    const { clock, session } = this.#options;
    const isGivenUp = generation <= this.#givenUp;
    if (isGivenUp && lifeMs === 0) return;
    if (generation !== this.#generation) {
      this.#sureUntil = 0;
      this.#options.onGeneration();
    }
    this.#generation = generation;
    this.#isAsked = lifeMs === 0;
    if (isGivenUp) return this.#giveUp();
    if (lifeMs === 0) return void this.#handOver(generation);
    this.#cancel();
    const now = clock.monotonic();
    this.#until = now + lifeMs;
    this.#sureUntil = Math.max(this.#sureUntil, session.answeredAt + lifeMs);
    this.#timer = clock.setTimer(lifeMs, () => this.lapse());
    if (this.#isAlone) return;
    const isLate = this.#sureUntil < now + lifeMs * answerCounts;
    if (isLate) void this.#ask(generation, lifeMs);
    else this.#asking = clock.setTimer(lifeMs * askAfter, () => void this.#ask(generation, lifeMs));
  }

  /** An answer ahead of which the node did not take the inbox back shows that the word held when it was asked. */
  async #ask(generation: number, lifeMs: number): Promise<void> {
    const { clock, session } = this.#options;
    const asked = clock.monotonic();
    if (asked - session.answeredAt < lifeMs * askAfter) return;
    await session.request("ping", {}).catch(() => undefined);
    if (generation !== this.#generation || generation <= this.#givenUp) return;
    if (session.answeredAt >= asked) this.#sureUntil = Math.max(this.#sureUntil, asked + lifeMs * answerCounts);
    else if (!this.isSole) this.lapse();
  }

  /** The lease ran out, or may have unnoticed: it counts again from the node's next word. */
  lapse(): void {
    this.#until = 0;
    if (!this.holds) this.#giveUp();
  }

  /** A frame of the mailbox came while another instance was thought to hold the inbox: the node has to push it again. */
  onLeft(): void {
    if (!this.#closed && this.#generation > this.#givenUp) this.#giveUp();
  }

  /** Takes nothing more: this device is about to stop. */
  close(): void {
    this.#closed = true;
  }

  /** Lets another instance take the inbox at once. */
  async release(): Promise<void> {
    if (this.#options.clock.monotonic() < this.#until) await this.#tell();
  }

  stop(): void {
    this.#cancel();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#asking?.cancel();
  }

  /** Nothing more is taken; what was is acknowledged first, so that the next holder is not given it once more. */
  async #handOver(generation: number): Promise<void> {
    this.#until = 0;
    this.#givenUp = generation;
    this.#cancel();
    const settling = this.#options.settle();
    if (settling !== undefined) await settling;
    if (this.#generation === generation) this.#giveUp();
  }

  /** What was in hand is another's from now on, or comes again under the next generation. */
  #giveUp(): void {
    this.#until = 0;
    this.#options.onLost();
    void this.#tell();
  }

  async #tell(): Promise<void> {
    const { clock, session, onError } = this.#options;
    const generation = this.#generation;
    this.#until = 0;
    this.#cancel();
    if (generation === 0) return;
    this.#givenUp = generation;
    if (this.#telling) return;
    this.#telling = true;
    try {
      await session.request("inbox.release", { generation });
    } catch (error) {
      const refused = toParleyError(error);
      if (!knows.includes(refused.code)) onError(refused);
      if (notHeard.includes(refused.code)) this.#timer = clock.setTimer(againMs, () => void this.#tell());
    } finally {
      this.#telling = false;
    }
    if (this.#givenUp > generation && this.#givenUp === this.#generation) void this.#tell();
  }
}

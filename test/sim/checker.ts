/** Holds everything that was claimed against everything that is so. */
import type { Delivery, IncomingMessage } from "@parley/client";
import { decodeFrame, decodeRoutedFrame, envelopeId, type MemberKind, type PushBody } from "@parley/protocol";

import type { Coverage } from "./coverage.ts";
import { unsealed } from "./fake-subtle.ts";
import type { Scheduler } from "./scheduler.ts";

/** An invariant that does not hold. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

/** One call of `send`, from the call to its end. */
export interface Attempt {
  readonly text: string;
  readonly class: "durable" | "live";
  readonly from: string;
  readonly to: string;
  /** Milliseconds since 1970, by a clock that is right, when it is worth nothing any more; 0 never. */
  readonly expires: number;
  id: string | undefined;
  /** `trying`: the call has not returned. `unknown`: the process died before it did. */
  outcome: "trying" | "accepted" | "rejected" | "unknown";
  code: string | undefined;
  settled: boolean;
}

export interface Listener {
  readonly device: string;
  readonly member: string;
  readonly kind: MemberKind;
}

/** What one device said of one envelope. */
interface Told {
  state: string;
  life: string;
}

const rank: Readonly<Record<string, number>> = { accepted: 0, stored: 1, delivered: 2, handled: 3, read: 4 };
const ends: ReadonlySet<string> = new Set(["expired", "refused", "dead-lettered"]);
/** Ways of saying no that leave nothing behind. */
const keepsNothing: ReadonlySet<string> = new Set(["storage_full", "storage_unavailable"]);

export class Checker {
  readonly #scheduler: Scheduler;
  readonly #coverage: Coverage;
  readonly #devices: ReadonlyMap<string, readonly string[]>;
  readonly attempts = new Map<string, Attempt>();
  readonly #told = new Map<string, Told>();
  /** Where each envelope lies in mailboxes: once for each time that it was stored. */
  readonly #inMailbox = new Map<string, number[]>();
  /** Envelopes that do not end a body. */
  readonly #parts = new Set<string>();
  /** When each frame of a mailbox expires, and which ones a device was told to have expired. */
  readonly #expires = new Map<string, number>();
  readonly #toldExpired = new Map<string, Set<number>>();
  /** Per device and stream, how far its journal got. */
  readonly #committed = new Map<string, number>();
  /** Texts that a handler has seen, by device and by member, over all lives. */
  readonly #seen = new Set<string>();
  readonly #seenInLife = new Set<string>();
  readonly #returned = new Set<string>();
  readonly #lastSeq = new Map<string, number>();
  /** Texts that each device handled. */
  readonly handled = new Map<string, Set<string>>();

  /** `devices`: of each member. */
  constructor(scheduler: Scheduler, coverage: Coverage, devices: ReadonlyMap<string, readonly string[]>) {
    this.#devices = devices;
    this.#scheduler = scheduler;
    this.#coverage = coverage;
  }

  /** A process is gone: its calls will never return. */
  onDeath(device: string): void {
    for (const attempt of this.attempts.values())
      if (attempt.from === device && attempt.outcome === "trying") attempt.outcome = "unknown";
  }

  onAppended(bytes: Uint8Array, offset: number): void {
    const routed = decodeRoutedFrame(bytes);
    if (!routed.ok) return this.#violated("frames", "the mailbox took what is no frame");
    const frame = decodeFrame(unsealed(routed.value.content));
    if (!frame.ok) return this.#violated("frames", "a frame in the mailbox cannot be read");
    const { toMember, expires } = routed.value;
    this.#expires.set(`${toMember}/${offset}`, expires);
    for (const section of frame.value) {
      if (section.type !== "data") continue;
      for (const [index, { more }] of section.envelopes.entries()) {
        const id = `${toMember}/${envelopeId(section.epoch, section.firstSeq + index)}`;
        this.#inMailbox.set(id, [...(this.#inMailbox.get(id) ?? []), offset]);
        if (more) this.#parts.add(id);
      }
    }
  }

  /** A device hears that frames of its mailbox are gone. `now`: by the registry's clock, or any that it had. */
  onTrimmed({ device, member }: Listener, { from, to, reason }: PushBody<"mailbox.trimmed">, now: number): void {
    this.#coverage.count(`told:${reason}`);
    if (reason !== "expired") this.#violated("no false gap", `${device} was told ${reason} of ${from} to ${to}`);
    const told = this.#toldExpired.get(device) ?? new Set();
    this.#toldExpired.set(device, told);
    for (let offset = from; offset <= to; offset++) {
      told.add(offset);
      if ((this.#expires.get(`${member}/${offset}`) ?? 0) > now)
        this.#violated("no false gap", `${device} was told that ${offset} expired before its time`);
    }
  }

  onCommitted(device: string, epoch: string, seq: number): void {
    const key = `${device}:${epoch}`;
    this.#committed.set(key, Math.max(seq, this.#committed.get(key) ?? 0));
  }

  /** A device says something about what it sent. */
  onDelivery(life: string, to: string, { id: own, state, device: by, error }: Delivery, now: number): void {
    // Numbers are given per recipient, so an id alone names one envelope for each.
    const id = `${to}/${own}`;
    const told = this.#told.get(id);
    this.#coverage.count(`delivery:${told?.life === life ? told.state : "start"}>${state}`);
    this.#scheduler.note(`${life} says ${own.slice(-8)} ${state}${error === undefined ? "" : ` ${error.code}`}`);
    if (told !== undefined) this.#checkOrder(id, told, life, state);
    this.#told.set(id, { state, life });
    if (state === "stored" && !this.#inMailbox.has(id) && !this.#isCommitted(to, own))
      this.#violated("no false state", `${id} was called stored and never was`);
    if (state === "delivered" && (by === undefined || !this.#isCommitted(to, own, by)))
      this.#violated("no false state", `${id} was called delivered to ${by ?? "nobody"}, which did not commit it`);
    if (state === "handled" && (by === undefined || !this.#returned.has(`${by}:${own}`)))
      this.#violated("no false state", `${id} was called handled by ${by ?? "nobody"}, whose handler did not return`);
    if (state !== "expired") return;
    const attempt = this.#byId(id);
    if (attempt !== undefined && (attempt.expires === 0 || attempt.expires > now))
      this.#violated("no false state", `${id} was called expired before its time`);
  }

  #checkOrder(id: string, told: Told, life: string, state: string): void {
    const isSame = told.life === life;
    if (ends.has(told.state) && (isSame || told.state !== state))
      this.#violated("states go forward", `${id} was ${told.state} and is ${state}`);
    if (isSame && !ends.has(state) && (rank[state] ?? 0) < (rank[told.state] ?? 0))
      this.#violated("states go forward", `${id} went from ${told.state} back to ${state}`);
    if (ends.has(state) && (rank[told.state] ?? 0) >= 2 && isSame && state !== "dead-lettered")
      this.#violated("states go forward", `${id} was ${told.state} and is ${state}`);
  }

  /** A handler was called. */
  onHandling({ device, member, kind }: Listener, life: string, message: IncomingMessage): void {
    const { redelivered, id } = message;
    const text = message.text.trimEnd();
    const attempt = this.attempts.get(text);
    this.#scheduler.note(`${life} handles ${text}${redelivered ? " again" : ""}`);
    if (attempt === undefined) return this.#violated("nothing made up", `${life} was handed ${text}`);
    if (attempt.to !== member) this.#violated("nothing made up", `${life} was handed ${text}, which is for another`);
    if (attempt.id !== undefined && attempt.id !== id)
      this.#violated("nothing made up", `${text} is ${attempt.id} and was handed out as ${id}`);
    if (attempt.outcome === "rejected" && keepsNothing.has(attempt.code ?? ""))
      this.#violated("nothing made up", `${text} was not accepted (${attempt.code ?? ""}) and handed out all the same`);
    if (attempt.class === "live") return;
    if (this.#seenInLife.has(`${life}:${text}`)) this.#violated("none twice in one life", `${life} was handed ${text}`);
    this.#seenInLife.add(`${life}:${text}`);
    const key = `${kind === "person" ? device : member}:${text}`;
    if (this.#seen.has(key) && !redelivered)
      this.#violated("repeats are flagged", `${life} was handed ${text} again and not told so`);
    if (redelivered) this.#coverage.count(this.#seen.has(key) ? "handled:again" : "handled:maybe again");
    else this.#coverage.count("handled:first");
    this.#seen.add(key);
    const stream = `${life}:${attempt.from}`;
    const last = this.#lastSeq.get(stream) ?? 0;
    const seq = seqOf(id);
    if (seq <= last) this.#violated("order", `${life} was handed ${text}, number ${seq}, after number ${last}`);
    this.#lastSeq.set(stream, seq);
    const texts = this.handled.get(device) ?? new Set();
    this.handled.set(device, texts.add(text));
  }

  onReturned(device: string, id: string): void {
    this.#returned.add(`${device}:${id}`);
  }

  /** How an envelope stands by what its sender said last. */
  stateOf({ to, id }: Attempt): string | undefined {
    return this.#told.get(`${to}/${id ?? ""}`)?.state;
  }

  /** What was accepted and neither handled by whoever should have it nor ended, in words; empty when all is well. */
  unfinished(listeners: readonly Listener[]): readonly string[] {
    const left: string[] = [];
    for (const attempt of this.attempts.values()) {
      if (attempt.class === "live") continue;
      if (attempt.outcome === "trying") left.push(`send of ${attempt.text} has not returned`);
      if (attempt.outcome !== "accepted" || attempt.id === undefined) continue;
      const state = this.stateOf(attempt);
      if (state !== undefined && ends.has(state)) continue;
      const own = listeners.filter(({ member }) => member === attempt.to);
      const missing = own.filter(({ device }) => this.handled.get(device)?.has(attempt.text) !== true);
      const isTaken = missing.length < own.length;
      // What some took before its time may be worth nothing to the others, or gone before they came; which they know.
      const isEnough = isTaken && (own[0]?.kind === "agent" || attempt.expires !== 0);
      const unaware = isTaken ? missing.filter(({ device }) => !this.#isToldExpired(device, attempt)) : missing;
      if (unaware.length > 0 && !isEnough)
        left.push(
          `${attempt.text} (${attempt.id}, ${state ?? "accepted"}) was not handled by ${unaware.length} devices`,
        );
      else if (!attempt.settled && (rank[state ?? ""] ?? 0) < 2)
        left.push(`${attempt.text} (${attempt.id}) was handled and its sender does not know: ${state ?? "accepted"}`);
    }
    return left;
  }

  /** A part of it expired in the mailbox, each time that it was stored, and the device heard so. */
  #isToldExpired(device: string, { to, id = "" }: Attempt): boolean {
    const told = this.#toldExpired.get(device);
    if (told === undefined) return false;
    const epoch = id.slice(0, id.lastIndexOf("."));
    let seq = seqOf(id);
    do {
      const places = this.#inMailbox.get(`${to}/${envelopeId(epoch, seq)}`) ?? [];
      if (places.length > 0 && places.every((offset) => told.has(offset))) return true;
      seq--;
    } while (this.#parts.has(`${to}/${envelopeId(epoch, seq)}`));
    return false;
  }

  #isCommitted(to: string, id: string, by?: string): boolean {
    const cut = id.lastIndexOf(".");
    const epoch = id.slice(0, cut);
    const seq = seqOf(id);
    const devices = by === undefined ? (this.#devices.get(to) ?? []) : [by];
    return devices.some((device) => (this.#committed.get(`${device}:${epoch}`) ?? 0) >= seq);
  }

  #byId(id: string): Attempt | undefined {
    for (const attempt of this.attempts.values())
      if (attempt.id !== undefined && `${attempt.to}/${attempt.id}` === id) return attempt;
    return undefined;
  }

  #violated(invariant: string, message: string): void {
    this.#scheduler.fail(new Violation(invariant, message));
  }
}

/** The number in the id of an envelope. */
const seqOf = (id: string): number => Number(id.slice(id.lastIndexOf(".") + 1));

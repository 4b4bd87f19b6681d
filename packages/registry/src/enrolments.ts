import type { Clock, RecordChange, Records, Timer } from "@parley/core";
import {
  type EnrolmentAsk,
  enrolmentAnswerSchema,
  enrolmentAskSchema,
  type EnrolmentState,
  id32Schema,
  ParleyError,
} from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";

const time = z.int().min(0);
const storedEnrolmentSchema = z.object({
  member: id32Schema,
  created: time,
  /** Until when the next step may come: the request, the answer, its collection. */
  expires: time,
  state: z.enum(["open", "asked", "answered", "refused"]),
  request: enrolmentAskSchema.optional(),
  answer: enrolmentAnswerSchema.optional(),
});
type StoredEnrolment = z.infer<typeof storedEnrolmentSchema>;

export interface EnrolmentsOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly bounds: Pick<
    RegistryBounds,
    "enrolments" | "enrolmentsPerMember" | "enrolmentStepMs" | "pairingWaiters" | "pairingWaitMs"
  >;
  /** Somebody used a link of this member. */
  readonly onPending: (member: string, enrolment: string, request: EnrolmentAsk) => void;
}

/**
 * Device links, from their opening to the answer's collection. What passes is opaque here: the id is derived from the
 * link's secret, the request carries a MAC and the answer is sealed under keys that are derived from it too. Each step is
 * one conditional change of the enrolment's one record, so it happens once whoever asks and whichever node answers.
 */
export class Enrolments {
  readonly #options: EnrolmentsOptions;
  readonly #records: JsonRecords<StoredEnrolment>;
  /** A projection of the records, kept by watching. */
  readonly #known = new Map<string, { readonly revision: number; readonly stored: StoredEnrolment }>();
  readonly #waiters = new Map<string, Set<() => void>>();
  #waiting = 0;

  constructor(options: EnrolmentsOptions) {
    this.#options = options;
    this.#records = new JsonRecords(options.records, storedEnrolmentSchema);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.enrolment, (change) => this.#follow(change), { signal });
    signal.addEventListener("abort", () => this.#wakeAll(), { once: true });
  }

  /** Opens a link. Again with the same id, by the same member: how it stands. */
  async invite(
    member: string,
    enrolment: string,
    lifeMs: number,
  ): Promise<{ expires: number; request?: EnrolmentAsk }> {
    const now = this.#options.clock.now();
    this.#checkRoom(member, enrolment);
    const fresh: StoredEnrolment = { member, created: now, expires: now + lifeMs, state: "open" };
    const kept = await this.#change(enrolment, (current) => (current === undefined ? fresh : undefined));
    if (kept === undefined || kept.member !== member) throw new ParleyError("already_exists");
    if (kept.expires <= now) throw expired();
    if (kept.state === "answered" || kept.state === "refused") throw used();
    const { expires, request } = kept;
    return { expires, ...(request === undefined ? {} : { request }) };
  }

  /** Takes the request of a device that has the link. The same one again changes nothing. */
  async ask(enrolment: string, request: EnrolmentAsk): Promise<EnrolmentState> {
    const { clock, bounds, onPending } = this.#options;
    const now = clock.now();
    const text = JSON.stringify(request);
    let isNews = false;
    const kept = await this.#change(enrolment, (current) => {
      isNews = false;
      if (current === undefined)
        throw new ParleyError("invalid_link", { message: "No such device link is open; ask for a new one." });
      if (current.request !== undefined && JSON.stringify(current.request) === text) return undefined;
      if (current.expires <= now) throw expired();
      if (current.state !== "open") throw used();
      isNews = true;
      return { ...current, state: "asked", request, expires: Math.max(current.expires, now + bounds.enrolmentStepMs) };
    });
    if (kept !== undefined && isNews) onPending(kept.member, enrolment, request);
    return this.#stateOf(enrolment, kept);
  }

  /** The inviting side's answer, or without one its refusal. The same answer again changes nothing. */
  async answer(member: string, enrolment: string, answer: string | undefined): Promise<void> {
    const { clock, bounds } = this.#options;
    const now = clock.now();
    await this.#change(enrolment, (current) => {
      if (current === undefined || current.member !== member)
        throw new ParleyError("not_found", { message: "There is no such device link of this member." });
      if (answer === undefined)
        return current.state === "answered" || current.state === "refused"
          ? undefined
          : { ...current, state: "refused" };
      if (current.state === "answered" && current.answer === answer) return undefined;
      if (current.state !== "asked")
        throw new ParleyError("conflict", { message: "No device waits for an answer to this link." });
      if (current.expires <= now) throw expired();
      return {
        ...current,
        state: "answered",
        answer,
        expires: Math.max(current.expires, now + bounds.enrolmentStepMs),
      };
    });
  }

  /** What became of a request. With `waitMs` it waits that long for news. */
  async state(enrolment: string, waitMs: number): Promise<EnrolmentState> {
    const found = await this.#records.get(keys.enrolment(enrolment));
    if (found === undefined)
      throw new ParleyError("not_found", { message: "There is no such device link; ask for a new one." });
    if (waitMs <= 0 || !this.#isPending(found.value)) return this.#stateOf(enrolment, found.value);
    await this.#news(enrolment, Math.min(waitMs, this.#options.bounds.pairingWaitMs));
    return this.state(enrolment, 0);
  }

  /** Forgets what has run out. */
  async sweep(): Promise<void> {
    const now = this.#options.clock.now();
    for (const [id, { stored }] of this.#known) {
      if (stored.expires > now) continue;
      await this.#records.deleteIf(keys.enrolment(id), (current) => current.expires <= now);
      this.#known.delete(id);
    }
  }

  /** Soft bounds: links that several nodes open at the same moment may go a little beyond them. */
  #checkRoom(member: string, enrolment: string): void {
    const { bounds } = this.#options;
    let inTotal = 0;
    let own = 0;
    for (const [id, { stored }] of this.#known) {
      if (id === enrolment) return;
      if (!this.#isPending(stored)) continue;
      inTotal++;
      if (stored.member === member) own++;
    }
    if (inTotal >= bounds.enrolments || own >= bounds.enrolmentsPerMember)
      throw new ParleyError("limit_reached", { message: "Too many device links are open; use or close some first." });
  }

  async #change(
    enrolment: string,
    next: (current: StoredEnrolment | undefined) => StoredEnrolment | undefined,
  ): Promise<StoredEnrolment | undefined> {
    const kept = await this.#records.change(keys.enrolment(enrolment), next);
    if (kept !== undefined) this.#take(enrolment, kept.value, kept.revision);
    return kept?.value;
  }

  /** A request that another node took in is told to the member's devices at this one. */
  #follow(change: RecordChange): void {
    const id = afterPrefix(change.key, prefixes.enrolment);
    const stored = this.#records.decode(change.value);
    if (stored === undefined) return void this.#known.delete(id);
    const isNews = this.#take(id, stored, change.revision);
    if (isNews && stored.state === "asked" && stored.request !== undefined)
      this.#options.onPending(stored.member, id, stored.request);
  }

  #take(id: string, stored: StoredEnrolment, revision: number): boolean {
    const before = this.#known.get(id);
    if (before !== undefined && before.revision >= revision) return false;
    this.#known.set(id, { stored, revision });
    if (!this.#isPending(stored)) for (const wake of this.#waiters.get(id) ?? []) wake();
    return true;
  }

  /** Something may still come. */
  #isPending(stored: StoredEnrolment): boolean {
    return (stored.state === "open" || stored.state === "asked") && stored.expires > this.#options.clock.now();
  }

  #stateOf(enrolment: string, stored: StoredEnrolment | undefined): EnrolmentState {
    if (stored === undefined) throw new ParleyError("not_found");
    const { state, answer, expires } = stored;
    if (expires <= this.#options.clock.now()) return { enrolment, state: "expired" };
    return { enrolment, state, ...(answer === undefined ? {} : { answer }) };
  }

  async #news(enrolment: string, waitMs: number): Promise<void> {
    if (this.#waiting >= this.#options.bounds.pairingWaiters)
      throw new ParleyError("limit_reached", { message: "Too many wait for news; ask again without waiting." });
    this.#waiting++;
    const waiters = this.#waiters.get(enrolment) ?? new Set();
    this.#waiters.set(enrolment, waiters);
    let timer: Timer | undefined;
    let wake: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = this.#options.clock.setTimer(waitMs, resolve);
      waiters.add(wake);
      // News may have come between the read and now.
      const known = this.#known.get(enrolment);
      if (known !== undefined && !this.#isPending(known.stored)) resolve();
    });
    timer?.cancel();
    waiters.delete(wake);
    if (waiters.size === 0) this.#waiters.delete(enrolment);
    this.#waiting--;
  }

  #wakeAll(): void {
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake();
  }
}

const expired = (): ParleyError =>
  new ParleyError("expired", { message: "The device link has expired; ask for a new one." });
const used = (): ParleyError =>
  new ParleyError("expired", { message: "The device link was used or closed already; ask for a new one." });

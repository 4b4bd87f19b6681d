import type { Clock, Records } from "@parley/core";
import {
  type EnrolmentAsk,
  enrolmentAnswerSchema,
  enrolmentAskSchema,
  type EnrolmentState,
  id32Schema,
  ParleyError,
} from "@parley/protocol";
import { z } from "zod";

import { AwaitedRecords } from "./awaited-records.ts";
import type { RegistryBounds } from "./bounds.ts";
import { prefixes } from "./keys.ts";

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
 * link's secret, the request carries a MAC and the answer is sealed under keys that are derived from it too.
 */
export class Enrolments {
  readonly #options: EnrolmentsOptions;
  readonly #records: AwaitedRecords<StoredEnrolment>;

  constructor(options: EnrolmentsOptions) {
    this.#options = options;
    const { records, clock, bounds, onPending } = options;
    this.#records = new AwaitedRecords({
      records,
      schema: storedEnrolmentSchema,
      prefix: prefixes.enrolment,
      pending: ["open", "asked"],
      clock,
      bounds,
      // A request that another node took in is told to the member's devices at this one.
      onNews: (id, { member, state, request }) => {
        if (state === "asked" && request !== undefined) onPending(member, id, request);
      },
    });
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#records.open(signal);
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
    const kept = await this.#records.change(enrolment, (current) => (current === undefined ? fresh : undefined));
    if (kept === undefined || kept.member !== member) throw new ParleyError("already_exists");
    if (kept.expires <= now) throw expired();
    if (kept.state === "answered" || kept.state === "refused") throw used();
    const { expires, request } = kept;
    return { expires, ...(request === undefined ? {} : { request }) };
  }

  /** Whether there is such a link, used or not. */
  knows(enrolment: string): boolean {
    return this.#records.has(enrolment);
  }

  /** Takes the request of a device that has the link. The same one again changes nothing. */
  async ask(enrolment: string, request: EnrolmentAsk): Promise<EnrolmentState> {
    const { clock, bounds, onPending } = this.#options;
    const now = clock.now();
    const text = JSON.stringify(request);
    let isNews = false;
    const kept = await this.#records.change(enrolment, (current) => {
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
    await this.#records.change(enrolment, (current) => {
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
    const found = await this.#records.awaited(enrolment, waitMs);
    if (found === undefined)
      throw new ParleyError("not_found", { message: "There is no such device link; ask for a new one." });
    return this.#stateOf(enrolment, found);
  }

  /** Forgets what has run out. */
  sweep(): Promise<void> {
    return this.#records.sweep();
  }

  /** Soft bounds: links that several nodes open at the same moment may go a little beyond them. */
  #checkRoom(member: string, enrolment: string): void {
    const { bounds } = this.#options;
    if (this.#records.has(enrolment)) return;
    const pending = this.#records.pending();
    const own = pending.filter(({ value }) => value.member === member);
    if (pending.length >= bounds.enrolments || own.length >= bounds.enrolmentsPerMember)
      throw new ParleyError("limit_reached", { message: "Too many device links are open; use or close some first." });
  }

  #stateOf(enrolment: string, stored: StoredEnrolment | undefined): EnrolmentState {
    if (stored === undefined) throw new ParleyError("not_found");
    const { state, answer, expires } = stored;
    if (expires <= this.#options.clock.now()) return { enrolment, state: "expired" };
    return { enrolment, state, ...(answer === undefined ? {} : { answer }) };
  }
}

const expired = (): ParleyError =>
  new ParleyError("expired", { message: "The device link has expired; ask for a new one." });
const used = (): ParleyError =>
  new ParleyError("expired", { message: "The device link was used or closed already; ask for a new one." });

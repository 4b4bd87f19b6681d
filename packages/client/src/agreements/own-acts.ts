/**
 * Acts of this member. Each is signed and on disk before the registry is asked for its number, holds when it has that, and then goes to
 * everybody else who has a part in the agreement. A crash at any place leaves something that `resume` brings to its end: the same act
 * again gets the same number, and is told again.
 */
import { AgreementRules, type MeshTrust, membersOf, signEntry, waitsForAct } from "@parley/core";
import {
  type AgreementAct,
  type AgreementBody,
  type AgreementHeads,
  type ErrorCode,
  limits,
  ParleyError,
  type RequestBody,
  toParleyError,
} from "@parley/protocol";

import type { OwnDevices } from "../own-devices.ts";
import type { Act, AgreementBook, HeldAgreement } from "./agreement-book.ts";

export interface OwnActsOptions {
  readonly book: AgreementBook;
  readonly trust: MeshTrust;
  readonly own: OwnDevices;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly advance: (body: RequestBody<"agreement.advance">) => Promise<AgreementHeads>;
  readonly heads: (agreement: string) => Promise<AgreementHeads>;
  /** Accepts a body for a member, durably. */
  readonly send: (member: string, body: AgreementBody) => Promise<void>;
  /** Keeps what proves that this device is this member's. */
  readonly keepParty: (device: string) => Promise<void>;
  readonly onDone: (act: Act, held: HeldAgreement) => void;
  readonly onRefused: (error: unknown) => void;
}

/** The registry may have heard, or will once it is there. */
const notNow: ReadonlySet<ErrorCode> = new Set([
  "unreachable",
  "timeout",
  "closed",
  "draining",
  "storage_unavailable",
  "storage_full",
  "internal",
]);

/** An act that is older than this is signed anew before the registry is asked: others compare its date with when it came. */
const freshMs = limits.clockSkewMs / 2;

export class OwnActs {
  readonly #options: OwnActsOptions;

  constructor(options: OwnActsOptions) {
    this.#options = options;
  }

  /** Does what comes next. `held` is how the agreement stands, with nothing pending. */
  async next(agreement: string, held: HeldAgreement, act: AgreementAct): Promise<HeldAgreement> {
    const { book, own } = this.#options;
    const pending = await this.#sign(agreement, held, act);
    await this.#options.keepParty(own.identity.device.id);
    await book.put(agreement, { ...held, pending });
    return this.#advance(agreement, { ...held, pending });
  }

  /** Brings what was cut short to its end. Throws nothing: what cannot be done now is tried again. */
  async resume(agreement: string): Promise<void> {
    const { book, onRefused } = this.#options;
    try {
      const held = book.get(agreement);
      if (held?.pending !== undefined) await this.#again(agreement, held);
      const now = book.get(agreement);
      if (now !== undefined && now.told < now.acts.length) await this.#tell(agreement, now);
    } catch (error) {
      if (!notNow.has(toParleyError(error).code)) onRefused(error);
    }
  }

  async #sign(agreement: string, { acts }: HeldAgreement, act: AgreementAct): Promise<Act> {
    const { trust, own, now } = this.#options;
    const { member, device } = own.identity;
    const place = { kind: "agreement", mesh: trust.mesh, subject: agreement, before: acts.at(-1) } as const;
    const signed = await signEntry(place, { by: member, iat: Math.round(now()), act }, device);
    rulesAfter([...acts, signed]);
    return signed;
  }

  async #again(agreement: string, held: HeldAgreement): Promise<void> {
    const { pending } = held;
    const { now, heads, book } = this.#options;
    if (pending === undefined) return;
    if (Math.abs(now() - pending.statement.iat) > freshMs) {
      const { number, act } = pending.statement;
      const order = await heads(agreement).catch((error: unknown) => {
        if (toParleyError(error).code === "not_found") return undefined;
        throw error;
      });
      if (order?.heads[number - 1]?.hash !== pending.hash) {
        await this.#forget(agreement, held);
        if (order === undefined || order.heads.length >= number) throw new ParleyError("conflict");
        const fresh = await this.#sign(agreement, held, act);
        await book.put(agreement, { ...held, pending: fresh });
        await this.#advance(agreement, { ...held, pending: fresh });
        return;
      }
    }
    await this.#advance(agreement, held);
  }

  async #advance(agreement: string, held: HeldAgreement): Promise<HeldAgreement> {
    const { pending, acts } = held;
    const { book, advance, onDone } = this.#options;
    if (pending === undefined) return held;
    const { facts } = rulesAfter([...acts, pending]);
    const { number, previous, act } = pending.statement;
    const until = waitsForAct(facts.state) ? facts.until : undefined;
    try {
      await advance({
        agreement,
        number,
        hash: pending.hash,
        ...(previous === undefined ? { members: [...membersOf(facts)] } : { previous }),
        ...(act.type === "propose" && act.to === undefined ? { offer: pending.compact } : {}),
        ...(until === undefined ? {} : { until }),
      });
    } catch (error) {
      // Nothing is promised by what nobody else knows of.
      if (acts.length > 0 && notNow.has(toParleyError(error).code)) return held;
      await this.#forget(agreement, held);
      throw error;
    }
    const done: HeldAgreement = { acts: [...acts, pending], facts, pending: undefined, told: held.told };
    await book.put(agreement, done);
    onDone(pending, done);
    return this.#tell(agreement, done);
  }

  /** An act that somebody else was faster than, or that the registry refuses. */
  async #forget(agreement: string, held: HeldAgreement): Promise<void> {
    const { book, own } = this.#options;
    const [first] = held.acts;
    const isOthers = held.told === 0 && first?.statement.by !== own.identity.member;
    if (isOthers) await book.drop(agreement);
    else await book.put(agreement, { ...held, pending: undefined });
  }

  /** Everybody else who has a part in it, and the other devices of this person. */
  async #tell(agreement: string, held: HeldAgreement): Promise<HeldAgreement> {
    const { book, own, send } = this.#options;
    const { member, kind } = own.identity;
    if (held.facts === undefined) return held;
    const body: AgreementBody = { agreement, acts: held.acts.map(({ compact }) => compact) };
    const hasOthers = kind === "person" && own.listed > 1;
    for (const to of membersOf(held.facts)) if (to !== member || hasOthers) await send(to, body);
    const told: HeldAgreement = { ...held, told: held.acts.length };
    await book.put(agreement, told);
    return told;
  }
}

/** How an agreement stands after these acts. Throws what keeps one of them from coming next. */
export function rulesAfter(acts: readonly Act[]): AgreementRules {
  const rules = new AgreementRules();
  for (const act of acts) rules.take(act);
  return rules;
}

/**
 * Acts that come from others. Each is on disk before its envelope is acknowledged, and holds once its signature, its place, the table of
 * acts and the registry's order all say so. One that the registry cannot be asked about now waits for the next session.
 */
import {
  AgreementRules,
  type MeshTrust,
  membersOf,
  partyOf,
  type TimelineParty,
  verifyEntry,
  type VerifiedMember,
  verifyParty,
} from "@parley/core";
import { type AgreementBody, type AgreementHeads, limits, ParleyError, toParleyError } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { Gate } from "../gate.ts";
import type { Act, AgreementBook, Arrival, HeldAgreement } from "./agreement-book.ts";

export interface AgreementIntakeOptions {
  readonly book: AgreementBook;
  readonly trust: MeshTrust;
  readonly directory: Pick<Directory, "current">;
  readonly gate: Pick<Gate, "decide">;
  readonly own: () => string;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly heads: (agreement: string) => Promise<AgreementHeads>;
  readonly isBlocked: (member: string) => boolean;
  /** Whether a member may begin something with this one. */
  readonly admits: (member: VerifiedMember) => Promise<boolean>;
  readonly onRefused: (error: unknown, from?: string) => void;
}

/** Acts that the registry knows nothing of are given up after this. */
const mostWaitMs = 86_400_000;

const broken = (message: string): ParleyError => new ParleyError("timeline_broken", { message });

export class AgreementIntake {
  readonly #options: AgreementIntakeOptions;

  constructor(options: AgreementIntakeOptions) {
    this.#options = options;
  }

  /** Keeps what came; resolves when it is on disk. False when it is not for this device to look at. */
  async keep(from: VerifiedMember, { agreement, acts }: AgreementBody): Promise<boolean> {
    const { book, own, gate, isBlocked, admits, onRefused, now } = this.#options;
    if (book.get(agreement) === undefined && from.member !== own()) {
      const refusal = isBlocked(from.member)
        ? "blocked"
        : gate.decide(from, { action: "message" }).allowed
          ? undefined
          : "denied_by_policy";
      if (refusal !== undefined) {
        onRefused(new ParleyError(refusal), from.name);
        return false;
      }
      // One who is not known yet is noted among those who ask; what it proposes waits until it is accepted.
      await admits(from);
    }
    const isKept = await book.arrive(agreement, from.member, now(), acts);
    if (!isKept) onRefused(new ParleyError("limit_reached"), from.name);
    return isKept;
  }

  /**
   * Takes what came for one agreement. Gives the acts that are news, in order, with how the agreement stood after each. Throws what can
   * be mended by trying again.
   */
  async settle(agreement: string): Promise<readonly { readonly act: Act; readonly held: HeldAgreement }[]> {
    const { book, onRefused } = this.#options;
    const news: { act: Act; held: HeldAgreement }[] = [];
    for (const arrival of book.arrivals(agreement)) {
      if (await this.#mustWait(agreement, arrival)) continue;
      try {
        news.push(...(await this.#take(agreement, arrival)));
      } catch (error) {
        const { code, retryable } = toParleyError(error);
        const mayCome = code === "not_found" && this.#options.now() - arrival.at < mostWaitMs;
        if (retryable || mayCome) throw error;
        onRefused(error, arrival.from);
      }
      await book.settled(arrival);
    }
    return news;
  }

  /** What somebody proposes who is not known here waits for this member's word on that, as messages do. */
  async #mustWait(agreement: string, { from, at }: Arrival): Promise<boolean> {
    const { book, own, directory, admits, isBlocked, now } = this.#options;
    if (from === own() || book.get(agreement) !== undefined || isBlocked(from)) return false;
    return now() - at < limits.expiryMs && !(await admits(await directory.current(from)));
  }

  async #take(agreement: string, arrival: Arrival): Promise<readonly { act: Act; held: HeldAgreement }[]> {
    const { book, heads, isBlocked } = this.#options;
    const held = book.get(agreement);
    if (held === undefined && isBlocked(arrival.from)) throw new ParleyError("blocked");
    const before = held?.acts ?? [];
    const fork = before.findIndex((act, index) => {
      const theirs = arrival.acts[index];
      return theirs !== undefined && theirs !== act.compact;
    });
    if (fork !== -1) throw broken(`Act ${fork + 1} is another one than this device has: somebody signed two.`);
    if (arrival.acts.length <= before.length) return [];
    const order = await heads(agreement);
    const acts = await this.#verify(agreement, arrival, before, order);
    const done = [...before];
    const news: { act: Act; held: HeldAgreement }[] = [];
    const rules = new AgreementRules();
    for (const act of before) rules.take(act);
    for (const act of acts) {
      rules.take(act);
      done.push(act);
      const pending =
        held?.pending !== undefined && held.pending.statement.number > done.length ? held.pending : undefined;
      news.push({ act, held: { acts: [...done], facts: rules.facts, pending, told: done.length } });
    }
    if (!membersOf(rules.facts).includes(this.#options.own()))
      throw new ParleyError("forbidden", { message: "This member has no part in the agreement." });
    const last = news.at(-1);
    if (last !== undefined) await book.put(agreement, last.held);
    return news;
  }

  /** Signatures, order and time of the acts that are new here. */
  async #verify(
    agreement: string,
    { from, acts }: Arrival,
    before: readonly Act[],
    { members, heads }: AgreementHeads,
  ): Promise<readonly Act[]> {
    const { trust, own } = this.#options;
    if (from !== own() && !members.includes(from))
      throw new ParleyError("forbidden", { message: "Only those who have a part in an agreement act in it." });
    const fresh: Act[] = [];
    for (const [index, compact] of acts.entries()) {
      if (index < before.length) continue;
      const place = { kind: "agreement", mesh: trust.mesh, subject: agreement } as const;
      const act = await verifyEntry(compact, { ...place, before: fresh.at(-1) ?? before.at(-1) }, (member, device) =>
        this.keyOf(member, device),
      );
      const head = heads[index];
      if (head === undefined)
        throw new ParleyError("not_found", { message: `The registry has given nobody the number ${index + 1} yet.` });
      if (head.hash !== act.hash || head.by !== act.statement.by)
        throw broken(`Act ${index + 1} is not the one that has this number at the registry.`);
      if (Math.abs(head.at - act.statement.iat) > limits.clockSkewMs)
        throw new ParleyError("clock_skew", { message: `Act ${index + 1} is dated otherwise than it came.` });
      await this.#checkTaker(act, before[0] ?? fresh[0]);
      fresh.push(act);
    }
    return fresh;
  }

  /** An open offer is for those who have the skill on their card, whatever the registry let pass. */
  async #checkTaker({ statement }: Act, first: Act | undefined): Promise<void> {
    const offer = first?.statement.act;
    if (statement.number !== 2 || statement.act.type !== "accept" || offer?.type !== "propose") return;
    if (offer.to !== undefined) return;
    const { card, name } = await this.#options.directory.current(statement.by);
    if (card?.skills.some(({ id }) => id === offer.terms.skill) !== true)
      throw new ParleyError("card_mismatch", {
        message: `@${name} took an offer for a skill that its card does not have.`,
      });
  }

  /** The key of a device, by the member's newest record or by what was kept of it; what proves it is kept. */
  async keyOf(member: string, device: string): Promise<string | undefined> {
    const { directory, book } = this.#options;
    const verified = await directory.current(member);
    const key = verified.devices.get(device)?.key;
    if (key === undefined) return this.#earlierKey(book.party(member), device);
    await this.keepParty(verified, device);
    return key;
  }

  /** Keeps what proves that a device is this member's. */
  async keepParty(verified: VerifiedMember, device: string): Promise<void> {
    const { book } = this.#options;
    const kept = book.party(verified.member);
    if (kept !== undefined && (await this.#earlierKey(kept, device)) !== undefined) return;
    await book.keepParty(verified.member, partyOf(verified.record, kept));
  }

  async #earlierKey(party: TimelineParty | undefined, device: string): Promise<string | undefined> {
    if (party === undefined) return undefined;
    return (await verifyParty(party, [this.#options.trust.operators])).devices.get(device);
  }
}

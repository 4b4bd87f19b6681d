import type { Clock, Random } from "@parley/core";

import type { ClientMessageOf } from "./client-message.ts";
import { Refusal } from "./refusal.ts";
import type { ProposalStatus } from "./server-message.ts";

/** One side of a proposal: its id at the door, and the hash of the key that stands for it, if it has one. */
export interface Party {
  readonly id: string;
  readonly key: string | undefined;
}

/** An offer of one door client to another and what became of it. Times are ms since 1970. */
export interface ProposalRecord {
  readonly id: string;
  readonly from: Party;
  readonly to: Party;
  readonly task: string;
  readonly amount: number | string | null;
  readonly currency: string | null;
  readonly paymentCode: string | null;
  readonly terms: string | null;
  readonly expires: number | null;
  readonly status: ProposalStatus;
  readonly created: number;
  readonly updated: number;
  readonly signature: string;
  /** The last act: whose, its signature, and its text (payment code, reason or proof). */
  readonly act: { readonly by: string; readonly signature: string; readonly text: string | null } | undefined;
}

/** Where proposals are kept beyond the process. By default nowhere. */
export interface ProposalStore {
  load(): Promise<readonly ProposalRecord[]>;
  put(record: ProposalRecord): Promise<void>;
  remove(id: string): Promise<void>;
}

export interface ProposalsOptions {
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  readonly bounds: { readonly proposals: number; readonly openProposalsPerClient: number };
  readonly store?: ProposalStore;
}

type Answer = ClientMessageOf<"ACCEPT" | "REJECT" | "COMPLETE" | "DISPUTE">;

const statusAfter = { ACCEPT: "accepted", REJECT: "rejected", COMPLETE: "completed", DISPUTE: "disputed" } as const;
const dayMs = 86_400_000;
/** Ended ones are forgotten after a day, others when nothing happened for so long. */
const restingMs = 30 * dayMs;

/** The states of proposals: pending, then accepted, rejected or expired; accepted, then completed or disputed. */
export class Proposals {
  readonly #options: ProposalsOptions;
  readonly #records = new Map<string, ProposalRecord>();

  constructor(options: ProposalsOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    for (const record of (await this.#options.store?.load()) ?? []) this.#records.set(record.id, record);
  }

  get(id: string): ProposalRecord | undefined {
    return this.#records.get(id);
  }

  /** Whether an offer of this key with this very signature is known. */
  has(key: string, signature: string): boolean {
    return [...this.#records.values()].some((record) => record.from.key === key && record.signature === signature);
  }

  /** Throws LIMIT_REACHED. */
  async create(offer: ClientMessageOf<"PROPOSAL">, from: Party, to: Party): Promise<ProposalRecord> {
    const { clock, bounds } = this.#options;
    const open = [...this.#records.values()].filter(
      (record) => record.from.id === from.id && (record.status === "pending" || record.status === "accepted"),
    );
    if (open.length >= bounds.openProposalsPerClient)
      throw new Refusal("LIMIT_REACHED", `You have ${open.length} open proposals; wait until some have ended.`);
    await this.#makeRoom();
    const now = clock.now();
    const record: ProposalRecord = {
      id: this.#newId(now),
      from,
      to,
      task: offer.task,
      amount: offer.amount || null,
      currency: offer.currency || null,
      paymentCode: offer.payment_code || null,
      terms: offer.terms || null,
      expires: offer.expires ? now + Math.ceil(offer.expires * 1000) : null,
      status: "pending",
      created: now,
      updated: now,
      signature: offer.sig ?? "",
      act: undefined,
    };
    return this.#keep(record);
  }

  /** Throws INVALID_PROPOSAL with agentchat's word for what is wrong. */
  async act(answer: Answer, by: Party): Promise<ProposalRecord> {
    const record = this.check(answer, by);
    const text =
      answer.type === "ACCEPT" ? answer.payment_code : answer.type === "COMPLETE" ? answer.proof : answer.reason;
    return this.#keep({
      ...record,
      status: statusAfter[answer.type],
      updated: this.#options.clock.now(),
      act: { by: by.id, signature: answer.sig ?? "", text: text || null },
    });
  }

  /** Whether the act may be done, without doing it. Throws as `act` does. */
  check(answer: Answer, by: Party): ProposalRecord {
    const record = this.#records.get(answer.proposal_id);
    if (record === undefined) throw invalid("PROPOSAL_NOT_FOUND");
    const answersOffer = answer.type === "ACCEPT" || answer.type === "REJECT";
    if (answersOffer) {
      if (record.status !== "pending" || this.#isOver(record)) throw invalid("PROPOSAL_NOT_PENDING");
      if (!isSame(record.to, by)) throw invalid("NOT_PROPOSAL_RECIPIENT");
      return record;
    }
    if (record.status !== "accepted") throw invalid("PROPOSAL_NOT_ACCEPTED");
    if (!isSame(record.to, by) && !isSame(record.from, by)) throw invalid("NOT_PROPOSAL_PARTY");
    return record;
  }

  /** Ends what is past its time and forgets what rests long enough. Returns those that expired. */
  async sweep(): Promise<readonly ProposalRecord[]> {
    const now = this.#options.clock.now();
    const expired: ProposalRecord[] = [];
    for (const record of this.#records.values()) {
      if (record.status === "pending" && this.#isOver(record))
        expired.push(await this.#keep({ ...record, status: "expired", updated: now }));
      else if (now - record.updated > (isFinal(record) ? dayMs : restingMs)) await this.#forget(record.id);
    }
    return expired;
  }

  /** As agentchat makes them. */
  #newId(now: number): string {
    for (;;) {
      const id = `prop_${now.toString(36)}_${Buffer.from(this.#options.random.bytes(4)).toString("hex")}`;
      if (!this.#records.has(id)) return id;
    }
  }

  #isOver({ expires }: ProposalRecord): boolean {
    return expires !== null && expires <= this.#options.clock.now();
  }

  async #makeRoom(): Promise<void> {
    if (this.#records.size < this.#options.bounds.proposals) return;
    const ended = [...this.#records.values()].find((record) => isFinal(record));
    if (ended === undefined) throw new Refusal("LIMIT_REACHED", "The door has as many open proposals as it keeps.");
    await this.#forget(ended.id);
  }

  async #keep(record: ProposalRecord): Promise<ProposalRecord> {
    this.#records.set(record.id, record);
    await this.#options.store?.put(record);
    return record;
  }

  async #forget(id: string): Promise<void> {
    this.#records.delete(id);
    await this.#options.store?.remove(id);
  }
}

function isFinal({ status }: ProposalRecord): boolean {
  return status !== "pending" && status !== "accepted";
}

/** The same id, and the same key behind it. */
function isSame(party: Party, other: Party): boolean {
  return party.id === other.id && party.key === other.key;
}

function invalid(word: string): Refusal {
  return new Refusal("INVALID_PROPOSAL", word);
}

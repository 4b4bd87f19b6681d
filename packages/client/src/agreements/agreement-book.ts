/** The agreements of a device, on disk and in memory: the acts that hold, and those that wait for the registry's order. */
import {
  type AgreementFacts,
  agreementOf,
  type Journal,
  readEntry,
  type TimelineEntry,
  type TimelineParty,
  timelinePartySchema,
  waitsForAct,
} from "@parley/core";
import { compactSchema, id32Schema, limits, ParleyError } from "@parley/protocol";
import { z } from "zod";

import { KeptTable } from "../kept-table.ts";

export type Act = TimelineEntry<"agreement">;

const acts = z.array(compactSchema).max(limits.agreementActs);

const keptAgreementSchema = z.object({
  acts,
  /** An act of this device that the registry was, or is to be, asked to number. */
  pending: compactSchema.optional(),
  /** How many acts the others were told. */
  told: z.int().min(0),
});
type KeptAgreement = z.infer<typeof keptAgreementSchema>;

const keptArrivalSchema = z.object({ from: id32Schema, at: z.number(), acts });
type KeptArrival = z.infer<typeof keptArrivalSchema>;

/** What of agreements outlives a start. */
export interface KeptAgreements {
  readonly rows: KeptTable<KeptAgreement>;
  readonly arrivals: KeptTable<KeptArrival>;
  readonly parties: KeptTable<TimelineParty>;
  readonly held: Map<string, HeldAgreement>;
}

/** One agreement as it stands. Replaced, never changed. */
export interface HeldAgreement {
  readonly acts: readonly Act[];
  /** Undefined before the first act has its number. */
  readonly facts: AgreementFacts | undefined;
  readonly pending: Act | undefined;
  readonly told: number;
}

/** Acts that came and wait for the registry's word. */
export interface Arrival {
  readonly key: string;
  readonly agreement: string;
  readonly from: string;
  readonly at: number;
  readonly acts: readonly string[];
}

/** Of one sender at once. */
const mostArrivals = 64;

/** Reads what an earlier start left. */
export async function openAgreements(journal: Journal): Promise<KeptAgreements> {
  const most = limits.agreements;
  const [rows, arrivals, parties] = await Promise.all([
    KeptTable.open<KeptAgreement>({ journal, name: "agreements", schema: keptAgreementSchema, most }),
    KeptTable.open<KeptArrival>({ journal, name: "agreement-arrivals", schema: keptArrivalSchema, most }),
    KeptTable.open<TimelineParty>({ journal, name: "agreement-parties", schema: timelinePartySchema, most }),
  ]);
  const held = new Map<string, HeldAgreement>();
  for (const [agreement, kept] of rows.all()) held.set(agreement, await heldOf(kept));
  return { rows, arrivals, parties, held };
}

async function heldOf({ acts: compact, pending, told }: KeptAgreement): Promise<HeldAgreement> {
  const read = await Promise.all(compact.map((act) => readEntry("agreement", act)));
  return {
    acts: read,
    facts: read.length === 0 ? undefined : agreementOf(read),
    pending: pending === undefined ? undefined : await readEntry("agreement", pending),
    told,
  };
}

export class AgreementBook {
  readonly #kept: KeptAgreements;

  constructor(kept: KeptAgreements) {
    this.#kept = kept;
  }

  get(agreement: string): HeldAgreement | undefined {
    return this.#kept.held.get(agreement);
  }

  all(): readonly (readonly [string, HeldAgreement])[] {
    return [...this.#kept.held];
  }

  /** By an id or the beginning of one. Throws `not_found`, or `invalid_argument` when several begin so. */
  find(reference: string): string {
    if (this.#kept.held.has(reference)) return reference;
    const found = [...this.#kept.held.keys()].filter((id) => id.startsWith(reference));
    const [only, another] = found;
    if (only === undefined)
      throw new ParleyError("not_found", {
        message: `There is no agreement ${reference}; see \`parley agreement list\`.`,
      });
    if (another !== undefined)
      throw new ParleyError("invalid_argument", {
        message: `Several agreements begin with ${reference}; write more of it.`,
      });
    return only;
  }

  /** Durable when resolved. Makes room by forgetting the agreement that ended longest ago. Throws `limit_reached`. */
  async put(agreement: string, held: HeldAgreement): Promise<void> {
    const { rows } = this.#kept;
    if (rows.get(agreement) === undefined && rows.size >= limits.agreements) await this.#forgetOne();
    const { acts: done, pending, told } = held;
    await rows.put(agreement, {
      acts: done.map(({ compact }) => compact),
      ...(pending === undefined ? {} : { pending: pending.compact }),
      told,
    });
    this.#kept.held.set(agreement, held);
  }

  async drop(agreement: string): Promise<void> {
    this.#kept.held.delete(agreement);
    await this.#kept.rows.delete(agreement);
  }

  /** Keeps acts that came until the registry has said their order. False when one sender's are too many. */
  async arrive(agreement: string, from: string, at: number, came: readonly string[]): Promise<boolean> {
    const { arrivals } = this.#kept;
    const key = `${agreement}.${from}`;
    const before = arrivals.get(key);
    if (before !== undefined && before.acts.length >= came.length) return true;
    const ofSender = arrivals.all().filter(([, arrival]) => arrival.from === from).length;
    if (before === undefined && (ofSender >= mostArrivals || arrivals.size >= limits.agreements)) return false;
    await arrivals.put(key, { from, at, acts: [...came] });
    return true;
  }

  arrivals(agreement?: string): readonly Arrival[] {
    return this.#kept.arrivals
      .all()
      .filter(([key]) => agreement === undefined || key.startsWith(`${agreement}.`))
      .map(([key, arrival]) => ({ key, agreement: key.split(".")[0] ?? "", ...arrival }));
  }

  async settled(arrival: Arrival): Promise<void> {
    if (this.#kept.arrivals.get(arrival.key)?.acts.length === arrival.acts.length)
      await this.#kept.arrivals.delete(arrival.key);
  }

  party(member: string): TimelineParty | undefined {
    return this.#kept.parties.get(member);
  }

  /** Keeps what proves a member's devices; without room for it an export lacks the member. */
  async keepParty(member: string, party: TimelineParty): Promise<void> {
    await this.#kept.parties.put(member, party);
  }

  async #forgetOne(): Promise<void> {
    const ended = this.all()
      .filter(([, { facts, pending }]) => facts !== undefined && pending === undefined && !waitsForAct(facts.state))
      .toSorted(([, one], [, other]) => (one.facts?.changed ?? 0) - (other.facts?.changed ?? 0));
    const [oldest] = ended;
    if (oldest !== undefined) await this.drop(oldest[0]);
  }
}

import { type Clock, peekStatement, type RecordChange, type Records, sha256 } from "@parley/core";
import {
  type AgreementHeads,
  agreementHeadsSchema,
  compactSchema,
  limits,
  type OpenOffer,
  ParleyError,
  type RequestBody,
  skillIdSchema,
} from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";

const storedSchema = z.object({
  ...agreementHeadsSchema.shape,
  /** When nobody waits for an act any more. */
  until: z.int().min(0),
  /** While nobody took it: the offer, and for which skill. */
  open: z.object({ skill: skillIdSchema, offer: compactSchema }).optional(),
});
type Stored = z.infer<typeof storedSchema>;

export interface AgreementsOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly bounds: Pick<RegistryBounds, "agreementsOpen" | "agreementsInTotal" | "agreementKeptMs" | "offers">;
  /** Whether a member's card has a skill. */
  readonly hasSkill: (member: string, skill: string) => boolean;
}

interface Known {
  readonly members: readonly string[];
  readonly until: number;
  readonly open: OpenOffer | undefined;
  readonly skill: string | undefined;
  readonly revision: number;
}

type OfferQuery = RequestBody<"agreement.offers"> & { readonly limit: number };
type Advance = RequestBody<"agreement.advance">;

const unknown = (): ParleyError =>
  new ParleyError("not_found", { message: "The registry knows no such agreement of yours." });

/**
 * The order of the acts of agreements: each number is given once, to the first who asks with the hash of the act before. The acts
 * themselves pass sealed between the members; only an open offer lies here for everybody to read.
 */
export class Agreements {
  readonly #options: AgreementsOptions;
  readonly #stored: JsonRecords<Stored>;
  /** A projection of the records, kept by watching them: for counting, and for finding offers. */
  readonly #known = new Map<string, Known>();

  constructor(options: AgreementsOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.agreement, (change) => this.#follow(change), { signal });
  }

  /** Gives an act its number. Throws `conflict` when another act has it, `not_found`, `limit_reached`, `forbidden`. */
  async advance(by: string, body: Advance): Promise<AgreementHeads> {
    const { clock } = this.#options;
    const { agreement, number, hash } = body;
    const stored = await this.#stored.change(keys.agreement(agreement), (current) => {
      if (current === undefined) {
        if (number !== 1) throw unknown();
        return this.#begin(by, body);
      }
      const known = current.heads[number - 1];
      // The same again, as after a crash between this answer and what follows it.
      if (known?.hash === hash && known.by === by) return undefined;
      const taken = this.#admit(by, current, body);
      if (current.heads.length !== number - 1 || current.heads.at(-1)?.hash !== body.previous)
        throw new ParleyError("conflict", {
          message: `Somebody acted first: the newest act of this agreement is ${current.heads.length}, and ${number} does not follow it.`,
          data: { number: current.heads.length, by: current.heads.at(-1)?.by },
        });
      const { open: _, ...rest } = taken;
      const now = clock.now();
      return { ...rest, heads: [...taken.heads, { hash, by, at: now }], until: this.#waitEnd(body, now) };
    });
    if (stored === undefined) throw unknown();
    this.#note(agreement, stored.value, stored.revision);
    return shown(stored.value);
  }

  /** Throws `not_found` for whoever has no part in it, except while it is open to all. */
  async heads(by: string, agreement: string): Promise<AgreementHeads> {
    const stored = await this.#stored.get(keys.agreement(agreement));
    if (stored === undefined || (!stored.value.members.includes(by) && stored.value.open === undefined))
      throw unknown();
    return shown(stored.value);
  }

  /** Open offers, the newest first; `after` is the agreement that a page ended with. */
  offers(query: OfferQuery): { offers: OpenOffer[]; next?: string } {
    const now = this.#options.clock.now();
    const fits = ({ until, skill, open }: Known): boolean =>
      until > now &&
      (query.skill === undefined || skill === query.skill) &&
      (query.agreement === undefined || open?.agreement === query.agreement);
    const all = [...this.#known.values()]
      .filter(fits)
      .flatMap(({ open }) => open ?? [])
      .toSorted((one, other) => other.at - one.at || (one.agreement < other.agreement ? -1 : 1));
    const start = query.after === undefined ? 0 : all.findIndex(({ agreement }) => agreement === query.after) + 1;
    const offers: OpenOffer[] = [];
    let bytes = 0;
    for (const offer of all.slice(start, start + query.limit)) {
      bytes += offer.offer.length;
      if (offers.length > 0 && bytes > mostPageBytes) break;
      offers.push(offer);
    }
    const last = offers.at(-1);
    return start + offers.length < all.length && last !== undefined ? { offers, next: last.agreement } : { offers };
  }

  /** Forgets what nobody has waited for any more for a long time, and offers that nobody took. */
  async sweep(): Promise<void> {
    const { clock, bounds } = this.#options;
    const gone = ({ until }: { readonly until: number }): boolean => until + bounds.agreementKeptMs <= clock.now();
    for (const [agreement, known] of this.#known)
      if (gone(known)) await this.#stored.deleteIf(keys.agreement(agreement), gone);
  }

  async #begin(by: string, { agreement, hash, members, offer, previous, ...body }: Advance): Promise<Stored> {
    const { bounds, clock } = this.#options;
    const now = clock.now();
    if (members?.includes(by) !== true || previous !== undefined || new Set(members).size !== members.length)
      throw new ParleyError("invalid_argument", { message: "Who begins an agreement is one of its members." });
    const own = [...this.#known].filter(([id, known]) => id !== agreement && known.members[0] === by);
    const running = own.filter(([, { until }]) => until > now);
    const isFull = running.length >= bounds.agreementsOpen || own.length >= bounds.agreementsOpen * endedForOpen;
    if (isFull || this.#known.size >= bounds.agreementsInTotal)
      throw new ParleyError("limit_reached", { message: "Too many agreements are open." });
    const heads = [{ hash, by, at: now }];
    const until = this.#waitEnd(body, now);
    const ordered = [by, ...members.filter((member) => member !== by)];
    if (offer === undefined) return { members: ordered, heads, until };
    if (running.filter(([, { open }]) => open !== undefined).length >= bounds.offers)
      throw new ParleyError("limit_reached", { message: "Too many offers of this member are open." });
    return { members: ordered, heads, until, open: { skill: await readOffer(agreement, by, hash, offer), offer } };
  }

  /** Whoever takes an open offer becomes one of its members. */
  #admit(by: string, current: Stored, { number }: Advance): Stored {
    if (current.members.includes(by)) return current;
    if (current.open === undefined || number !== 2) throw unknown();
    if (!this.#options.hasSkill(by, current.open.skill))
      throw new ParleyError("forbidden", { message: `Only who offers ${current.open.skill} takes this offer.` });
    const [proposer, ...others] = current.members;
    return { ...current, members: [proposer ?? by, by, ...others] };
  }

  #waitEnd({ until }: Pick<Advance, "until">, now: number): number {
    return until === undefined ? now : Math.min(until, now + 2 * limits.agreementWaitMs);
  }

  #follow(change: RecordChange): void {
    const agreement = afterPrefix(change.key, prefixes.agreement);
    const stored = this.#stored.decode(change.value);
    if (stored === undefined) this.#known.delete(agreement);
    else this.#note(agreement, stored, change.revision);
  }

  #note(agreement: string, { members, until, open, heads }: Stored, revision: number): void {
    if ((this.#known.get(agreement)?.revision ?? 0) >= revision) return;
    const offer = open === undefined ? undefined : { agreement, offer: open.offer, at: heads[0]?.at ?? 0 };
    this.#known.set(agreement, { members, until, open: offer, skill: open?.skill, revision });
  }
}

/** A member's agreements that are over and still kept, for each that may be open. */
const endedForOpen = 4;
/** Bytes of offers in one page: a control message has room for more than their text. */
const mostPageBytes = limits.controlBytes / 2;

const shown = ({ members, heads }: Stored): AgreementHeads => ({ members, heads });

/** The skill that an offer is for. Its signature is each reader's to check. */
async function readOffer(agreement: string, by: string, hash: string, offer: string): Promise<string> {
  const said = peekStatement("agreement", offer);
  const isOpen = said.act.type === "propose" && said.act.to === undefined ? said.act.terms.skill : undefined;
  const isThis = said.subject === agreement && said.by === by && (await sha256(offer)) === hash;
  if (isOpen === undefined || !isThis)
    throw new ParleyError("invalid_argument", {
      message: "This is not the open offer that the agreement begins with.",
    });
  return isOpen;
}

/** Follows the chain of an audit log, entry by entry, and names the first place where it does not hold. */
import { type AuditEntry, decodeAuditEntry } from "@parley/protocol";

import { sha256 } from "../trust/keys.ts";

/** An entry's number and hash: what a head, a checkpoint, a witness and a mark name. */
export interface AuditPlace {
  readonly number: number;
  readonly hash: string;
}

/** The place before the first entry of a node. */
export async function auditStart(node: string): Promise<AuditPlace> {
  return { number: 0, hash: await sha256(`parley-audit-v1:${node}`) };
}

/**
 * What is wrong with a log. `altered`: an entry is not what it was when the next one was written. `missing`: entries were
 * taken out. `truncated`: the log ends before an entry that was seen. `restored`: the same in a new epoch, as after a backup was
 * put back. `forked`: another entry than was seen stands at this number. `gap`: entries went, under a signed checkpoint, before this reader saw them.
 */
export type AuditFlawKind = "altered" | "missing" | "truncated" | "restored" | "forked" | "gap";

export interface AuditFlaw {
  readonly kind: AuditFlawKind;
  /** Number of the entry, or of the first of several. */
  readonly entry: number;
  /** The last of several. */
  readonly to?: number;
  readonly says: string;
  /** The text of an altered entry, where it stood among those taken, and the hash that it had once, where known. */
  readonly text?: string;
  readonly index?: number;
  readonly wanted?: string;
}

interface Taken extends AuditPlace {
  readonly text: string;
  readonly index: number;
}

/** Hashes that must stand at some numbers, and who says so. */
export type KnownHashes = ReadonlyMap<number, { readonly hash: string; readonly says: string }>;

/** A flaw that the next entry tells more about: given the hash that it names, what it is. */
type Suspicion = (named: string | undefined) => AuditFlaw;

export class AuditWalk {
  readonly #node: string;
  readonly #known: KnownHashes;
  #place: AuditPlace;
  #previous: Taken | undefined;
  #suspicion: Suspicion | undefined;
  #flaw: AuditFlaw | undefined;
  #taken = 0;

  /** Goes on after `place`. `known`: what others, or this reader before, saw at some numbers. */
  constructor(node: string, place: AuditPlace, known: KnownHashes = new Map()) {
    this.#node = node;
    this.#place = place;
    this.#known = known;
  }

  /** How far it came. */
  get place(): AuditPlace {
    return this.#place;
  }

  /** The first flaw, once it is known for certain: one entry later, or at the end. */
  get flaw(): AuditFlaw | undefined {
    return this.#flaw;
  }

  /** Whether more entries would say nothing new. */
  get isOver(): boolean {
    return this.#flaw !== undefined;
  }

  /** Takes the next entry; answers it when it can be read, whatever the chain says. */
  async take(text: string): Promise<AuditEntry | undefined> {
    const decodedEntry = decodeAuditEntry(text);
    const entry = decodedEntry.ok ? decodedEntry.value : undefined;
    if (this.#flaw !== undefined) return entry;
    const index = this.#taken++;
    if (this.#suspicion !== undefined) {
      this.#flaw = this.#suspicion(entry?.before);
      return entry;
    }
    const hash = await sha256(text);
    const later: Taken = { number: this.#place.number + 1, hash, text, index };
    const fits = entry?.before === this.#place.hash;
    if (entry === undefined || (fits && (entry.seq !== later.number || entry.node !== this.#node)))
      this.#suspicion = (named) => altered(later, named);
    else if (!fits && entry.seq !== later.number) this.#flaw = outOfOrder(later.number, entry.seq);
    else if (!fits) this.#suspicion = this.#brokenLink(later, entry.before);
    else this.#advance(later);
    return entry;
  }

  /** Ends at what a head names. Without a flaw so far the walk has to stand there. */
  end(head: AuditPlace): AuditFlaw | undefined {
    if (this.#flaw !== undefined) return this.#flaw;
    if (this.#suspicion !== undefined) this.#flaw = this.#suspicion(head.hash);
    else if (this.#place.number < head.number)
      this.#flaw = {
        kind: "missing",
        entry: this.#place.number + 1,
        to: head.number,
        says: `Entries ${this.#place.number + 1} to ${head.number} are missing; the signed head names the last of them.`,
      };
    else if (this.#place.number > head.number)
      this.#flaw = {
        kind: "truncated",
        entry: head.number + 1,
        to: this.#place.number,
        says: `The signed head ends at entry ${head.number}; entries up to ${this.#place.number} were there.`,
      };
    else if (this.#place.hash !== head.hash)
      this.#flaw = this.#previous === undefined ? forked(head.number, "before") : altered(this.#previous, head.hash);
    return this.#flaw;
  }

  #advance(taken: Taken): void {
    const known = this.#known.get(taken.number);
    // Whether it alone is another one, or the whole chain, the next one tells.
    if (known !== undefined && known.hash !== taken.hash)
      this.#suspicion = (named) =>
        named === taken.hash ? forked(taken.number, known.says) : altered(taken, named ?? known.hash);
    this.#place = { number: taken.number, hash: taken.hash };
    this.#previous = taken;
  }

  /** One entry names another hash than the one before it has: is the later one whole, the earlier one is not. */
  #brokenLink(later: Taken, before: string): Suspicion {
    const earlier = this.#previous;
    return (named) => {
      if (named !== later.hash) return altered(later, named);
      return earlier === undefined ? forked(later.number - 1, "before") : altered(earlier, before);
    };
  }
}

function altered({ number, text, index }: Taken, wanted: string | undefined): AuditFlaw {
  return {
    kind: "altered",
    entry: number,
    says: `Entry ${number} was altered: it is not the one that the next one, or the signed head, names.`,
    text,
    index,
    ...(wanted === undefined ? {} : { wanted }),
  };
}

function forked(number: number, says: string): AuditFlaw {
  return { kind: "forked", entry: number, says: `Another entry ${number} stands there than was seen ${says}.` };
}

function outOfOrder(wanted: number, found: number): AuditFlaw {
  if (found > wanted)
    return {
      kind: "missing",
      entry: wanted,
      to: found - 1,
      says: `${found - 1 === wanted ? `Entry ${wanted} is` : `Entries ${wanted} to ${found - 1} are`} missing; entry ${found} follows.`,
    };
  return { kind: "missing", entry: wanted, says: `Entry ${wanted} is missing; entry ${found} stands in its place.` };
}

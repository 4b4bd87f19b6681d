/**
 * What a device keeps of a channel's group, in the journal: the large part of its present epoch in pieces, the small part that
 * changes with each message, a commit of its own that the registry may or may not have taken, and what it knows of the devices.
 */
import type { EncodedGroup, Journal } from "@parley/core";
import { maxJournalStateBytes } from "@parley/core";
import { parseJson } from "@parley/protocol";
import { z } from "zod";

/** A longer one is none that a member's device signed: it holds ids and a time. */
export const maxInvitationCharacters = 8192;

const factsSchema = z.object({
  /** Public keys of devices that were seen in the group on their members' lists, by device id. */
  keys: z.record(z.string(), z.string().max(64)),
  /** When members were taken out, ms since 1970: an older invitation lets nobody back in. */
  removed: z.record(z.string(), z.number()),
  /** Devices in the group that nobody let in, or that are off their member's list: nothing is sealed before they are out. */
  unwelcome: z.array(z.string()),
  /** Invitation of this member. */
  invitation: z.string().max(maxInvitationCharacters).optional(),
  /** The invitation, empty for none, with which the others did not let this device in. */
  refused: z.string().max(maxInvitationCharacters).optional(),
});
export type GroupFacts = z.infer<typeof factsSchema>;
export const noFacts: GroupFacts = { keys: {}, removed: {}, unwelcome: [] };

export type KeptGroup = Pick<EncodedGroup, "base" | "ratchets">;

/** A commit that was sent, with the state that it leads to. */
export interface PendingCommit {
  readonly commit: Uint8Array;
  readonly state: KeptGroup;
}

/** Pieces of one large value: enough for a group of `encryptedDevices`. */
const mostPieces = 16;
const pieceBytes = maxJournalStateBytes - 64;
const mostFactsCharacters = maxJournalStateBytes;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class GroupStore {
  readonly #journal: Journal;
  readonly #key: string;

  constructor(journal: Journal, channel: string) {
    this.#journal = journal;
    this.#key = `group/${channel}`;
  }

  async load(): Promise<KeptGroup | undefined> {
    const [base, ratchets] = await Promise.all([this.#pieces("base"), this.#journal.getState(`${this.#key}/ratchets`)]);
    return base === undefined || ratchets === undefined ? undefined : { base, ratchets: new Uint8Array(ratchets) };
  }

  /** Durable when resolved. The two are written in one turn, and so in one commit of the journal. */
  async save({ base, ratchets }: KeptGroup): Promise<void> {
    await Promise.all([this.#put("base", base), this.saveRatchets(ratchets)]);
  }

  /** The part that changes with every message. */
  saveRatchets(ratchets: Uint8Array): Promise<void> {
    return this.#journal.putState(`${this.#key}/ratchets`, ratchets);
  }

  async pending(): Promise<PendingCommit | undefined> {
    const [commit, base, ratchets] = await Promise.all([
      this.#pieces("pending/commit"),
      this.#pieces("pending/base"),
      this.#journal.getState(`${this.#key}/pending/ratchets`),
    ]);
    if (commit === undefined || base === undefined || ratchets === undefined) return undefined;
    return { commit, state: { base, ratchets: new Uint8Array(ratchets) } };
  }

  async savePending(pending: PendingCommit | undefined): Promise<void> {
    await Promise.all([
      this.#put("pending/commit", pending?.commit),
      this.#put("pending/base", pending?.state.base),
      this.#journal.putState(`${this.#key}/pending/ratchets`, pending?.state.ratchets),
    ]);
  }

  async facts(): Promise<GroupFacts> {
    const value = await this.#journal.getState(`${this.#key}/facts`);
    const json = value === undefined ? undefined : parseJson(decoder.decode(value), mostFactsCharacters);
    const facts = json?.ok === true ? factsSchema.safeParse(json.value) : undefined;
    return facts?.success === true ? facts.data : noFacts;
  }

  saveFacts(facts: GroupFacts): Promise<void> {
    return this.#journal.putState(`${this.#key}/facts`, encoder.encode(JSON.stringify(facts)));
  }

  /** Forgets the keys; what is known of devices and removals stays. */
  async forget(): Promise<void> {
    await Promise.all([
      this.#put("base", undefined),
      this.#journal.putState(`${this.#key}/ratchets`, undefined),
      this.savePending(undefined),
    ]);
  }

  /** A first piece holds the number of pieces in its first byte. */
  async #put(name: string, value: Uint8Array | undefined): Promise<void> {
    const count = value === undefined ? 0 : Math.max(1, Math.ceil(value.length / pieceBytes));
    const writes: Promise<void>[] = [];
    for (let index = 0; index < Math.max(count, 1); index++) {
      const piece = value?.subarray(index * pieceBytes, (index + 1) * pieceBytes);
      writes.push(this.#journal.putState(`${this.#key}/${name}/${index}`, piece && new Uint8Array([count, ...piece])));
    }
    await Promise.all(writes);
  }

  async #pieces(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const first = await this.#journal.getState(`${this.#key}/${name}/0`);
    if (first === undefined) return undefined;
    const count = first[0] ?? 0;
    if (count === 0 || count > mostPieces) return undefined;
    const rest = await Promise.all(
      Array.from({ length: count - 1 }, (_, index) => this.#journal.getState(`${this.#key}/${name}/${index + 1}`)),
    );
    const pieces = [first, ...rest].map((piece) => piece?.subarray(1));
    if (pieces.includes(undefined)) return undefined;
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + (piece?.length ?? 0), 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece ?? new Uint8Array(), at);
      at += piece?.length ?? 0;
    }
    return whole;
  }
}

/**
 * What this member decided about others: whom it takes messages from, whose key was compared, which secret it shares with
 * whom. Kept in the journal in shards, since one value holds so much only; the same on all of a person's devices.
 */
import type { Journal } from "@parley/core";
import { fromBase64url, id32Schema, limits, ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

import type { SharedSecret } from "./shared-secret.ts";

const contactSchema = z.object({
  /** The verified name when it was last met. */
  name: z.string().max(limits.nameCharacters),
  standing: z.enum(["unknown", "request", "accepted", "blocked"]),
  /** Its words were compared and were the same. */
  verified: z.boolean().optional(),
  secret: z.object({ kind: z.enum(["random", "phrase", "weak-phrase"]), key: id32Schema }).optional(),
  /** Messages of a stranger that wait for an answer. */
  waiting: z.int().min(0).optional(),
  /** It was blocked once. */
  wasBlocked: z.boolean().optional(),
  /** When this was decided, ms since 1970: the newest decision of a person's devices holds. */
  at: z.number(),
});
type Stored = z.infer<typeof contactSchema>;
const shardSchema = z.record(id32Schema, contactSchema);

export interface Contact {
  readonly member: string;
  readonly name: string;
  readonly standing: Stored["standing"];
  readonly verified: boolean;
  readonly secret: SharedSecret | undefined;
  readonly waiting: number;
  /** It was blocked once: the registry may not have heard that it is not any more. */
  readonly wasBlocked: boolean;
  readonly at: number;
}

/** A part of a contact that changes; the others stay. `undefined` takes a secret away; a name comes with what verifies it. */
export type ContactChange = Partial<Pick<Contact, "name" | "standing" | "verified" | "waiting">> & {
  readonly secret?: SharedSecret | undefined;
};

const shards = 64;
const mostShardCharacters = 60_000;
/** Contacts that are kept; of those that are neither blocked nor verified and share no secret, the longest undecided give way first. */
const mostContacts = shards * 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class ContactBook {
  readonly #journal: Journal;
  readonly #contacts: Map<string, Contact>;
  readonly #byName = new Map<string, string>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(journal: Journal, contacts: Map<string, Contact>) {
    this.#journal = journal;
    this.#contacts = contacts;
    for (const contact of [...contacts.values()].toSorted(byClaim)) this.#byName.set(contact.name, contact.member);
  }

  static async open(journal: Journal): Promise<ContactBook> {
    const values = await Promise.all(Array.from({ length: shards }, (_, shard) => journal.getState(keyOf(shard))));
    const contacts = new Map<string, Contact>();
    for (const value of values) for (const contact of contactsIn(value)) contacts.set(contact.member, contact);
    return new ContactBook(journal, contacts);
  }

  of(member: string): Contact | undefined {
    return this.#contacts.get(member);
  }

  /** Who had this name when it was last met. */
  byName(name: string): Contact | undefined {
    const member = this.#byName.get(name);
    return member === undefined ? undefined : this.#contacts.get(member);
  }

  all(): readonly Contact[] {
    return [...this.#contacts.values()];
  }

  get blocked(): readonly string[] {
    return this.all()
      .filter(({ standing }) => standing === "blocked")
      .map(({ member }) => member);
  }

  /** Durable when resolved. Throws `limit_reached` when there is no room for one more decision. */
  async change(member: string, name: string, change: ContactChange, at: number): Promise<Contact> {
    const before = this.#contacts.get(member);
    const contact: Contact = {
      member,
      name,
      standing: "unknown",
      verified: false,
      secret: undefined,
      waiting: 0,
      ...before,
      ...change,
      wasBlocked: before?.wasBlocked === true || before?.standing === "blocked",
      at,
    };
    if (before === undefined) this.#makeRoom();
    this.#put(contact, change.verified === true && (change.name !== undefined || before?.verified !== true));
    const write = this.#writing.then(() => this.#write(member));
    this.#writing = write.catch(() => undefined);
    try {
      await write;
    } catch (error) {
      // What was changed since is not taken back with it.
      if (this.#contacts.get(member) === contact) this.#forget(contact, before);
      throw error;
    }
    return contact;
  }

  /** A name stays with whom it was given to, until another one who has it is verified, or that one is forgotten. */
  #put(contact: Contact, takesName = false): void {
    const before = this.#contacts.get(contact.member);
    if (before !== undefined && before.name !== contact.name && this.#byName.get(before.name) === contact.member)
      this.#byName.delete(before.name);
    this.#contacts.set(contact.member, contact);
    if (takesName || !this.#byName.has(contact.name)) this.#byName.set(contact.name, contact.member);
  }

  #forget(contact: Contact, before?: Contact): void {
    if (before !== undefined) return this.#put(before);
    this.#contacts.delete(contact.member);
    if (this.#byName.get(contact.name) === contact.member) this.#byName.delete(contact.name);
  }

  #makeRoom(): void {
    if (this.#contacts.size < mostContacts) return;
    const idle = this.all()
      .filter(({ standing, verified, secret }) => standing !== "blocked" && !verified && secret === undefined)
      .toSorted((one, other) => one.at - other.at);
    const [oldest] = idle;
    if (oldest === undefined)
      throw new ParleyError("limit_reached", { message: "As many contacts are kept as can be; unblock some." });
    this.#forget(oldest);
  }

  async #write(member: string): Promise<void> {
    const shard = shardOf(member);
    const of = this.all().filter((contact) => shardOf(contact.member) === shard);
    const text = JSON.stringify(Object.fromEntries(of.map((contact) => [contact.member, storedOf(contact)])));
    if (text.length > mostShardCharacters)
      throw new ParleyError("limit_reached", { message: "As many contacts are kept as can be; unblock some." });
    await this.#journal.putState(keyOf(shard), encoder.encode(text));
  }
}

/** Ids are hashes: their first six bits spread them evenly. */
const shardOf = (member: string): number => (fromBase64url(member)?.[0] ?? 0) >> 2;
const keyOf = (shard: number): string => `contacts/${shard}`;

/** Of several who were met under one name the one whose it is comes last: the newest that was verified, else the first that was accepted. */
function byClaim(one: Contact, other: Contact): number {
  const order = claimOf(one) - claimOf(other);
  if (order !== 0) return order;
  return one.verified ? one.at - other.at : other.at - one.at;
}

const claimOf = ({ verified, standing }: Contact): number => (verified ? 2 : standing === "accepted" ? 1 : 0);

function storedOf({ name, standing, verified, secret, waiting, wasBlocked, at }: Contact): Stored {
  return {
    name,
    standing,
    ...(verified ? { verified } : {}),
    ...(secret === undefined ? {} : { secret: { kind: secret.kind, key: secret.key } }),
    ...(waiting === 0 ? {} : { waiting }),
    ...(wasBlocked ? { wasBlocked } : {}),
    at,
  };
}

function contactsIn(value: Uint8Array | undefined): readonly Contact[] {
  if (value === undefined) return [];
  const json = parseJson(decoder.decode(value), mostShardCharacters);
  const stored = json.ok ? shardSchema.safeParse(json.value) : undefined;
  if (stored?.success !== true)
    throw new ParleyError("storage_unavailable", { message: "The contacts of this device are damaged." });
  return Object.entries(stored.data).map(([member, { verified, secret, waiting, wasBlocked, ...contact }]) => ({
    ...contact,
    member,
    verified: verified ?? false,
    secret,
    waiting: waiting ?? 0,
    wasBlocked: wasBlocked ?? false,
  }));
}

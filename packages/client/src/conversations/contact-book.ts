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
  readonly at: number;
}

/** A part of a contact that changes; the others stay. `undefined` takes a secret away. */
export type ContactChange = Partial<Pick<Contact, "name" | "standing" | "verified" | "waiting">> & {
  readonly secret?: SharedSecret | undefined;
};

const shards = 64;
const mostShardCharacters = 60_000;
/** Contacts that are kept; of those that say nothing but a name, the longest unchanged give way first. */
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
    for (const contact of contacts.values()) this.#byName.set(contact.name, contact.member);
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
      at,
    };
    if (before === undefined) this.#makeRoom();
    this.#put(contact);
    const write = this.#writing.then(() => this.#write(member));
    this.#writing = write.catch(() => undefined);
    try {
      await write;
    } catch (error) {
      if (before === undefined) this.#contacts.delete(member);
      else this.#put(before);
      throw error;
    }
    return contact;
  }

  #put(contact: Contact): void {
    const before = this.#contacts.get(contact.member);
    if (before !== undefined && before.name !== contact.name && this.#byName.get(before.name) === contact.member)
      this.#byName.delete(before.name);
    this.#contacts.set(contact.member, contact);
    // A name stays with whom it was given to, until that one is verified anew or forgotten.
    if (!this.#byName.has(contact.name) || contact.verified) this.#byName.set(contact.name, contact.member);
  }

  #makeRoom(): void {
    if (this.#contacts.size < mostContacts) return;
    const idle = this.all()
      .filter(({ standing, verified, secret }) => standing !== "blocked" && !verified && secret === undefined)
      .toSorted((one, other) => one.at - other.at);
    const [oldest] = idle;
    if (oldest === undefined)
      throw new ParleyError("limit_reached", { message: "As many contacts are kept as can be; unblock some." });
    this.#contacts.delete(oldest.member);
    if (this.#byName.get(oldest.name) === oldest.member) this.#byName.delete(oldest.name);
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

function storedOf({ name, standing, verified, secret, waiting, at }: Contact): Stored {
  return {
    name,
    standing,
    ...(verified ? { verified } : {}),
    ...(secret === undefined ? {} : { secret: { kind: secret.kind, key: secret.key } }),
    ...(waiting === 0 ? {} : { waiting }),
    at,
  };
}

function contactsIn(value: Uint8Array | undefined): readonly Contact[] {
  if (value === undefined) return [];
  const json = parseJson(decoder.decode(value), mostShardCharacters);
  const stored = json.ok ? shardSchema.safeParse(json.value) : undefined;
  if (stored?.success !== true)
    throw new ParleyError("storage_unavailable", { message: "The contacts of this device are damaged." });
  return Object.entries(stored.data).map(([member, { verified, secret, waiting, ...contact }]) => ({
    ...contact,
    member,
    verified: verified ?? false,
    secret,
    waiting: waiting ?? 0,
  }));
}

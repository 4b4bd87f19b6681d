import type { Clock, Random, RecordChange, Records } from "@parley/core";
import { hashedSecretSchema, type SecretHasher } from "@parley/core/node";
import {
  addressRangeSchema,
  type ApiKey,
  apiKeyIdSchema,
  type ApiKeyParts,
  apiScopeSchema,
  id32Schema,
  labelSchema,
  makeApiKey,
  parseApiKey,
  ParleyError,
  type ReplyBody,
  type RequestBody,
} from "@parley/protocol";
import { z } from "zod";

import { Attempts } from "../attempts.ts";
import type { RegistryBounds } from "../bounds.ts";
import { JsonRecords } from "../json-records.ts";
import { afterPrefix, prefixes } from "../keys.ts";
import { isAddressListed } from "./address-list.ts";
import type { Claimed } from "./bearer.ts";
import { VerifiedKeys } from "./verified-keys.ts";

const time = z.int().min(0);
const storedKeySchema = z.object({
  member: id32Schema,
  /** The device that it was made on. */
  device: id32Schema,
  name: labelSchema,
  scopes: z.array(apiScopeSchema),
  addresses: z.array(addressRangeSchema).optional(),
  created: time,
  expires: time,
  used: time.optional(),
  secret: hashedSecretSchema,
});
type StoredKey = z.infer<typeof storedKeySchema>;

const defaultLifeMs = 90 * 86_400_000;
/** Wrong tries for one known id in a minute, from wherever. */
const triesOfOneKey = 60;

export interface ApiKeysOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: SecretHasher;
  readonly bounds: Pick<
    RegistryBounds,
    "apiKeys" | "apiKeysInTotal" | "apiKeyTriesPerMinute" | "apiKeyTriesTotalPerMinute"
  >;
  /** A key has ended. */
  readonly onEnded: (member: string, id: string) => void;
  /** This node ended a key that nobody asked it to end. */
  readonly onLapsed: (member: string, id: string, why: "expired" | "revoked") => void;
}

/** The API keys of a mesh: one record each, in which the secret is a hash. Nothing else has it once it was shown. */
export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #records: JsonRecords<StoredKey>;
  /** A projection of the records, kept by watching. */
  readonly #known = new Map<string, { readonly value: StoredKey; readonly revision: number }>();
  readonly #verified: VerifiedKeys;
  readonly #tries: Attempts;
  readonly #unknownTries: Attempts;
  readonly #keyTries: Attempts;
  /** Checks that run now: a script that comes with many requests at once needs one. */
  readonly #checking = new Map<string, Promise<StoredKey>>();
  /** Last uses that are not written yet. */
  readonly #used = new Map<string, number>();

  constructor(options: ApiKeysOptions) {
    this.#options = options;
    const { records, clock, random, bounds } = options;
    const monotonic = (): number => clock.monotonic();
    this.#records = new JsonRecords(records, storedKeySchema);
    this.#verified = new VerifiedKeys(random, monotonic);
    this.#tries = new Attempts({ perAddress: bounds.apiKeyTriesPerMinute, inTotal: Infinity }, monotonic);
    this.#unknownTries = new Attempts({ perAddress: Infinity, inTotal: bounds.apiKeyTriesTotalPerMinute }, monotonic);
    this.#keyTries = new Attempts({ perAddress: triesOfOneKey, inTotal: Infinity }, monotonic);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.apiKey, (change) => this.#follow(change), { signal });
  }

  /** Makes a key for the member and device that ask. Soft bounds: several nodes at once may go a little beyond them. */
  async create(
    { member, device }: { readonly member: string; readonly device: string },
    { name, scopes, addresses, lifeMs = defaultLifeMs }: RequestBody<"key.create">,
  ): Promise<ReplyBody<"key.create">> {
    const { clock, random, hasher, bounds } = this.#options;
    if (this.#known.size >= bounds.apiKeysInTotal || this.#of(member).length >= bounds.apiKeys)
      throw new ParleyError("limit_reached", { message: "There are as many API keys as there may be; revoke some." });
    const { id, secret, text } = makeApiKey((count) => random.bytes(count));
    const created = clock.now();
    const stored: StoredKey = {
      member,
      device,
      name,
      scopes: [...new Set(scopes)],
      ...(addresses === undefined ? {} : { addresses }),
      created,
      expires: created + lifeMs,
      secret: await hasher.hash(secret),
    };
    const kept = await this.#records.change(prefixes.apiKey + id, (current) =>
      current === undefined ? stored : undefined,
    );
    if (kept === undefined || kept.value.member !== member) throw new ParleyError("conflict");
    this.#known.set(id, kept);
    return { key: this.#viewOf(id, stored), text };
  }

  /** Those of one member, oldest first. */
  list(member: string): readonly ApiKey[] {
    return this.#of(member)
      .map(([id, { value }]) => this.#viewOf(id, value))
      .toSorted((one, other) => one.created - other.created);
  }

  /** Ends a key: one's own, or with `anybodys` any. Throws `not_found` for one that is not there or another member's. */
  async revoke(id: string, member: string, anybodys: boolean): Promise<void> {
    const stored = await this.#records.get(prefixes.apiKey + id);
    if (stored === undefined || (stored.value.member !== member && !anybodys))
      throw new ParleyError("not_found", { message: "There is no such API key of yours; see `parley key list`." });
    await this.#end(id, stored.value.member);
  }

  /** Ends every key of a member. */
  async removeAll(member: string): Promise<void> {
    for (const [id] of this.#of(member)) await this.#lapse(id, member, "revoked");
  }

  /** Whom a key speaks for. Throws `unauthenticated`, `forbidden` from an address that is not on its list, or `rate_limited`. */
  async verify(text: string, address: string): Promise<Claimed> {
    const parts = parseApiKey(text);
    if (parts === undefined) {
      this.#tries.count(address);
      throw refused("is not a whole one");
    }
    const { id } = parts;
    const cached = this.#verified.has(text, id) ? this.#known.get(id)?.value : undefined;
    const key = cached ?? (await this.#try(text, parts, address));
    const now = this.#options.clock.now();
    if (key.expires <= now) throw refused("has expired; make a new one");
    if (key.addresses !== undefined && !isAddressListed(address, key.addresses))
      throw new ParleyError("forbidden", { message: "The API key is not good from this address." });
    this.#used.set(id, now);
    return { member: key.member, device: key.device, apiKey: { id, scopes: key.scopes } };
  }

  /** Writes down when keys were last used, and forgets those that have expired. */
  async sweep(): Promise<void> {
    await this.flush();
    const now = this.#options.clock.now();
    for (const [id, { value }] of this.#known) if (value.expires <= now) await this.#lapse(id, value.member, "expired");
  }

  async flush(): Promise<void> {
    const used = [...this.#used];
    this.#used.clear();
    for (const [id, at] of used) {
      const kept = await this.#records.change(prefixes.apiKey + id, (current) =>
        current === undefined || (current.used ?? 0) >= at ? undefined : { ...current, used: at },
      );
      if (kept !== undefined && this.#known.has(id)) this.#known.set(id, kept);
    }
  }

  /** Counted before it is checked: many may come at once. A right one is no try. */
  async #try(text: string, parts: ApiKeyParts, address: string): Promise<StoredKey> {
    this.#tries.count(address);
    let checking = this.#checking.get(text);
    if (checking === undefined) {
      checking = this.#check(text, parts).finally(() => this.#checking.delete(text));
      this.#checking.set(text, checking);
    }
    const key = await checking;
    this.#tries.forgive(address);
    return key;
  }

  /** The slow way, the same for a key that is known and one that is not: a read and a hash. */
  async #check(text: string, { id, secret }: ApiKeyParts): Promise<StoredKey> {
    const { hasher } = this.#options;
    const found = await this.#records.get(prefixes.apiKey + id);
    // Those who guess ids use up a bound of their own, and nobody else's.
    if (found === undefined) this.#unknownTries.count("");
    else this.#keyTries.count(id);
    if (!(await hasher.fits(secret, found?.value.secret)) || found === undefined) throw refused("is not valid");
    // It may have been revoked meanwhile.
    const kept = await this.#records.get(prefixes.apiKey + id);
    if (kept === undefined) throw refused("is not valid");
    this.#keyTries.forgive(id);
    this.#known.set(id, kept);
    this.#verified.add(text, id);
    return kept.value;
  }

  async #lapse(id: string, member: string, why: "expired" | "revoked"): Promise<void> {
    if (await this.#end(id, member)) this.#options.onLapsed(member, id, why);
  }

  /** False when another node was faster. */
  async #end(id: string, member: string): Promise<boolean> {
    const isGone = await this.#records.deleteIf(prefixes.apiKey + id, () => true);
    this.#forget(id, member);
    return isGone;
  }

  #forget(id: string, member: string): void {
    this.#known.delete(id);
    this.#used.delete(id);
    this.#verified.remove(id);
    this.#options.onEnded(member, id);
  }

  #follow({ key, value, revision }: RecordChange): void {
    const id = afterPrefix(key, prefixes.apiKey);
    const stored = this.#records.decode(value);
    const known = this.#known.get(id);
    if (stored === undefined) {
      if (known !== undefined) this.#forget(id, known.value.member);
    } else if (apiKeyIdSchema.safeParse(id).success && (known === undefined || known.revision < revision)) {
      this.#known.set(id, { value: stored, revision });
    }
  }

  #of(member: string): readonly [string, { readonly value: StoredKey }][] {
    return [...this.#known].filter(([, { value }]) => value.member === member);
  }

  #viewOf(id: string, { name, scopes, addresses, created, expires, used }: StoredKey): ApiKey {
    const last = Math.max(used ?? 0, this.#used.get(id) ?? 0);
    return {
      key: id,
      name,
      scopes,
      ...(addresses === undefined ? {} : { addresses }),
      created,
      expires,
      ...(last === 0 ? {} : { used: last }),
    };
  }
}

const refused = (why: string): ParleyError => new ParleyError("unauthenticated", { message: `The API key ${why}.` });

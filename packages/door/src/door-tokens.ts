import type { Clock, Random } from "@parley/core";
import { SecretHasher } from "@parley/core/node";
import { ParleyError, toBase64url } from "@parley/protocol";

/** A door token as it is kept: its secret only as a salted, memory-hard hash. */
export interface DoorTokenRecord {
  readonly id: string;
  /** Name of its holder, by the rule of agentchat's names. */
  readonly name: string;
  /** Base64url. */
  readonly salt: string;
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly lastUsed: number | undefined;
  readonly revoked: number | undefined;
}

/** Where door tokens are kept. A change by another process may show late, but shows. */
export interface DoorTokenStore {
  get(id: string): Promise<DoorTokenRecord | undefined>;
  list(): Promise<readonly DoorTokenRecord[]>;
  /** Adds or replaces, durable when resolved. */
  put(record: DoorTokenRecord): Promise<void>;
}

/** A store that ends with the process. */
export class MemoryDoorTokens implements DoorTokenStore {
  readonly #records = new Map<string, DoorTokenRecord>();

  async get(id: string): Promise<DoorTokenRecord | undefined> {
    return this.#records.get(id);
  }

  async list(): Promise<readonly DoorTokenRecord[]> {
    return [...this.#records.values()];
  }

  async put(record: DoorTokenRecord): Promise<void> {
    this.#records.set(record.id, record);
  }
}

export interface DoorTokensOptions {
  readonly store: DoorTokenStore;
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  /** scrypt's N; default 2^15, which takes 32 MiB and about 60 ms. */
  readonly cost?: number;
}

const form = /^pdt_([A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{43})$/;
const holderName = /^[A-Za-z0-9_-]{1,32}$/;
const idBytes = 8;
const secretBytes = 32;
const mostTokens = 1000;
const usedEveryMs = 60_000;

/** Makes, lists, revokes and checks door tokens: `pdt_<id>.<secret>`. */
export class DoorTokens {
  readonly #store: DoorTokenStore;
  readonly #clock: Pick<Clock, "now">;
  readonly #random: Random;
  readonly #cost: number;
  readonly #hasher: SecretHasher;

  constructor(options: DoorTokensOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#cost = options.cost ?? 2 ** 15;
    this.#hasher = new SecretHasher(options.random, this.#cost);
  }

  /** The token is given here and never again. Throws `invalid_name`, or `limit_reached`. */
  async create(name: string): Promise<{ readonly token: string; readonly record: DoorTokenRecord }> {
    const bare = name.startsWith("@") ? name.slice(1) : name;
    if (!holderName.test(bare))
      throw new ParleyError("invalid_name", {
        message: "The holder of a door token has a name of 1-32 letters, digits, '_' or '-'.",
      });
    const valid = (await this.#store.list()).filter(({ revoked }) => revoked === undefined);
    if (valid.length >= mostTokens)
      throw new ParleyError("limit_reached", { message: `There are ${mostTokens} door tokens; revoke some.` });
    const id = newId(this.#random);
    const secret = toBase64url(this.#random.bytes(secretBytes));
    const { salt, hash } = await this.#hasher.hash(secret);
    const record: DoorTokenRecord = {
      id,
      name: bare,
      salt,
      hash,
      created: this.#clock.now(),
      lastUsed: undefined,
      revoked: undefined,
    };
    await this.#store.put(record);
    return { token: `pdt_${id}.${secret}`, record };
  }

  list(): Promise<readonly DoorTokenRecord[]> {
    return this.#store.list();
  }

  /** Ends a token. Again changes nothing. Throws `not_found`. */
  async revoke(id: string): Promise<void> {
    const record = await this.#store.get(id);
    if (record === undefined) throw new ParleyError("not_found", { message: `There is no door token ${id}.` });
    if (record.revoked === undefined) await this.#store.put({ ...record, revoked: this.#clock.now() });
  }

  /** Whose token it is, or undefined. Takes the same time for an unknown one. Throws `rate_limited` when too many are checked. */
  async check(token: string): Promise<DoorTokenRecord | undefined> {
    const [, id, secret] = form.exec(token) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const record = await this.#store.get(id);
    const hashed = record && { salt: record.salt, hash: record.hash, cost: this.#cost };
    const fits = await this.#hasher.fits(secret, hashed);
    if (!fits || record === undefined || record.revoked !== undefined) return undefined;
    const now = this.#clock.now();
    if (now - (record.lastUsed ?? 0) >= usedEveryMs) await this.#noteUse(id, now);
    return record;
  }

  async isValid(id: string): Promise<boolean> {
    const record = await this.#store.get(id);
    return record !== undefined && record.revoked === undefined;
  }

  /** Read once more: it may have been revoked while it was hashed. */
  async #noteUse(id: string, now: number): Promise<void> {
    const record = await this.#store.get(id);
    if (record !== undefined) await this.#store.put({ ...record, lastUsed: now });
  }
}

/** Begins with a letter: a command line would take a `-` for the beginning of an option. */
function newId(random: Random): string {
  const [first = 0, ...rest] = random.bytes(idBytes);
  return toBase64url(Uint8Array.of(first & 0x7f, ...rest));
}

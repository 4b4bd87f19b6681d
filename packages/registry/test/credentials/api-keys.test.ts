import { openMemoryStores, type Records, systemRandom } from "@parley/core";
import { type HashedSecret, SecretHasher } from "@parley/core/node";
import { makeApiKey, toParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { defaultBounds } from "../../src/bounds.ts";
import { ApiKeys } from "../../src/credentials/api-keys.ts";

/** Counts what is looked up and hashed. */
class CountingHasher extends SecretHasher {
  hashes = 0;

  constructor() {
    super(systemRandom, 16);
  }

  override fits(secret: string, hashed: HashedSecret | undefined): Promise<boolean> {
    this.hashes++;
    return super.fits(secret, hashed);
  }
}

const id = "A".repeat(43);
const device = "B".repeat(42) + "A";
const other = makeApiKey((count) => systemRandom.bytes(count));

let clock: FakeClock;
let stores: ReturnType<typeof openMemoryStores>;
let hasher: CountingHasher;
let apiKeys: ApiKeys;
let reads: string[];
let writes: string[];
let ended: string[];
const stop = new AbortController();

beforeEach(async () => {
  clock = new FakeClock();
  stores = openMemoryStores({ clock });
  hasher = new CountingHasher();
  [reads, writes, ended] = [[], [], []];
  const { records } = stores;
  const counted: Records = {
    get: (key) => {
      reads.push(key);
      return records.get(key);
    },
    put: (key, value, options) => {
      writes.push(key);
      return records.put(key, value, options);
    },
    delete: (key, options) => records.delete(key, options),
    list: (prefix, options) => records.list(prefix, options),
    watch: (prefix, onChange, options) => records.watch(prefix, onChange, options),
  };
  apiKeys = new ApiKeys({
    records: counted,
    clock,
    random: systemRandom,
    hasher,
    bounds: { ...defaultBounds, apiKeyTriesPerMinute: 10 },
    onEnded: (_member, key) => void ended.push(key),
    onLapsed: () => undefined,
  });
  await apiKeys.open(stop.signal);
});

afterEach(() => stores.close());

const make = (lifeMs = 3_600_000) =>
  apiKeys.create({ member: id, device }, { name: "ci", scopes: ["directory:read"], lifeMs });

async function outcome(text: string, address = "192.0.2.1"): Promise<string> {
  try {
    return (await apiKeys.verify(text, address)).member;
  } catch (error) {
    return toParleyError(error).code;
  }
}

describe("API keys", () => {
  it("cost the same read and the same hash whether their id is known or not", async () => {
    const { text, key } = await make();
    const wrong = makeApiKey((count) => systemRandom.bytes(count));
    const parts = [key.key, wrong.secret];
    const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const known = makeApiKey(() => Uint8Array.from(parts.shift() ?? "", (letter) => alphabet.indexOf(letter)));
    const costs = [];
    for (const one of [known.text, other.text]) {
      [hasher.hashes, reads] = [0, []];
      expect(await outcome(one)).toBe("unauthenticated");
      costs.push([hasher.hashes, reads.length]);
    }
    expect(costs).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(await outcome(text)).toBe(id);
  });

  it("are hashed once in five minutes, and once for many requests at the same time", async () => {
    const { text } = await make();
    hasher.hashes = 0;
    expect(await Promise.all(Array.from({ length: 8 }, () => outcome(text)))).toEqual(Array(8).fill(id));
    expect(hasher.hashes).toBe(1);
    clock.advance(299_999);
    expect(await outcome(text)).toBe(id);
    expect(hasher.hashes).toBe(1);
    clock.advance(1);
    expect(await outcome(text)).toBe(id);
    expect(hasher.hashes).toBe(2);
  });

  it("that are right are no tries, and those that are wrong are, at the limit and above", async () => {
    const { text } = await make();
    for (let count = 0; count < 11; count++) {
      const { text: fresh, key } = await make();
      expect(await outcome(fresh)).toBe(id);
      await apiKeys.revoke(key.key, id, false);
    }
    for (let count = 0; count < 10; count++) expect(await outcome(other.text)).toBe("unauthenticated");
    expect(await outcome(other.text)).toBe("rate_limited");
    expect(await outcome(text)).toBe("rate_limited");
    expect(await outcome(text, "192.0.2.2")).toBe(id);
    clock.advance(60_000);
    expect(await outcome(other.text)).toBe("unauthenticated");
  });

  it("note their last use in memory and write it down once for many", async () => {
    const { text, key } = await make();
    writes = [];
    for (let count = 0; count < 50; count++) {
      clock.advance(10);
      await outcome(text);
    }
    expect(apiKeys.list(id)).toMatchObject([{ used: clock.now() }]);
    expect(writes).toEqual([]);
    await apiKeys.sweep();
    expect(writes).toEqual([`api-key/${key.key}`]);
    await apiKeys.sweep();
    expect(writes).toHaveLength(1);
  });

  it("end on their time and are swept away, and what ran by them is told", async () => {
    const { text, key } = await make(1000);
    clock.advance(999);
    expect(await outcome(text)).toBe(id);
    await apiKeys.sweep();
    expect(ended).toEqual([]);
    clock.advance(1);
    expect(await outcome(text)).toBe("unauthenticated");
    await apiKeys.sweep();
    expect([apiKeys.list(id), ended[0]]).toEqual([[], key.key]);
    expect(await stores.records.get(`api-key/${key.key}`)).toBeUndefined();
  });

  it("that another node ended are refused here, though they were good a moment ago", async () => {
    const { text, key } = await make();
    expect(await outcome(text)).toBe(id);
    await stores.records.delete(`api-key/${key.key}`);
    await expect.poll(() => outcome(text)).toBe("unauthenticated");
    expect(ended).toEqual([key.key]);
  });

  it("are refused when the store's record was altered to another secret", async () => {
    const { text, key } = await make();
    const at = `api-key/${key.key}`;
    const stored = JSON.parse(Buffer.from((await stores.records.get(at))?.value ?? []).toString()) as object;
    await stores.records.put(at, Buffer.from(JSON.stringify({ ...stored, secret: { salt: "", hash: "", cost: 16 } })));
    expect(await outcome(text)).toBe("unauthenticated");
  });
});

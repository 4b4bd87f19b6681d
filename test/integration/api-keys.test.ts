import { openMemoryStores, type Stores, systemClock, verifyStatement } from "@parley/core";
import {
  type ApiKey,
  type ApiScope,
  apiScopeSchema,
  httpErrorSchema,
  limits,
  makeApiKey,
  parseApiKey,
  type RequestBody,
  type Role,
} from "@parley/protocol";
import { accessTable } from "@parley/registry";
import { type TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MovedClock } from "./moved-clock.ts";
import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

/** Gives no rate time to come back. */
class StillClock extends MovedClock {
  override monotonic(): number {
    return 1000;
  }
}

const clock = new MovedClock();
const roles: readonly Role[] = ["operator", "admin", "member", "guest", "observer"];
const everyScope = apiScopeSchema.options;
/** Every wrong key of this file is shown from the same address. */
const patient = { apiKeyTriesPerMinute: 100_000, apiKeyHashCost: 1024 };
let stores: Stores;
let registry: RunningRegistry;
let mesh: WireMesh;
let ada: TestDevice;

beforeAll(async () => {
  stores = openMemoryStores({ clock });
  registry = await startRegistry({ stores, clock, bounds: patient });
  mesh = await registry.claim();
  ada = await mesh.join("ada");
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await stores.close();
});

interface Made {
  readonly key: ApiKey;
  readonly text: string;
}

/** Every secret that was given out. */
const secrets: string[] = [];

async function make(device: TestDevice, wanted: Partial<RequestBody<"key.create">> = {}): Promise<Made> {
  const made = await device.request("key.create", { name: "ci", scopes: ["directory:read"], ...wanted });
  secrets.push(partsOf(made.text).secret);
  return made;
}

type Outcome = readonly [status: number, code: string | undefined];

async function call(what: string, as: string | undefined, origin = registry.origin): Promise<Outcome> {
  const [method = "", path = ""] = what.split(" ");
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
      "content-type": "application/octet-stream",
    },
    ...(method === "PUT" ? { body: new Uint8Array(1) } : {}),
  });
  const text = await response.text();
  if (secrets.some((secret) => text.includes(secret))) throw new Error(`the answer to ${what} has a secret`);
  const isCoded = !response.ok && method !== "HEAD";
  return [response.status, isCoded ? httpErrorSchema.parse(JSON.parse(text)).error.code : undefined];
}

const members = (as: string | undefined): Promise<Outcome> => call("GET /v1/members", as);
const good: Outcome = [200, undefined];
const unknown: Outcome = [401, "unauthenticated"];

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** A key with a right check, of any id and secret. */
function keyOf(id: string, secret: string): string {
  const parts = [id, secret];
  return makeApiKey(() => Uint8Array.from(parts.shift() ?? "", (character) => alphabet.indexOf(character))).text;
}

const partsOf = (text: string): { readonly id: string; readonly secret: string } => {
  const parts = parseApiKey(text);
  if (parts === undefined) throw new Error("not an API key");
  return parts;
};

/** Everything in the records of the store, as text. */
async function everythingStored(): Promise<string> {
  const { records } = await stores.records.list("");
  return records.map(({ key, value }) => `${key} ${Buffer.from(value).toString()}`).join("\n");
}

describe("an API key", () => {
  it("is shown once, and what is kept and told of it afterwards does not have its secret", async () => {
    const { key, text } = await make(ada, { name: "nightly", lifeMs: 86_400_000 });
    const { id, secret } = partsOf(text);
    expect([key.key, key.name, key.scopes, key.expires - key.created]).toEqual([
      id,
      "nightly",
      ["directory:read"],
      86_400_000,
    ]);
    expect(await members(text)).toEqual(good);
    const { keys } = await ada.request("key.list", {});
    expect(keys).toEqual([{ ...key, used: expect.any(Number) }]);
    const stored = await everythingStored();
    expect(stored).toContain(`api-key/${id}`);
    for (const told of [stored, JSON.stringify(keys), JSON.stringify(registry.lines)])
      for (const part of [text, secret]) expect(told).not.toContain(part);
    await ada.request("key.revoke", { key: id });
  });

  const scoped = accessTable.filter(({ via, scope }) => via === "http" && scope !== undefined);
  const closed = accessTable.filter(({ via, needs, scope }) => via === "http" && Array.isArray(needs) && !scope);
  const pathOf = (what: string): string => what.replace("{hash}", "ab".repeat(32)).replace("{name}", "general");

  it("has a scope for every route that a member's session token opens", () => {
    expect(scoped.length).toBeGreaterThan(9);
    expect(closed).toEqual([]);
  });

  it.each(scoped.map((row) => [row.what, row] as const))(
    "opens %s with its scope alone, to a member with the roles of the table",
    async (what, { needs, scope, bySetting }) => {
      const path = pathOf(what);
      const others = everyScope.filter((other) => other !== scope);
      const own = scope as ApiScope;
      for (const role of roles) {
        const name = `${role}-${what.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`.slice(0, 32);
        const device = await mesh.join(name, { roles: [role] });
        if (what.endsWith("/posts")) await device.request("channel.join", { name: "general" });
        const [right, wrong] = [await make(device, { scopes: [own] }), await make(device, { scopes: others })];
        const code = (await call(path, right.text))[0];
        const isAllowed = Array.isArray(needs) && needs.includes(role);
        expect(code === 403, `${role}: ${code}`).toBe(!isAllowed);
        expect(code, `as ${role}`).not.toBe(401);
        const refused = await call(path, wrong.text);
        expect(refused).toEqual([403, what.startsWith("HEAD") ? undefined : "scope_missing"]);
      }
      expect((await call(path, undefined))[0]).toBe(bySetting === true ? 200 : 401);
    },
  );

  it("opens no session and asks for no session token or key of its own", async () => {
    const { text } = await make(ada, { scopes: everyScope });
    const socket = new WebSocket(registry.origin.replace("http", "ws") + "/session", ["parley.v1", text]);
    const challenge = await new Promise<string>((resolve) =>
      socket.addEventListener("message", ({ data }) => resolve(String(data)), { once: true }),
    );
    expect(JSON.parse(challenge)).toMatchObject({ type: "challenge" });
    const ended = new Promise<number>((resolve) =>
      socket.addEventListener("close", ({ code }) => resolve(code), { once: true }),
    );
    socket.send(JSON.stringify({ id: 1, type: "key.create", body: { name: "more", scopes: everyScope } }));
    expect(await ended).toBe(4300);
    await ada.request("key.revoke", { key: partsOf(text).id });
  });

  it("is refused cut short, with any letter in another case, changed, or dressed up", async () => {
    const { key, text } = await make(ada);
    const { id, secret } = partsOf(text);
    const swapped = (at: number): string => {
      const letter = text.charAt(at);
      const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
      return text.slice(0, at) + other + text.slice(at + 1);
    };
    const cases = Array.from(text, (_, at) => swapped(at)).filter((other) => other !== text);
    const otherSecret = secret.slice(0, -1) + (secret.endsWith("A") ? "B" : "A");
    const parts = [text.slice(0, -1), text.slice(1), text.slice(0, 20), `pak_${id}`, `pak_${id}_`, "pak_", secret, id];
    const otherCase = [text.toUpperCase(), text.toLowerCase(), ...cases];
    const guesses = [otherSecret, secret.toLowerCase(), "0".repeat(32)];
    // With a right check: the secret alone is wrong, or the id.
    const checked = [...guesses.map((other) => keyOf(id, other)), keyOf("0".repeat(12), secret)];
    const wrong = [...parts, `${text}0`, ...otherCase, ...checked];
    for (const one of wrong) expect(await members(one), `${wrong.indexOf(one)}`).toEqual(unknown);
    for (const header of [
      `Basic ${btoa(`${id}:${secret}`)}`,
      `Token ${text}`,
      text,
      `Bearer  ${text}`,
      `Bearer ${text} `,
    ]) {
      const response = await fetch(`${registry.origin}/v1/members`, { headers: { authorization: header } });
      // A blank at the end is none (RFC 9110 section 5.5).
      const expected = header.endsWith(" ") ? [200, null] : [401, "Bearer"];
      expect([response.status, response.headers.get("www-authenticate")]).toEqual(expected);
    }
    expect(await members(text)).toEqual(good);
    await ada.request("key.revoke", { key: key.key });
  });

  it("is nothing with the id of another member's, and nobody else lists or ends it but an operator", async () => {
    const [eve, one] = [await mesh.join("eve"), await make(ada)];
    const two = await make(eve);
    const [own, other] = [partsOf(one.text), partsOf(two.text)];
    expect(await members(keyOf(own.id, other.secret))).toEqual(unknown);
    expect(await members(keyOf(other.id, own.secret))).toEqual(unknown);
    expect((await eve.request("key.list", {})).keys.map(({ key }) => key)).toEqual([other.id]);
    expect(await outcomeOf(eve.request("key.revoke", { key: own.id }))).toBe("not_found");
    expect(await members(one.text)).toEqual(good);
    await mesh.operator.request("key.revoke", { key: own.id });
    expect(await members(one.text)).toEqual(unknown);
    expect(await outcomeOf(ada.request("key.revoke", { key: own.id }))).toBe("not_found");
  });

  it("is refused at once when it is revoked, though it was good a moment ago", async () => {
    const { key, text } = await make(ada);
    for (let count = 0; count < 3; count++) expect(await members(text)).toEqual(good);
    await ada.request("key.revoke", { key: key.key });
    expect(await members(text)).toEqual(unknown);
    expect((await ada.request("key.list", {})).keys).toEqual([]);
  });

  it("ends on its time, to the millisecond, and lives a year at most", async () => {
    expect(await outcomeOf(make(ada, { lifeMs: limits.apiKeyLifeMs + 1 }))).toBe("invalid_argument");
    const longest = await make(ada, { lifeMs: limits.apiKeyLifeMs });
    expect(longest.key.expires - longest.key.created).toBe(limits.apiKeyLifeMs);
    await ada.request("key.revoke", { key: longest.key.key });
    const { key, text } = await make(ada, { lifeMs: 3_600_000 });
    expect(await members(text)).toEqual(good);
    clock.moved = 3_600_000 - 2000;
    expect(await members(text)).toEqual(good);
    clock.moved = key.expires - systemClock.now();
    expect(await members(text)).toEqual(unknown);
    clock.moved = 0;
    await ada.request("key.revoke", { key: key.key });
  });

  it("is good from the addresses of its list only, and the list has its bounds", async () => {
    const from = async (addresses: readonly string[]): Promise<Outcome> => {
      const { key, text } = await make(ada, { addresses: [...addresses] });
      expect(key.addresses).toEqual(addresses);
      const outcome = await members(text);
      await ada.request("key.revoke", { key: key.key });
      return outcome;
    };
    expect(await from(["127.0.0.1"])).toEqual(good);
    expect(await from(["10.0.0.0/8", "127.0.0.0/31"])).toEqual(good);
    expect(await from(["10.0.0.0/8", "::1", "127.0.0.2"])).toEqual([403, "forbidden"]);
    for (const wrong of ["", "localhost", "127.0.0.1/33", "1.2.3", "*"])
      expect(await outcomeOf(make(ada, { addresses: [wrong] })), `from ${wrong}`).toBe("invalid_argument");
    const most = Array.from({ length: limits.apiKeyAddresses }, (_, at) => `127.0.0.${at + 1}`);
    expect(await from(most)).toEqual(good);
    expect(await outcomeOf(make(ada, { addresses: [...most, "10.0.0.1"] }))).toBe("invalid_argument");
  });

  it("has the roles that its member has now, not those that it was made with", async () => {
    const metrics: readonly ApiScope[] = ["metrics:read"];
    const oscar = await mesh.join("oscar", { roles: ["operator"] });
    const { text } = await make(oscar, { scopes: [...metrics] });
    expect(await call("GET /metrics", text)).toEqual(good);
    const admission = await mesh.operator.identity.admit(mesh.mesh, oscar.identity.member, {
      name: "oscar",
      roles: ["member"],
      number: 2,
    });
    // As an operator's word reaches this node from another one.
    const at = `member/${oscar.identity.member}`;
    const stored = JSON.parse(Buffer.from((await stores.records.get(at))?.value ?? []).toString()) as {
      record: object;
    };
    const next = { ...stored, record: { ...stored.record, admission } };
    await stores.records.put(at, Buffer.from(JSON.stringify(next)));
    await expect.poll(() => call("GET /metrics", text)).toEqual([403, "forbidden"]);
  });

  it("has a rate of its own, with a burst", async () => {
    await using slow = await startRegistry({
      clock: new StillClock(),
      bounds: { ...patient, apiRequestsPerSecond: 1 },
    });
    const other = await slow.claim();
    const [bob, carol] = [await other.join("bob"), await other.join("carol")];
    const [one, two] = [await make(bob), await make(carol)];
    const burst = [1, 2, 3, 4, 5];
    for (const _ of burst) expect(await call("GET /v1/members", one.text, slow.origin)).toEqual(good);
    expect(await call("GET /v1/members", one.text, slow.origin)).toEqual([429, "rate_limited"]);
    expect(await call("GET /v1/members", two.text, slow.origin)).toEqual(good);
    const { token } = await bob.request("token.get", {});
    expect(await call("GET /v1/members", token, slow.origin)).toEqual(good);
  });

  it("stops a flood of wrong ones from an address, and goes on itself", async () => {
    await using guarded = await startRegistry();
    const other = await guarded.claim();
    const bob = await other.join("bob");
    const { text } = await make(bob);
    const ask = (as: string): Promise<Outcome> => call("GET /v1/members", as, guarded.origin);
    expect(await ask(text)).toEqual(good);
    const { id } = partsOf(text);
    const guesses = Array.from({ length: limits.apiKeyTriesPerMinute }, (_, at) =>
      at % 2 === 0 ? keyOf(id, String(at).padStart(32, "0")) : `pak_${at}`,
    );
    // All at once: they count before they are checked.
    const outcomes = await Promise.all([...guesses, keyOf(id, "1".repeat(32))].map(ask));
    expect(outcomes.filter(([status]) => status === 401)).toHaveLength(guesses.length);
    expect(outcomes.filter(([status]) => status === 429)).toHaveLength(1);
    expect(await ask(text)).toEqual(good);
    const { text: fresh } = await make(bob);
    expect(await ask(fresh)).toEqual([429, "rate_limited"]);
  });

  it("is checked while others guess ids from everywhere", async () => {
    await using guarded = await startRegistry({ bounds: { ...patient, apiKeyTriesTotalPerMinute: 3 } });
    const other = await guarded.claim();
    const { text } = await make(await other.join("bob"));
    const ask = (as: string): Promise<Outcome> => call("GET /v1/members", as, guarded.origin);
    const guesses = ["a", "b", "c", "d"].map((letter) => keyOf(letter.repeat(12), "0".repeat(32)));
    const outcomes = [];
    for (const guess of guesses) outcomes.push((await ask(guess))[0]);
    expect(outcomes).toEqual([401, 401, 401, 429]);
    expect(await ask(text)).toEqual(good);
  });

  it("is one of so many of a member, and of so many in all", async () => {
    await using small = await startRegistry({ bounds: { ...patient, apiKeysInTotal: limits.apiKeys + 1 } });
    const other = await small.claim();
    const [bob, carol, dan] = [await other.join("bob"), await other.join("carol"), await other.join("dan")];
    for (let count = 0; count < limits.apiKeys; count++) await make(bob);
    expect(await outcomeOf(make(bob))).toBe("limit_reached");
    await make(carol);
    expect(await outcomeOf(make(dan))).toBe("limit_reached");
    const [first] = (await bob.request("key.list", {})).keys;
    await bob.request("key.revoke", { key: first?.key ?? "" });
    await make(dan);
    expect(await outcomeOf(make(dan, { scopes: [] }))).toBe("invalid_argument");
    expect(await outcomeOf(make(dan, { scopes: ["audit:write" as ApiScope] }))).toBe("invalid_argument");
  });

  it("is refused in an address, even beside a good header, and the answer does not repeat it", async () => {
    const { key, text } = await make(ada);
    const { secret } = partsOf(text);
    for (const path of [
      `/v1/members?access_token=${text}`,
      `/v1/members?text=${text}`,
      `/v1/members/${text}`,
      `/healthz?x=${text}`,
    ])
      for (const authorization of [undefined, `Bearer ${text}`]) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const response = await fetch(`${registry.origin}${path}`, { headers });
        const body = await response.text();
        expect([response.status, body.includes(secret)]).toEqual([400, false]);
      }
    expect(await call(`GET /v1/members?api_key=${"x".repeat(10)}`, text)).toEqual([400, "invalid_argument"]);
    expect(JSON.stringify(registry.lines)).not.toContain(secret);
    await ada.request("key.revoke", { key: key.key });
  });

  it("outlives a restart with its last use", async () => {
    const own = openMemoryStores({ clock: systemClock });
    const first = await startRegistry({ stores: own });
    const other = await first.claim();
    const bob = await other.join("bob");
    const { text } = await make(bob);
    const unused = await make(bob, { name: "unused" });
    const before = systemClock.now();
    for (let count = 0; count < 5; count++) expect(await call("GET /v1/members", text, first.origin)).toEqual(good);
    await first[Symbol.asyncDispose]();
    await using second = await startRegistry({ stores: own, nodeKey: first.nodeKey, port: first.port });
    const again = await other.open(bob.identity);
    const { keys } = await again.request("key.list", {});
    expect(keys).toMatchObject([{ used: expect.any(Number) }, { key: unused.key.key }]);
    expect(keys[0]?.used).toBeGreaterThanOrEqual(before);
    expect(keys[1]).not.toHaveProperty("used");
    expect(await call("GET /v1/members", text, second.origin)).toEqual(good);
  });
});

describe("the secrets of API keys", () => {
  it("are in no log and no record, whatever was done with them", async () => {
    expect(secrets.length).toBeGreaterThan(100);
    const everything = `${await everythingStored()}${JSON.stringify(registry.lines)}`;
    expect(secrets.filter((secret) => everything.includes(secret))).toEqual([]);
  });
});

describe("the REST surface", () => {
  it("answers as the session's requests do", async () => {
    const { key, text } = await make(ada, { scopes: ["directory:read", "channels:read"] });
    const read = async (path: string): Promise<unknown> =>
      (await fetch(`${registry.origin}${path}`, { headers: { authorization: `Bearer ${text}` } })).json();
    const { channel } = (await ada.request("channel.join", { name: "general" })).channel;
    expect((await ada.post(channel)).error).toBeUndefined();
    await ada.request("card.publish", {
      card: await ada.identity.card(mesh.mesh, 1, [{ id: "search", tags: ["library"] }]),
    });
    const same: readonly (readonly [string, Promise<unknown>])[] = [
      ["/v1/members?limit=3", ada.request("directory.find", { limit: 3 })],
      ["/v1/members?skill=search&live=true", ada.request("directory.find", { skill: "search", live: true })],
      ["/v1/members?text=ada&kind=agent", ada.request("directory.find", { text: "ada", kind: "agent" })],
      ["/v1/members?skill=cooking", ada.request("directory.find", { skill: "cooking" })],
      ["/v1/members/ada", ada.request("directory.get", { name: "ada" })],
      ["/v1/members/@ada", ada.request("directory.get", { name: "ada" })],
      [`/v1/members/${ada.identity.member}`, ada.request("directory.get", { name: "ada" })],
      ["/v1/channels?joined=true", ada.request("channel.list", { joined: true })],
      ["/v1/channels/general/posts", ada.request("channel.read", { channel })],
      ["/v1/channels/%23general/posts?from=1&limit=1", ada.request("channel.read", { channel, from: 1, limit: 1 })],
    ];
    for (const [path, asked] of same) expect(await read(path), `at ${path}`).toEqual(await asked);
    const { posts } = (await read("/v1/channels/general/posts")) as { posts: { statement: string }[] };
    const post = await verifyStatement("post", posts.at(-1)?.statement ?? "", ada.identity.device().publicKey);
    expect(post.member).toBe(ada.identity.member);
    await ada.request("key.revoke", { key: key.key });
  });

  it("refuses a query that the table does not have, and says which name", async () => {
    const { key, text } = await make(ada, { scopes: ["directory:read", "channels:read"] });
    const wrong = ["limit=0", "limit=101", "limit=1e1", "live=yes", "kind=robot", "nobody=1", "limit=1&limit=2"];
    for (const query of [...wrong, "__proto__=1", "constructor=1"])
      expect(await call(`GET /v1/members?${query}`, text), `with ${query}`).toEqual([400, "invalid_argument"]);
    for (const query of ["limit=1", "limit=100", "live=false"])
      expect(await call(`GET /v1/members?${query}`, text), `with ${query}`).toEqual(good);
    expect(await call("GET /v1/members/ada?limit=1", text)).toEqual([400, "invalid_argument"]);
    expect(await call("GET /v1/channels/general/posts?from=-1", text)).toEqual([400, "invalid_argument"]);
    expect(await call("GET /v1/members/nobody", text)).toEqual([404, "unknown_member"]);
    expect(await call("GET /v1/members/no%20name", text)).toEqual([404, "unknown_member"]);
    expect(await call("GET /v1/channels/no%20name/posts", text)).toEqual([404, "unknown_channel"]);
    expect(await call("POST /v1/members", text)).toEqual([405, "method_not_allowed"]);
    await ada.request("key.revoke", { key: key.key });
  });

  it("shows a member's key what the member may see and no more", async () => {
    const [owner, outside] = [await mesh.join("owner"), await mesh.join("outside")];
    await owner.request("channel.create", { name: "board-room", kind: "invite" });
    await owner.request("channel.create", { name: "open-room", kind: "public" });
    const [inner, outer] = await Promise.all(
      [owner, outside].map(async (device) => (await make(device, { scopes: ["channels:read"] })).text),
    );
    const names = async (as: string | undefined): Promise<readonly string[]> => {
      const response = await fetch(`${registry.origin}/v1/channels`, { headers: { authorization: `Bearer ${as}` } });
      return ((await response.json()) as { channels: { name: string }[] }).channels.map(({ name }) => name);
    };
    expect(await names(inner)).toContain("board-room");
    expect(await names(outer)).not.toContain("board-room");
    expect(await call("GET /v1/channels/board-room/posts", outer)).toEqual([404, "unknown_channel"]);
    expect(await call("GET /v1/channels/board-room/posts", inner)).toEqual([403, "forbidden"]);
    expect(await call("GET /v1/channels/open-room/posts", outer)).toEqual([403, "not_in_channel"]);
    expect(await call("GET /v1/channels/open-room/posts", inner)).toEqual(good);
  });

  it("gives metrics to an operator's key from anywhere, and shows no such address to others", async () => {
    await using away = await startRegistry({ publicOrigin: "https://mesh.example.org" });
    const local = `http://127.0.0.1:${away.port}`;
    const own = await WireMesh.claim(local, away.registry.claimSecret ?? "");
    const bob = await own.join("bob");
    const operators = await make(own.operator, { scopes: ["metrics:read"] });
    const ordinary = await make(bob, { scopes: ["metrics:read"] });
    expect(await call("GET /metrics", operators.text, local)).toEqual(good);
    expect(await call("GET /metrics", ordinary.text, local)).toEqual([403, "forbidden"]);
    expect(await call("GET /metrics", undefined, local)).toEqual([404, "not_found"]);
    expect(await call("GET /metrics", "x", local)).toEqual(unknown);
  });
});

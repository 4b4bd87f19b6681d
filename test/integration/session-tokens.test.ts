import { createHmac, createPublicKey, verify } from "node:crypto";

import { createSigner, openMemoryStores, peekStatement, type Signer, signStatement } from "@parley/core";
import {
  httpErrorSchema,
  jwksSchema,
  limits,
  routeTable,
  type Statement,
  statementTyp,
  toBase64url,
} from "@parley/protocol";
import { accessTable } from "@parley/registry";
import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { KeptTokenKeys } from "./kept-token-keys.ts";
import { MovedClock } from "./moved-clock.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

/** Stands still while a test says so. */
class HeldClock extends MovedClock {
  #held: number | undefined;

  override now(): number {
    return this.#held ?? super.now();
  }

  hold(at: number): Disposable {
    this.#held = at;
    return {
      [Symbol.dispose]: () => {
        this.#held = undefined;
      },
    };
  }
}

const clock = new HeldClock();
/** Test members are admitted for a day. */
const keyMs = 3_600_000;
const hash = "ab".repeat(32);

const kept = new KeptTokenKeys();
const stores = openMemoryStores({ clock });
let registry: RunningRegistry;
let mesh: WireMesh;
let ada: TestDevice;
let token: string;

beforeAll(async () => {
  registry = await startRegistry({ stores, clock, tokenKeys: kept, bounds: { tokenKeyMs: keyMs } });
  mesh = await registry.claim();
  ada = await mesh.join("ada");
  token = await tokenOf(ada);
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await stores.close();
});

const tokenOf = async (device: TestDevice, audience?: string): Promise<string> =>
  (await device.request("token.get", audience === undefined ? {} : { audience })).token;

async function get(as: string | undefined, path = "/v1/channels"): Promise<readonly [number, string | undefined]> {
  const headers: Record<string, string> = as === undefined ? {} : { authorization: `Bearer ${as}` };
  const response = await fetch(`${registry.origin}${path}`, { headers });
  const body: unknown = await response.json();
  return [response.status, response.ok ? undefined : httpErrorSchema.parse(body).error.code];
}

const keySet = async () => jwksSchema.parse(await (await fetch(`${registry.origin}/.well-known/jwks.json`)).json());

/** A token of ada's as the node would sign it, with some claims changed. */
async function claims(change: Partial<Statement<"token">> = {}, signer?: Signer): Promise<string> {
  const by = signer ?? (await kept.newest());
  const now = Math.floor(clock.now() / 1000);
  const own = {
    iss: `parley:${mesh.mesh}`,
    sub: ada.identity.member,
    aud: "http",
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
    iat: now,
    nbf: now,
    exp: now + 100,
    mesh: mesh.mesh,
    device: ada.device,
    session: "AAAAAAAAAAAAAAAAAAAAAA",
  };
  return signStatement("token", { ...own, ...change }, by);
}

/** What a service makes of a token that knows RFC 7519, the published set and nothing of ours. */
function verifiedElsewhere(
  compact: string,
  { keys }: Awaited<ReturnType<typeof keySet>>,
  expected: Readonly<Record<string, string>>,
): Statement<"token"> | undefined {
  const [head = "", body = "", signature = ""] = compact.split(".");
  const decode = (text: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(text, "base64url").toString()) as Record<string, unknown>;
  const { alg, typ, kid } = decode(head);
  const jwk = keys.find((one) => one.kid === kid);
  if (alg !== "EdDSA" || typ !== statementTyp("token") || jwk === undefined) return undefined;
  const { kty, crv, x } = jwk;
  const key = createPublicKey({ key: { kty, crv, x }, format: "jwk" });
  const isSigned = verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
  const claimed = decode(body) as Statement<"token">;
  const isFor = Object.entries(expected).every(([name, value]) => (claimed as Record<string, unknown>)[name] === value);
  const now = Date.now() / 1000;
  return isSigned && isFor && claimed.nbf <= now && claimed.exp > now ? claimed : undefined;
}

const encode = (value: unknown): string => toBase64url(Buffer.from(JSON.stringify(value)));

/** The same token under another header, signed by whatever `sign` makes of it. */
function dressed(header: object, sign: (input: string) => Uint8Array): string {
  const input = `${encode(header)}.${token.split(".")[1] ?? ""}`;
  return `${input}.${toBase64url(sign(input))}`;
}

describe("a session token", () => {
  const routes = accessTable.filter(
    ({ via, needs, bySetting }) => via === "http" && Array.isArray(needs) && bySetting !== true,
  );

  const ask = async (what: string, authorization?: string): Promise<number> => {
    const [method = "", path = ""] = what.replace("{hash}", hash).replace("{name}", "general").split(" ");
    const response = await fetch(`${registry.origin}${path}`, {
      method,
      headers: {
        "content-type": "application/octet-stream",
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(method === "PUT" ? { body: new Uint8Array(1) } : {}),
    });
    return response.status;
  };

  it("is needed for every route that the table gives to roles", () => {
    const inTable = Object.values(routeTable).filter(({ access }) => access === "session");
    expect(routes).toHaveLength(inTable.length);
    expect(routes.length).toBeGreaterThan(0);
  });

  it.each(routes.map(({ what }) => what))("opens %s to the roles of the table only", async (what) => {
    for (const authorization of [undefined, "", "Bearer", "Bearer a.b.c", `Basic ${token}`, `Bearer ${token}x`])
      expect(await ask(what, authorization)).toBe(401);
    const needs = routes.find((route) => route.what === what)?.needs ?? [];
    for (const role of ["operator", "admin", "member", "guest", "observer"] as const) {
      const device = await mesh.join(`${role}-${what.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`.slice(0, 32), {
        roles: [role],
      });
      if (what.includes("{name}/posts")) await device.request("channel.join", { name: "general" });
      const status = await ask(what, `Bearer ${await tokenOf(device)}`);
      expect(status === 403, `${role}: ${status}`).toBe(!needs.includes(role));
      expect(status, `${role}: ${status}`).not.toBe(401);
    }
  });

  it("is a JSON Web Token that other services verify by the published keys alone", async () => {
    const audience = "https://ci.example.org";
    const own = await tokenOf(ada, audience);
    const payload = verifiedElsewhere(own, await keySet(), { iss: `parley:${mesh.mesh}`, aud: audience });
    expect(payload).toMatchObject({ sub: ada.identity.member, device: ada.device });
    expect(payload?.exp).toBe((payload?.iat ?? 0) + limits.sessionTokenMs / 1000);
    expect(payload?.exp).toBeLessThan(Date.now() / 1000 + 301);
    expect(payload?.jti).not.toBe(peekStatement("token", await tokenOf(ada, audience)).jti);
    // What that service was shown opens nothing here, and what opens this door is nothing to the service.
    expect(await get(own)).toEqual([401, "unauthenticated"]);
    expect(verifiedElsewhere(token, await keySet(), { iss: `parley:${mesh.mesh}`, aud: audience })).toBeUndefined();
    // Whoever pins the mesh's node need not believe the address that the keys came from.
    const [published] = (await keySet()).keys;
    const signed = peekStatement("token-key", published?.statement ?? "");
    expect([signed.signer, signed.key]).toEqual([registry.nodeKey.id, published?.x]);
  });

  it("is refused without a signature, under another algorithm, and signed with a public key as if it were a secret", async () => {
    const [{ kid, x }] = (await keySet()).keys as unknown as [{ kid: string; x: string }];
    const typ = statementTyp("token");
    expect(await get(token)).toEqual([200, undefined]);
    const none = `${encode({ alg: "none", typ, kid })}.${token.split(".")[1] ?? ""}.`;
    const forged = [
      none,
      `${none}AAAA`,
      dressed({ alg: "none", typ, kid }, () => new Uint8Array(64)),
      dressed({ alg: "HS256", typ, kid }, (input) =>
        createHmac("sha256", Buffer.from(x, "base64url")).update(input).digest(),
      ),
      dressed({ alg: "HS256", typ, kid }, (input) => createHmac("sha256", x).update(input).digest()),
      dressed({ alg: "EdDSA", typ, kid }, () => new Uint8Array(64)),
      dressed({ alg: "EdDSA", typ, kid: "", jwk: { kty: "OKP", crv: "Ed25519", x } }, () => new Uint8Array(64)),
    ];
    for (const one of forged) expect(await get(one)).toEqual([401, "unauthenticated"]);
  });

  it("is refused when any of its claims is altered, whoever signs that", async () => {
    const good = await claims();
    expect(await get(good)).toEqual([200, undefined]);
    const [head = "", payload = "", signature = ""] = good.split(".");
    const body = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    const altered = Object.entries(body).map(([name, value]) => {
      const other =
        typeof value === "number"
          ? value + 1
          : `${String(value).slice(0, -1)}${String(value).endsWith("w") ? "g" : "w"}`;
      return encode({ ...body, [name]: other });
    });
    expect(altered).not.toContain(payload);
    for (const one of altered)
      expect(await get(`${head}.${one}.${signature}`), `with ${one}`).toEqual([401, "unauthenticated"]);
    const strangers = [
      registry.nodeKey,
      await createSigner("node"),
      await createSigner("token"),
      ada.identity.devices[0] ?? ada.identity.root,
    ];
    for (const stranger of strangers) expect(await get(await claims({}, stranger))).toEqual([401, "unauthenticated"]);
  });

  it("is refused for another mesh, issuer, audience, member or device, by whoever it is signed", async () => {
    const wrong: readonly Partial<Statement<"token">>[] = [
      { mesh: ada.device },
      { iss: `parley:${ada.device}` },
      { iss: mesh.mesh },
      { aud: "hub" },
      { aud: registry.origin },
      { device: mesh.operator.device },
      { sub: mesh.operator.identity.member },
      { sub: ada.device },
    ];
    for (const change of wrong)
      expect(await get(await claims(change)), `with ${JSON.stringify(change)}`).toEqual([401, "unauthenticated"]);
  });

  it("is good from its time on to the millisecond before its end, and for five minutes at most", async () => {
    const second = Math.floor(clock.now() / 1000) + 10;
    const life = limits.sessionTokenMs / 1000;
    const atMs = async (ms: number, change: Partial<Statement<"token">>): Promise<number> => {
      const held = await claims({ iat: second, nbf: second, exp: second + 100, ...change });
      using _held = clock.hold(ms);
      return (await get(held))[0];
    };
    const [from, end] = [second * 1000, (second + 100) * 1000];
    expect(await atMs(end - 1, {})).toBe(200);
    expect(await atMs(end, {})).toBe(401);
    expect(await atMs(end + 1, {})).toBe(401);
    expect(await atMs(from - limits.clockSkewMs, {})).toBe(200);
    expect(await atMs(from - limits.clockSkewMs - 1, {})).toBe(401);
    const later = { iat: second - 50, nbf: second };
    expect(await atMs(from - limits.clockSkewMs - 1, later)).toBe(401);
    expect(await atMs(from, { exp: second + life })).toBe(200);
    expect(await atMs(from, { exp: second + life + 1 })).toBe(401);
  });

  it("is not another statement of the same node, and no address carries it", async () => {
    const { lease } = await ada.request("lease.renew", {});
    expect(await get(lease)).toEqual([401, "unauthenticated"]);
    for (const name of ["access_token", "token", "Authorization", "anything"]) {
      expect(await get(undefined, `/v1/channels?${name}=${token}`)).toEqual([400, "invalid_argument"]);
      expect(await get(token, `/v1/channels?${name}=${token}`)).toEqual([400, "invalid_argument"]);
    }
    expect(await get(token, `/v1/members/${token}`)).toEqual([400, "invalid_argument"]);
    expect(JSON.stringify(registry.lines)).not.toContain(token);
  });
});

describe("the keys of session tokens", () => {
  const restart = async (between: () => void = () => undefined): Promise<void> => {
    const { port, nodeKey } = registry;
    await registry[Symbol.asyncDispose]();
    between();
    registry = await startRegistry({ stores, clock, tokenKeys: kept, nodeKey, port, bounds: { tokenKeyMs: keyMs } });
    ada = await mesh.open(ada.identity);
  };

  it("outlive a restart, in a text that is private to the node and in no record", async () => {
    const held = await tokenOf(ada);
    const before = await keySet();
    await restart();
    expect(await get(held)).toEqual([200, undefined]);
    expect(await keySet()).toEqual(before);
    const { keys } = JSON.parse(kept.text ?? "") as { keys: { key: string }[] };
    const { records } = await stores.records.list("");
    const all = records.map(({ value }) => Buffer.from(value).toString()).join("\n");
    expect(keys.length).toBeGreaterThan(0);
    for (const { key } of keys) expect(all).not.toContain(key);
  });

  it("are made anew when the text is lost or damaged, and a token under a lost key stays good", async () => {
    const held = await tokenOf(ada);
    for (const text of [undefined, "", "{}", kept.text?.replaceAll('"key":"', '"key":"A')]) {
      await restart(() => {
        kept.text = text;
      });
      expect(await get(await tokenOf(ada))).toEqual([200, undefined]);
    }
    expect(await get(held)).toEqual([200, undefined]);
  });

  it("change from time to time without anybody noticing: the next is published ahead, the one before ends with its last token", async () => {
    const kidOf = (compact: string): string => peekStatement("token", compact).signer;
    const published = async (): Promise<readonly string[]> => (await keySet()).keys.map(({ kid }) => kid);
    const start = clock.now() + keyMs + limits.sessionTokenMs + 1;
    {
      using _held = clock.hold(start);
      const first = await tokenOf(ada);
      using _almost = clock.hold(start + keyMs - 60_000);
      const set = await published();
      const last = await tokenOf(ada);
      expect(kidOf(last)).toBe(kidOf(first));
      expect(set).toContain(kidOf(first));
      using _after = clock.hold(start + keyMs);
      const next = await tokenOf(ada);
      expect(kidOf(next)).not.toBe(kidOf(last));
      // Whoever fetched the set before the change knows the key already.
      expect(set).toContain(kidOf(next));
      expect([await get(last), await get(next)]).toEqual([
        [200, undefined],
        [200, undefined],
      ]);
      // A thief of the retired key signs for nobody: not tokens that live on, and none at all once its last token is over.
      const retired = (await kept.signers()).find(({ id }) => id === kidOf(last));
      const at = Math.floor(clock.now() / 1000);
      expect(await get(await claims({ exp: at + 299 }, retired))).toEqual([200, undefined]);
      expect(await get(await claims({ exp: at + 301 }, retired))).toEqual([401, "unauthenticated"]);
      using _over = clock.hold(start + keyMs + limits.sessionTokenMs);
      expect(await get(await claims({}, retired))).toEqual([401, "unauthenticated"]);
      expect(await published()).not.toContain(kidOf(last));
      expect(await get(await tokenOf(ada))).toEqual([200, undefined]);
    }
  });

  it("go on signing while the next one cannot be kept, for as long as they may", async () => {
    const start = clock.now() + 4 * keyMs;
    using _held = clock.hold(start);
    const first = await tokenOf(ada);
    using _almost = clock.hold(start + keyMs - 1);
    kept.fails = true;
    expect(peekStatement("token", await tokenOf(ada)).signer).toBe(peekStatement("token", first).signer);
    using _after = clock.hold(start + keyMs);
    await expect(tokenOf(ada)).rejects.toMatchObject({ code: "internal" });
    kept.fails = false;
    expect(await get(await tokenOf(ada))).toEqual([200, undefined]);
  });

  it("are believed only as a node certified them, whatever lies in the store", async () => {
    const planted = await createSigner("token");
    const payload = {
      mesh: mesh.mesh,
      node: registry.nodeKey.id,
      key: planted.publicKey,
      iat: clock.now(),
      exp: clock.now() + keyMs,
    };
    const statements = [
      await signStatement("token-key", payload, planted),
      await signStatement("token-key", payload, await createSigner("node")),
      await signStatement("token-key", payload, ada.identity.root),
      await signStatement("token-key", { ...payload, mesh: ada.device }, registry.nodeKey),
      await signStatement("token-key", { ...payload, exp: clock.now() - 1 }, registry.nodeKey),
      await signStatement("token-key", { ...payload, key: ada.identity.root.publicKey }, registry.nodeKey),
    ];
    for (const statement of statements) {
      await stores.records.put(`token-key/${planted.id}`, Buffer.from(JSON.stringify({ statement })));
      expect(await get(await claims({}, planted))).toEqual([401, "unauthenticated"]);
      expect((await keySet()).keys.map(({ kid }) => kid)).not.toContain(planted.id);
    }
  });
});

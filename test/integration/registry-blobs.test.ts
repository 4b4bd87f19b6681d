import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";

import { openMemoryStores } from "@parley/core";
import { httpErrorSchema, limits } from "@parley/protocol";
import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { MovedClock } from "./moved-clock.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

const clock = new MovedClock();
const hour = 3_600_000;
const octets = { "content-type": "application/octet-stream" };
const page = "https://hub.example";
let registry: RunningRegistry;
let mesh: WireMesh;
let ada: TestDevice;
let token: string;

beforeAll(async () => {
  const stores = openMemoryStores({ clock, blobQuotaBytes: 4 * limits.blobPartBytes });
  registry = await startRegistry({ stores, clock, allowedOrigins: [page], bounds: { sweepMs: 20 } });
  mesh = await registry.claim();
  ada = await mesh.join("ada");
  token = await tokenOf(ada);
});

afterAll(() => registry[Symbol.asyncDispose]());

const tokenOf = async (device: TestDevice): Promise<string> => (await device.request("token.get", {})).token;
const partOf = (bytes: number): Buffer => randomBytes(bytes);
const hashOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

interface CallOptions {
  readonly as?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly query?: string;
}

async function call(method: string, hash: string, options: CallOptions = {}): Promise<Response> {
  const { as = token, headers = {}, body, query = "" } = options;
  return fetch(`${registry.origin}/blobs${hash === "" ? "" : `/${hash}`}${query}`, {
    method,
    headers: { authorization: `Bearer ${as}`, ...(body === undefined ? {} : octets), ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

const codeOf = async (response: Response): Promise<string> => httpErrorSchema.parse(await response.json()).error.code;

async function put(content: Buffer, options: CallOptions = {}): Promise<Response> {
  return call("PUT", hashOf(content), { ...options, body: new Uint8Array(content) });
}

async function usage(as = token): Promise<unknown> {
  return (await call("GET", "", { as })).json();
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  await expect.poll(isSo, { interval: 10, timeout: 10_000 }).toBe(true);
}

describe("parts of blobs over HTTP", () => {
  it("are kept, described, given out whole, and end with their hold", async () => {
    const content = partOf(1000);
    const hash = hashOf(content);
    expect((await call("HEAD", hash)).status).toBe(404);
    const expires = clock.now() + hour;
    expect(await (await put(content, { query: `?expires=${expires}` })).json()).toEqual({ stored: true, expires });
    expect(await (await put(content, { query: `?expires=${expires - 1}` })).json()).toEqual({ stored: false, expires });
    const head = await call("HEAD", hash);
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe("1000");
    expect(head.headers.get("etag")).toBe(`"${hash}"`);
    expect(head.headers.get("parley-held-until")).toBe(String(expires));
    const got = await call("GET", hash);
    expect(got.headers.get("cache-control")).toBe("private, immutable");
    expect(got.headers.get("content-type")).toBe("application/octet-stream");
    expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
    expect(await usage()).toEqual({ bytes: 1000, count: 1 });
    expect(await (await call("DELETE", hash)).json()).toEqual({ deleted: true });
    expect(await (await call("DELETE", hash)).json()).toEqual({ deleted: false });
    expect(await codeOf(await call("GET", hash))).toBe("not_found");
    expect(await usage()).toEqual({ bytes: 0, count: 0 });
  });

  it("may be read by every member that knows the hash, and end only for who holds them", async () => {
    const bob = await tokenOf(await mesh.join("bob"));
    const content = partOf(100);
    const hash = hashOf(content);
    await put(content);
    const head = await call("HEAD", hash, { as: bob });
    expect(head.headers.get("parley-held-until")).toBeNull();
    expect(await (await call("DELETE", hash, { as: bob })).json()).toEqual({ deleted: false });
    expect((await call("GET", hash, { as: bob })).status).toBe(200);
    await call("DELETE", hash);
  });

  it("are given out in ranges, for what a transfer that broke off lacks", async () => {
    const content = partOf(1000);
    const hash = hashOf(content);
    await put(content);
    const range = async (value: string, more: Record<string, string> = {}): Promise<readonly unknown[]> => {
      const response = await call("GET", hash, { headers: { range: value, ...more } });
      const { length } = Buffer.from(await response.arrayBuffer());
      return [response.status, response.headers.get("content-range"), response.status < 300 ? length : "error"];
    };
    expect(await range("bytes=10-19")).toEqual([206, "bytes 10-19/1000", 10]);
    expect(await range("bytes=999-")).toEqual([206, "bytes 999-999/1000", 1]);
    expect(await range("bytes=990-5000")).toEqual([206, "bytes 990-999/1000", 10]);
    expect(await range("bytes=-1")).toEqual([206, "bytes 999-999/1000", 1]);
    expect(await range("bytes=-5000")).toEqual([206, "bytes 0-999/1000", 1000]);
    expect(await range("bytes=1000-")).toEqual([416, "bytes */1000", "error"]);
    expect(await range("bytes=-0")).toEqual([416, "bytes */1000", "error"]);
    for (const whole of ["bytes=5-4", "bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes=a-b"])
      expect(await range(whole)).toEqual([200, null, 1000]);
    expect(await range("bytes=1-2", { "if-range": `"${hash}"` })).toEqual([206, "bytes 1-2/1000", 2]);
    expect(await range("bytes=1-2", { "if-range": '"other"' })).toEqual([200, null, 1000]);
    const unchanged = await call("GET", hash, { headers: { "if-none-match": `"${hash}"` } });
    expect(unchanged.status).toBe(304);
    await call("DELETE", hash);
  });

  it("are taken up to the limit of a part, and none larger is read", async () => {
    for (const [bytes, code] of [
      [limits.blobPartBytes - 1, undefined],
      [limits.blobPartBytes, undefined],
      [limits.blobPartBytes + 1, "too_large"],
    ] as const) {
      const content = partOf(bytes);
      const response = await put(content);
      expect(code === undefined ? response.status : await codeOf(response)).toBe(code ?? 200);
      await call("DELETE", hashOf(content));
    }
    // Without a length there is nothing to go by but the bytes themselves.
    const endless = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(65_536)) });
    const sent = fetch(`${registry.origin}/blobs/${"0".repeat(64)}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, ...octets },
      body: endless,
      duplex: "half",
    } as RequestInit);
    expect(await sent.then(codeOf, () => "too_large")).toBe("too_large");
  });

  it("are refused with another hash, another media type, no hash or a wrong time", async () => {
    const content = partOf(10);
    const hash = hashOf(partOf(10));
    const body = new Uint8Array(content);
    expect(await codeOf(await call("PUT", hash, { body }))).toBe("invalid_argument");
    expect(await codeOf(await call("PUT", hashOf(content), { body, headers: { "content-type": "text/plain" } }))).toBe(
      "invalid_argument",
    );
    for (const wrong of [hash.toUpperCase(), hash.slice(1), "..%2fx"])
      expect(await codeOf(await call("PUT", wrong, { body }))).toBe("invalid_argument");
    const most = clock.now() + limits.expiryMs;
    for (const [expires, code] of [
      ["soon", "invalid_argument"],
      ["-1", "invalid_argument"],
      [String(most + 60_000), "invalid_argument"],
      [String(clock.now() - 1), "expired"],
    ] as const)
      expect(await codeOf(await put(content, { query: `?expires=${expires}` }))).toBe(code);
    expect((await put(content, { query: `?expires=${most - 60_000}` })).status).toBe(200);
    expect(await usage()).toEqual({ bytes: 10, count: 1 });
    await call("DELETE", hashOf(content));
  });

  it("fill a member's quota and no one else's", async () => {
    const eve = await tokenOf(await mesh.join("eve"));
    const parts = Array.from({ length: 4 }, () => partOf(limits.blobPartBytes));
    for (const part of parts.slice(1)) expect((await put(part)).status).toBe(200);
    const small = partOf(1);
    const exact = partOf(limits.blobPartBytes - 1);
    expect((await put(small)).status).toBe(200);
    expect(await codeOf(await put(partOf(limits.blobPartBytes)))).toBe("limit_reached");
    expect((await put(exact)).status).toBe(200);
    expect(await usage()).toEqual({ bytes: 4 * limits.blobPartBytes, count: 5 });
    expect(await codeOf(await put(partOf(1)))).toBe("limit_reached");
    expect((await put(partOf(1), { as: eve })).status).toBe(200);
    for (const part of [...parts, small, exact]) await call("DELETE", hashOf(part));
  });

  it("go when their time is over, and the quota is free again", async () => {
    const content = partOf(50);
    const hash = hashOf(content);
    expect((await put(content, { query: `?expires=${clock.now() + hour}` })).status).toBe(200);
    clock.moved = hour - 60_000;
    const late = await tokenOf(ada);
    expect((await call("HEAD", hash, { as: late })).status).toBe(200);
    clock.moved = hour + 1;
    const later = await tokenOf(ada);
    expect((await call("HEAD", hash, { as: later })).status).toBe(404);
    await eventually(async () => JSON.stringify(await usage(later)) === '{"bytes":0,"count":0}');
    clock.moved = 0;
  });

  it("are transferred by one member only so many at a time", async () => {
    const content = partOf(1000);
    await put(content);
    const open = Array.from({ length: limits.blobTransfers }, () =>
      request(`${registry.origin}/blobs/${hashOf(content)}`, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, ...octets, "content-length": 1000 },
      }),
    );
    for (const sent of open) sent.on("error", () => undefined).write(content.subarray(0, 500));
    await eventually(async () => (await call("GET", hashOf(content))).status === 429);
    for (const sent of open) sent.destroy();
    await eventually(async () => (await call("GET", hashOf(content))).status === 200);
    await call("DELETE", hashOf(content));
  });
});

describe("pages of other origins", () => {
  it("may transfer parts when they are allowed, with what they need to resume", async () => {
    const content = partOf(10);
    const response = await put(content, { headers: { origin: page } });
    expect(response.headers.get("access-control-allow-origin")).toBe(page);
    for (const method of ["HEAD", "GET"]) {
      const answer = await call(method, hashOf(content), { headers: { origin: page } });
      expect(answer.headers.get("access-control-allow-origin")).toBe(page);
      expect(answer.headers.get("access-control-expose-headers")).toContain("parley-held-until");
      expect(answer.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cache-control")).toBe("private, immutable");
      expect(answer.headers.get("content-length")).toBe("10");
    }
    const asked = await fetch(`${registry.origin}/blobs/${hashOf(content)}`, {
      method: "OPTIONS",
      headers: { origin: page },
    });
    expect(asked.headers.get("access-control-allow-methods")?.split(", ").toSorted()).toEqual([
      "DELETE",
      "GET",
      "HEAD",
      "PUT",
    ]);
    expect(asked.headers.get("access-control-allow-headers")).toContain("authorization");
    expect(await codeOf(await put(content, { headers: { origin: "https://evil.example" } }))).toBe("forbidden");
    await call("DELETE", hashOf(content));
  });
});

import { createHash, randomBytes } from "node:crypto";

import { openMemoryJournal } from "@parley/core";
import { blobContentBytes, type BlobRef, limits, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { MemorySink } from "../../src/blobs/content-sink.ts";
import { blobSource, type ContentSource } from "../../src/blobs/content-source.ts";
import type { TransferProgress } from "../../src/blobs/transfer.ts";
import { FakeRegistry } from "./fake-registry.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const content = (bytes: number): Bytes => new Uint8Array(randomBytes(bytes));
const sourceOf = (bytes: Bytes): ContentSource => blobSource(new Blob([bytes]));
const name = "report.pdf";
const fourParts = 3 * blobContentBytes + 1000;
const day = 86_400_000;

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof ParleyError ? error.code : String(error)),
  );

async function fetched(registry: FakeRegistry, ref: BlobRef): Promise<Bytes> {
  const sink = new MemorySink();
  await registry.device().fetch(ref, sink);
  return sink.bytes;
}

describe("an attachment", () => {
  it.each([0, 1, blobContentBytes - 1, blobContentBytes, blobContentBytes + 1, fourParts])(
    "of %i bytes comes out as it went in",
    async (size) => {
      const registry = new FakeRegistry();
      const bytes = content(size);
      const ref = await registry.device().attach(sourceOf(bytes), { name, type: "application/pdf" });
      expect(ref).toMatchObject({
        name,
        type: "application/pdf",
        size,
        sha256: createHash("sha256").update(bytes).digest("base64url"),
        expires: registry.clock.now() + limits.blobLifeMs,
      });
      expect(ref.parts).toHaveLength(Math.max(1, Math.ceil(size / blobContentBytes)));
      expect(await registry.usage()).toEqual({ bytes: size + 16 * ref.parts.length, count: ref.parts.length });
      expect(Buffer.compare(await fetched(registry, ref), bytes)).toBe(0);
    },
  );

  it("gives the registry nothing that tells what it is, and two devices nothing in common", async () => {
    const registry = new FakeRegistry();
    const bytes = new Uint8Array(1000).fill(65);
    const [one, other] = await Promise.all(
      [registry.device(), registry.device()].map((device) => device.attach(sourceOf(bytes), { name })),
    );
    expect(one?.key).not.toBe(other?.key);
    expect(one?.parts[0]?.hash).not.toBe(other?.parts[0]?.hash);
    expect(JSON.stringify(registry.calls)).not.toContain(createHash("sha256").update(bytes).digest("hex"));
  });

  it("is refused when it is too large, nameless or kept too long", async () => {
    const device = new FakeRegistry().device();
    const huge: ContentSource = { size: limits.attachmentBytes + 1, read: async () => new Uint8Array() };
    expect(await code(device.attach(huge, { name }))).toBe("too_large");
    const small = sourceOf(content(1));
    expect(await code(device.attach(small, { name: "" }))).toBe("invalid_argument");
    expect(await code(device.attach(small, { name: "x".repeat(limits.attachmentNameCharacters + 1) }))).toBe(
      "invalid_argument",
    );
    expect(await code(device.attach(small, { name: "x".repeat(limits.attachmentNameCharacters) }))).toBe("done");
    expect(await code(device.attach(small, { name, ttlMs: limits.expiryMs + 1 }))).toBe("invalid_argument");
    expect(await code(device.attach(small, { name, ttlMs: 0 }))).toBe("invalid_argument");
    expect(await code(device.attach(small, { name, ttlMs: limits.expiryMs }))).toBe("done");
  });

  it("is not sealed when it changes between its two readings", async () => {
    const registry = new FakeRegistry();
    let reads = 0;
    const changing: ContentSource = { size: 10, read: async () => new Uint8Array(10).fill(reads++) };
    expect(await code(registry.device().attach(changing, { name }))).toBe("conflict");
    const shrinking: ContentSource = { size: 10, read: async () => new Uint8Array(9) };
    expect(await code(registry.device().attach(shrinking, { name }))).toBe("conflict");
    expect(registry.count("PUT")).toBe(0);
  });
});

describe("an upload", () => {
  it("goes on after a restart of the process and sends only what is missing", async () => {
    const registry = new FakeRegistry();
    const journal = openMemoryJournal();
    const bytes = content(fourParts);
    let allowed = 2;
    registry.before = ({ method }) => {
      if (method === "PUT" && allowed-- <= 0) throw new TypeError("fetch failed");
    };
    expect(await code(registry.device(journal).attach(sourceOf(bytes), { name }))).toBe("unreachable");
    expect((await registry.usage()).count).toBe(2);
    registry.before = () => undefined;
    registry.calls.length = 0;
    registry.clock.advance(60_000);
    const ref = await registry.device(journal).attach(sourceOf(bytes), { name });
    expect([registry.count("HEAD"), registry.count("PUT")]).toEqual([4, 2]);
    expect(ref.expires).toBe(registry.clock.now() - 60_000 + limits.blobLifeMs);
    expect(Buffer.compare(await fetched(registry, ref), bytes)).toBe(0);
  });

  it("sends nothing twice, and makes longer what would end too soon", async () => {
    const registry = new FakeRegistry();
    const device = registry.device();
    const source = sourceOf(content(10));
    await device.attach(source, { name, ttlMs: day });
    await device.attach(source, { name, ttlMs: day });
    expect(registry.count("PUT")).toBe(1);
    const longer = await device.attach(source, { name, ttlMs: 2 * day });
    expect([registry.count("PUT"), longer.expires]).toEqual([2, registry.clock.now() + 2 * day]);
    const shorter = await device.attach(source, { name, ttlMs: day });
    expect([registry.count("PUT"), shorter.expires]).toEqual([2, longer.expires]);
  });

  it("tries again while that can help, and with a new token when the old one is not taken", async () => {
    const registry = new FakeRegistry();
    registry.refusals = ["draining", "rate_limited", "unauthenticated", "storage_unavailable"];
    const ref = await registry.device().attach(sourceOf(content(10)), { name });
    expect(ref.parts).toHaveLength(1);
    expect(registry.tokens).toBe(2);
  });

  it("ends at once with what cannot be mended, and gives back the room it took", async () => {
    const registry = new FakeRegistry(2 * limits.blobPartBytes);
    expect(await code(registry.device().attach(sourceOf(content(fourParts)), { name }))).toBe("limit_reached");
    expect(await registry.usage()).toEqual({ bytes: 0, count: 0 });
    for (const refusal of ["revoked", "forbidden"] as const) {
      registry.refusals = Array.from({ length: 10 }, () => refusal);
      expect(await code(registry.device().attach(sourceOf(content(1)), { name }))).toBe(refusal);
    }
    registry.refusals = ["unauthenticated", "unauthenticated"];
    expect(await code(registry.device().attach(sourceOf(content(1)), { name }))).toBe("unauthenticated");
  });

  it("says how far it is, and ends when it is told to", async () => {
    const registry = new FakeRegistry();
    const seen: TransferProgress[] = [];
    const ending = new AbortController();
    const bytes = content(fourParts);
    await registry.device().attach(sourceOf(bytes), { name, onProgress: (progress) => void seen.push(progress) });
    expect(seen.filter(({ step }) => step === "transfer").map(({ done }) => done)).toEqual([
      blobContentBytes,
      2 * blobContentBytes,
      3 * blobContentBytes,
      fourParts,
    ]);
    expect(seen.at(-1)).toEqual({ step: "transfer", done: fourParts, total: fourParts });
    registry.before = ({ method }) => method === "PUT" && ending.abort();
    expect(await code(registry.device().attach(sourceOf(bytes), { name, signal: ending.signal }))).toBe("canceled");
  });
});

describe("a download", () => {
  it("goes on inside a part where the connection broke", async () => {
    const registry = new FakeRegistry();
    const bytes = content(1000);
    const ref = await registry.device().attach(sourceOf(bytes), { name });
    registry.breakAfter = 600;
    expect(Buffer.compare(await fetched(registry, ref), bytes)).toBe(0);
    const ranges = registry.calls.filter(({ method }) => method === "GET").map(({ range }) => range);
    expect(ranges).toEqual([null, "bytes=600-"]);
  });

  it("goes on with the parts that an earlier try left, as far as they are right", async () => {
    const registry = new FakeRegistry();
    const bytes = content(fourParts);
    const ref = await registry.device().attach(sourceOf(bytes), { name });
    const sink = new MemorySink();
    const gone = ref.parts[2]?.hash;
    registry.before = ({ hash, method }) => {
      if (method === "GET" && hash === gone) throw new TypeError("fetch failed");
    };
    expect(await code(registry.device().fetch(ref, sink))).toBe("unreachable");
    expect(() => sink.bytes).toThrow(ParleyError);
    registry.before = () => undefined;
    registry.calls.length = 0;
    await registry.device().fetch(ref, sink);
    expect(registry.count("GET")).toBe(2);
    expect(Buffer.compare(sink.bytes, bytes)).toBe(0);
    // One wrong byte in the first part: nothing that was left can be believed from there on.
    await sink.write(5, new Uint8Array([(bytes[5] ?? 0) ^ 1]));
    await sink.write(0, new Uint8Array());
    registry.calls.length = 0;
    await registry.device().fetch(ref, sink);
    expect(registry.count("GET")).toBe(4);
    expect(Buffer.compare(sink.bytes, bytes)).toBe(0);
  });

  it("refuses other bytes, more bytes, and parts that were swapped, and publishes nothing", async () => {
    const registry = new FakeRegistry();
    const ref = await registry.device().attach(sourceOf(content(fourParts)), { name });
    const sink = new MemorySink();
    registry.tamper = (bytes) => bytes.with(0, (bytes[0] ?? 0) ^ 1);
    expect(await code(registry.device().fetch(ref, sink))).toBe("bad_signature");
    registry.tamper = (bytes) => new Uint8Array([...bytes.subarray(0, 100), ...bytes]);
    expect(await code(registry.device().fetch(ref, sink))).toBe("bad_signature");
    registry.tamper = (bytes) => bytes;
    const [first, second, ...rest] = ref.parts;
    const swapped = { ...ref, parts: [second, first, ...rest].filter((part) => part !== undefined) };
    expect(await code(registry.device().fetch(swapped, sink))).toBe("cannot_open");
    expect(await code(registry.device().fetch({ ...ref, key: ref.sha256 }, sink))).toBe("cannot_open");
    expect(await code(registry.device().fetch({ ...ref, sha256: ref.key }, sink))).toBe("bad_signature");
    expect(await code(registry.device().fetch({ ...ref, size: ref.size - 1 }, sink))).toBe("invalid_argument");
    expect(await code(registry.device().fetch({ ...ref, parts: ref.parts.slice(1) }, sink))).toBe("invalid_argument");
    expect(() => sink.bytes).toThrow(ParleyError);
  });

  it("says that content has expired, or that it was withdrawn", async () => {
    const registry = new FakeRegistry();
    const device = registry.device();
    const ref = await device.attach(sourceOf(content(10)), { name, ttlMs: day });
    registry.clock.advance(day);
    expect(await code(device.fetch(ref, new MemorySink()))).toBe("expired");
    expect(await code(device.fetch({ ...ref, expires: registry.clock.now() + 1 }, new MemorySink()))).toBe("not_found");
  });

  it("fetches a few parts ahead of its reader and no more", async () => {
    const registry = new FakeRegistry();
    const bytes = content(5 * blobContentBytes + 1);
    const ref = await registry.device().attach(sourceOf(bytes), { name });
    let asked = 0;
    registry.before = ({ method }) => void (method === "GET" && asked++);
    const parts: Bytes[] = [];
    for await (const part of registry.device().read(ref)) {
      parts.push(part);
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked).toBeLessThanOrEqual(parts.length + 2);
    }
    expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0);
  });

  it("holds nothing open when its reader leaves", async () => {
    const registry = new FakeRegistry();
    const ref = await registry.device().attach(sourceOf(content(fourParts)), { name });
    for await (const part of registry.device().read(ref)) {
      expect(part).toHaveLength(blobContentBytes);
      break;
    }
    expect(registry.count("GET")).toBeLessThan(5);
  });
});

import { createHash } from "node:crypto";

import type { Blobs } from "@parley/core";
import { maxBlobBytes, maxBlobHoldsPerSweep } from "@parley/core";
import { describe, expect, it } from "vitest";

import type { Capability, Setup } from "./subject.ts";
import { Bench, bytesOf, expectCode, has, textOf } from "./subject.ts";

export interface BlobsCapabilities {
  /** State outlives a close. */
  readonly persistence?: Capability;
}

/** Quotas that the suite's subjects are to be opened with. */
export const blobQuotasUnderTest = { blobQuotaBytes: maxBlobBytes, blobTotalBytes: maxBlobBytes + 1000 };

/** The behaviour of every Blobs. */
export function describeBlobs(name: string, setup: Setup<Blobs>, capabilities: BlobsCapabilities = {}): void {
  describe(`${name} as Blobs`, () => {
    const bench = new Bench(setup);
    describeHolding(bench);
    describeExpiry(bench);
    describeQuotas(bench);
    describeArguments(bench);
    if (has(name, "blobs outlive a close", capabilities.persistence)) describePersistence(bench);
  });
}

const hashOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const hour = 3_600_000;

function describeHolding(bench: Bench<Blobs>): void {
  it("gives back content by its hash", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("sealed");
    const hash = hashOf(content);
    expect(await blobs.get(hash)).toBeUndefined();
    const expiresAt = clock.now() + hour;
    expect(await blobs.put(hash, content, { owner: "m1", expiresAt })).toEqual({ stored: true });
    const found = await blobs.get(hash);
    expect({ text: textOf(found?.content), expiresAt: found?.expiresAt }).toEqual({ text: "sealed", expiresAt });
    expect(await blobs.usage("m1")).toEqual({ bytes: content.byteLength, count: 1 });
  });

  it("tells about content without reading it, and of the asker's own hold", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("sealed");
    const hash = hashOf(content);
    expect(await blobs.stat(hash, "m1")).toBeUndefined();
    const [short, long] = [clock.now() + hour, clock.now() + 2 * hour];
    await blobs.put(hash, content, { owner: "m1", expiresAt: short });
    await blobs.put(hash, content, { owner: "m2", expiresAt: long });
    expect(await blobs.stat(hash, "m1")).toEqual({ bytes: 6, expiresAt: long, heldUntil: short });
    expect(await blobs.stat(hash, "m3")).toEqual({ bytes: 6, expiresAt: long, heldUntil: undefined });
    clock.advance(hour);
    expect(await blobs.stat(hash, "m1")).toEqual({ bytes: 6, expiresAt: long, heldUntil: undefined });
    clock.advance(hour);
    expect(await blobs.stat(hash, "m2")).toBeUndefined();
  });

  it("stores the content of several owners once and counts it for each", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("shared");
    const hash = hashOf(content);
    const expiresAt = clock.now() + hour;
    await blobs.put(hash, content, { owner: "m1", expiresAt });
    expect(await blobs.put(hash, content, { owner: "m2", expiresAt })).toEqual({ stored: false });
    expect(await blobs.usage("m2")).toEqual({ bytes: 6, count: 1 });
    expect(await blobs.delete(hash, "m1")).toBe(true);
    expect(await blobs.delete(hash, "m1")).toBe(false);
    expect(textOf((await blobs.get(hash))?.content)).toBe("shared");
    expect(await blobs.delete(hash, "m2")).toBe(true);
    expect(await blobs.get(hash)).toBeUndefined();
    expect(await blobs.usage("m2")).toEqual({ bytes: 0, count: 0 });
  });

  it("copes with the same blob put, deleted and put again at the same time", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("busy");
    const hash = hashOf(content);
    const put = (): Promise<unknown> => blobs.put(hash, content, { owner: "m1", expiresAt: clock.now() + hour });
    await Promise.all([put(), put(), blobs.delete(hash, "m1"), put(), blobs.delete(hash, "m1")]);
    await put();
    expect(textOf((await blobs.get(hash))?.content)).toBe("busy");
    expect(await blobs.usage("m1")).toEqual({ bytes: 4, count: 1 });
  });

  it("refuses content that does not match its hash and keeps none of it", async () => {
    const { port: blobs, clock } = await bench.open();
    const hash = hashOf(bytesOf("announced"));
    await expectCode(
      blobs.put(hash, bytesOf("delivered"), { owner: "m1", expiresAt: clock.now() + hour }),
      "invalid_argument",
    );
    expect(await blobs.get(hash)).toBeUndefined();
    expect(await blobs.usage("m1")).toEqual({ bytes: 0, count: 0 });
  });
}

function describeExpiry(bench: Bench<Blobs>): void {
  it("gives out nothing expired, swept or not, and sweeps it", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("brief");
    const hash = hashOf(content);
    await blobs.put(hash, content, { owner: "m1", expiresAt: clock.now() + hour });
    clock.advance(hour - 1);
    expect(await blobs.get(hash)).toBeDefined();
    expect(await blobs.sweep(clock.now())).toEqual({ removed: 0, complete: true });
    clock.advance(1);
    expect(await blobs.get(hash)).toBeUndefined();
    expect(await blobs.sweep(clock.now())).toEqual({ removed: 1, complete: true });
    expect(await blobs.usage("m1")).toEqual({ bytes: 0, count: 0 });
  });

  it("moves the expiry of a hold later, never earlier", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("kept");
    const hash = hashOf(content);
    const start = clock.now();
    for (const hours of [1, 3, 2]) await blobs.put(hash, content, { owner: "m1", expiresAt: start + hours * hour });
    expect((await blobs.get(hash))?.expiresAt).toBe(start + 3 * hour);
    expect(await blobs.usage("m1")).toEqual({ bytes: 4, count: 1 });
  });

  it("keeps a blob as long as its longest hold", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("shared");
    const hash = hashOf(content);
    await blobs.put(hash, content, { owner: "m1", expiresAt: clock.now() + hour });
    await blobs.put(hash, content, { owner: "m2", expiresAt: clock.now() + 2 * hour });
    clock.advance(hour);
    expect(await blobs.sweep(clock.now())).toEqual({ removed: 1, complete: true });
    expect(textOf((await blobs.get(hash))?.content)).toBe("shared");
  });

  it("sweeps no more than its limit at once", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("x");
    const owners = Array.from({ length: maxBlobHoldsPerSweep + 1 }, (_, index) => `m${index}`);
    await Promise.all(
      owners.map((owner) => blobs.put(hashOf(content), content, { owner, expiresAt: clock.now() + 1 })),
    );
    clock.advance(1);
    expect(await blobs.sweep(clock.now())).toEqual({ removed: maxBlobHoldsPerSweep, complete: false });
    expect(await blobs.sweep(clock.now())).toEqual({ removed: 1, complete: true });
  });
}

function describeQuotas(bench: Bench<Blobs>): void {
  it("holds an owner to its quota and takes more once something went", async () => {
    const { port: blobs, clock } = await bench.open();
    const large = new Uint8Array(maxBlobBytes);
    const more = bytesOf("more");
    const options = { owner: "m1", expiresAt: clock.now() + hour };
    await blobs.put(hashOf(large), large, options);
    await expectCode(blobs.put(hashOf(more), more, options), "limit_reached");
    await blobs.put(hashOf(large), large, options);
    await blobs.put(hashOf(more), more, { ...options, owner: "m2" });
    await blobs.delete(hashOf(large), "m1");
    await blobs.put(hashOf(more), more, options);
  });

  it("is full at the total quota, which shared content uses once", async () => {
    const { port: blobs, clock } = await bench.open();
    const expiresAt = clock.now() + hour;
    const large = new Uint8Array(maxBlobBytes);
    const rest = new Uint8Array(1000);
    const drop = new Uint8Array(1);
    for (const owner of ["m1", "m2"]) await blobs.put(hashOf(large), large, { owner, expiresAt });
    await blobs.put(hashOf(rest), rest, { owner: "m3", expiresAt });
    await expectCode(blobs.put(hashOf(drop), drop, { owner: "m3", expiresAt }), "storage_full");
    expect(await blobs.get(hashOf(drop))).toBeUndefined();
  });
}

function describeArguments(bench: Bench<Blobs>): void {
  it("refuses what is too large, expired or not of the documented form", async () => {
    const { port: blobs, clock } = await bench.open();
    const content = bytesOf("x");
    const options = { owner: "m1", expiresAt: clock.now() + hour };
    const huge = new Uint8Array(maxBlobBytes + 1);
    await expectCode(blobs.put(hashOf(huge), huge, options), "too_large");
    await expectCode(blobs.put(hashOf(content), content, { ...options, expiresAt: clock.now() }), "expired");
    await expectCode(blobs.put(hashOf(content), content, { ...options, owner: "not a name" }), "invalid_argument");
    for (const hash of ["", "../../etc/passwd", hashOf(content).toUpperCase(), `${hashOf(content)}0`]) {
      await expectCode(blobs.put(hash, content, options), "invalid_argument");
      await expectCode(blobs.get(hash), "invalid_argument");
      await expectCode(blobs.delete(hash, "m1"), "invalid_argument");
    }
  });

  it("rejects every call after it is closed", async () => {
    const { port: blobs, subject, clock } = await bench.open();
    const content = bytesOf("x");
    const hash = hashOf(content);
    await subject.close();
    await expectCode(blobs.put(hash, content, { owner: "m1", expiresAt: clock.now() + hour }), "closed");
    await expectCode(blobs.get(hash), "closed");
    await expectCode(blobs.delete(hash, "m1"), "closed");
    await expectCode(blobs.usage("m1"), "closed");
    await expectCode(blobs.sweep(clock.now()), "closed");
  });
}

function describePersistence(bench: Bench<Blobs>): void {
  it("has content, holds and usage when opened again", async () => {
    const { port: blobs, subject, clock } = await bench.open();
    const content = bytesOf("kept");
    const hash = hashOf(content);
    const expiresAt = clock.now() + hour;
    await blobs.put(hash, content, { owner: "m1", expiresAt });
    const again = await bench.reopen(subject);
    if (again === undefined) throw new Error("declares persistence but cannot be opened again");
    const found = await again.port.get(hash);
    expect({ text: textOf(found?.content), expiresAt: found?.expiresAt }).toEqual({ text: "kept", expiresAt });
    expect(await again.port.usage("m1")).toEqual({ bytes: 4, count: 1 });
  });
}

import { Backoff } from "@parley/core";
import { SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

const drawing = (byte: number): { bytes: (count: number) => Uint8Array<ArrayBuffer> } => ({
  bytes: (count) => new Uint8Array(count).fill(byte),
});

describe("pauses between tries", () => {
  it("double up to the longest one", () => {
    const backoff = new Backoff(drawing(255), { firstMs: 100, mostMs: 1000 });
    expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(backoff.tries).toBe(6);
  });

  it("are never shorter than half of that", () => {
    const backoff = new Backoff(drawing(0), { firstMs: 100, mostMs: 1000 });
    expect(Array.from({ length: 5 }, () => backoff.next())).toEqual([50, 100, 200, 400, 500]);
  });

  it("start again after a success", () => {
    const backoff = new Backoff(drawing(255));
    for (let tries = 0; tries < 5; tries++) backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(250);
  });

  it("spread a crowd out", () => {
    const pauses = Array.from({ length: 200 }, (_, seed) => new Backoff(new SeededRandom(seed)).next());
    expect(new Set(pauses).size).toBeGreaterThan(50);
  });

  it("stay bounded after very many tries", () => {
    const backoff = new Backoff(drawing(255));
    for (let tries = 0; tries < 2000; tries++) expect(backoff.next()).toBeLessThanOrEqual(15_000);
  });
});

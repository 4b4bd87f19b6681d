import { SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

describe("seeded randomness", () => {
  it("repeats itself for one seed and differs for another", () => {
    const bytes = (seed: number): Uint8Array => new SeededRandom(seed).bytes(32);
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  it("spreads evenly enough for faults", () => {
    const random = new SeededRandom(42);
    const counts = Array.from({ length: 8 }, () => 0);
    for (let draw = 0; draw < 8000; draw++) {
      const bucket = random.below(8);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });

  it("picks one of the items and refuses an empty list", () => {
    const random = new SeededRandom(3);
    expect(["a", "b"]).toContain(random.pick(["a", "b"]));
    expect(() => random.pick([])).toThrow(RangeError);
  });
});

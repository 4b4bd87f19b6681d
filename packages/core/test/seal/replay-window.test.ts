import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ReplayWindow } from "../../src/seal/replay-window.ts";

describe("the replay window", () => {
  it("takes each counter once, in any order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(ReplayWindow.size - 1), { maxLength: 200 }), (counters) => {
        const window = new ReplayWindow();
        const taken = counters.filter((counter) => window.take(counter));
        expect(taken).toEqual([...new Set(counters)]);
      }),
    );
  });

  it.each([
    [ReplayWindow.size - 1, true],
    [ReplayWindow.size, false],
    [ReplayWindow.size + 1, false],
  ])("takes one that is %i behind the highest: %s", (behind, taken) => {
    const window = new ReplayWindow();
    window.take(100_000);
    expect(window.take(100_000 - behind)).toBe(taken);
  });

  it("never takes one again, however long it runs", () => {
    const window = new ReplayWindow();
    for (let counter = 1; counter <= 30_000; counter++) expect(window.take(counter)).toBe(true);
    for (const counter of [1, 15_000, 25_904, 25_905, 30_000]) expect(window.take(counter)).toBe(false);
  });

  it("survives a jump to the largest counter", () => {
    const window = new ReplayWindow();
    expect([window.take(2 ** 48 - 1), window.take(2 ** 48 - 1), window.take(1)]).toEqual([true, false, false]);
  });
});

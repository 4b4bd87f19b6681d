import { describe, expect, it } from "vitest";

import { Attempts } from "../src/attempts.ts";

describe("attempts", () => {
  it("are limited for each address and in total, a minute at a time", () => {
    let now = 0;
    const attempts = new Attempts({ perAddress: 2, inTotal: 3 }, () => now);
    const outcome = (address: string): string => {
      try {
        attempts.count(address);
        return "counted";
      } catch {
        return "refused";
      }
    };
    expect(["a", "a", "a", "b", "c"].map(outcome)).toEqual(["counted", "counted", "refused", "counted", "refused"]);
    now = 59_999;
    expect(outcome("a")).toBe("refused");
    now = 60_000;
    expect(outcome("a")).toBe("counted");
  });
});

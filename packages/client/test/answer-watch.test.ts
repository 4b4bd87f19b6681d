import { describe, expect, it } from "vitest";

import { AnswerWatch } from "../src/answer-watch.ts";

const sweepMs = 250;

/** Looks every 250 ms from `from` on and says when each verdict but `well` came. */
function verdicts(watch: AnswerWatch, from: number, until: number, heard: (now: number) => number): string[] {
  const found: string[] = [];
  for (let now = from; now <= until; now += sweepMs) {
    const verdict = watch.look({ now, isDue: true, heard: heard(now) });
    if (verdict !== "well") found.push(`${verdict} ${now - from}`);
    if (verdict === "give-up") break;
  }
  return found;
}

describe("a watch over answers", () => {
  it("asks halfway and gives up after a second of silence", () => {
    expect(verdicts(new AnswerWatch(), 5000, 9000, () => 5000)).toEqual(["ask 500", "give-up 1000"]);
  });

  it("waits as long as anything is heard", () => {
    expect(verdicts(new AnswerWatch(), 5000, 60_000, (now) => now - 400)).toEqual([]);
  });

  it("takes the answer to its question for a sign of life, however long the acknowledgement takes", () => {
    const watch = new AnswerWatch();
    let heard = 0;
    const found: string[] = [];
    for (let now = 0; now <= 10_000; now += sweepMs) {
      const verdict = watch.look({ now, isDue: true, heard });
      if (verdict !== "well") found.push(verdict);
      // The answer comes before the next look.
      if (verdict === "ask") heard = now + 1;
    }
    expect(new Set(found)).toEqual(new Set(["ask"]));
    expect(found.length).toBeGreaterThan(10);
  });

  it("begins with the silence, not with the last frame heard long ago", () => {
    const watch = new AnswerWatch();
    expect(watch.look({ now: 100_000, isDue: false, heard: 1 })).toBe("well");
    expect(verdicts(watch, 100_250, 110_000, () => 1)).toEqual(["ask 500", "give-up 1000"]);
  });

  it("gives a slow path three round trips and a little more, and never less than a second", () => {
    const watch = new AnswerWatch();
    watch.onRoundTrip(20);
    expect(watch.limitMs).toBe(1000);
    watch.onRoundTrip(234);
    expect(watch.limitMs).toBe(1002);
    watch.onRoundTrip(800);
    expect(watch.limitMs).toBe(2700);
    watch.onRoundTrip(0);
    expect(watch.limitMs).toBe(2400);
    watch.onOpened();
    expect(watch.limitMs).toBe(1000);
  });

  it("does not count time in which this process stood still", () => {
    const watch = new AnswerWatch();
    expect(watch.look({ now: 0, isDue: true, heard: 0 })).toBe("well");
    expect(watch.look({ now: 250, isDue: true, heard: 0 })).toBe("well");
    watch.discount(60_000);
    expect(watch.look({ now: 60_500, isDue: true, heard: 0 })).toBe("ask");
    expect(watch.look({ now: 60_750, isDue: true, heard: 0 })).toBe("well");
    expect(watch.look({ now: 61_000, isDue: true, heard: 0 })).toBe("give-up");
  });

  it("has more patience after links that did not last, up to a bound, and the usual one after one that did", () => {
    const watch = new AnswerWatch();
    const limits = [true, true, true, true, false].map((wasShort) => {
      watch.onGivenUp(wasShort);
      return watch.limitMs;
    });
    expect(limits).toEqual([2000, 4000, 8000, 8000, 1000]);
  });

  it("gives an idle link up that does not answer when it is asked", () => {
    const watch = new AnswerWatch();
    watch.onAsked(1000);
    expect(watch.look({ now: 1750, isDue: false, heard: 10 })).toBe("well");
    expect(watch.look({ now: 2000, isDue: false, heard: 10 })).toBe("give-up");
    watch.onGivenUp(false);
    watch.onAsked(3000);
    expect(watch.look({ now: 3250, isDue: false, heard: 3001 })).toBe("well");
    expect(watch.look({ now: 9000, isDue: false, heard: 3001 })).toBe("well");
  });
});

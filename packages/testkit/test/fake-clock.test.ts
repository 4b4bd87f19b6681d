import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

describe("the fake clock", () => {
  it("fires timers in order of due time, each at its own time", () => {
    const clock = new FakeClock(1000);
    const fired: [string, number][] = [];
    for (const [name, delay] of [
      ["late", 30],
      ["early", 10],
      ["early too", 10],
    ] as const) {
      clock.setTimer(delay, () => fired.push([name, clock.now()]));
    }
    clock.advance(29);
    expect(fired).toEqual([
      ["early", 1010],
      ["early too", 1010],
    ]);
    expect(clock.untilNextTimer).toBe(1);
    clock.advance(1);
    expect(fired.at(-1)).toEqual(["late", 1030]);
    expect({ pending: clock.pendingTimers, monotonic: clock.monotonic() }).toEqual({ pending: 0, monotonic: 30 });
  });

  it("fires timers that timers set, within the same advance", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    await clock.run(100);
    expect(ticks).toBe(10);
  });

  it("lets promises settle between timers when run", async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    clock.setTimer(1, () => void Promise.resolve().then(() => order.push("promise of the first")));
    clock.setTimer(2, () => order.push("second"));
    await clock.run(2);
    expect(order).toEqual(["promise of the first", "second"]);
  });

  it("does not fire what was cancelled", () => {
    const clock = new FakeClock();
    let fired = false;
    clock.setTimer(1, () => (fired = true)).cancel();
    clock.advance(10);
    expect(fired).toBe(false);
  });

  it("skews the wall clock without touching timers", () => {
    const clock = new FakeClock(1000);
    let at = 0;
    clock.setTimer(10, () => (at = clock.now()));
    clock.skew(-500);
    clock.advance(10);
    expect({ at, monotonic: clock.monotonic() }).toEqual({ at: 510, monotonic: 10 });
  });
});

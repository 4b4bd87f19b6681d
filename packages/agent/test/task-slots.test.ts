import { ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { array, assert, asyncProperty, constantFrom, integer, nat, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import { type TaskSlot, TaskSlots } from "../src/task-slots.ts";

const never = new AbortController().signal;
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** A task whose steps a test does by hand. */
class Hand {
  readonly #steps: (() => void)[] = [];
  slot: TaskSlot | undefined;
  readonly result: Promise<unknown>;
  isWorking = false;

  constructor(slots: TaskSlots, mayWait = false, signal = never) {
    this.result = slots.run(
      60_000,
      signal,
      async (_signal, slot) => {
        this.slot = slot;
        this.isWorking = true;
        await new Promise<void>((resolve) => this.#steps.push(resolve));
        this.isWorking = false;
      },
      mayWait,
    );
    this.result.catch(() => undefined);
  }

  end(): void {
    for (const step of this.#steps) step();
  }
}

describe("a slot", () => {
  it("is lent while its task waits for others, and wanted back when all of them are there", async () => {
    const slots = new TaskSlots(new FakeClock(), 1);
    const outer = new Hand(slots);
    expect(() => slots.check()).toThrow(ParleyError);
    const [first, second] = [outer.slot?.lend(), outer.slot?.lend()];
    const inner = new Hand(slots);
    await first?.();
    let isBack = false;
    const back = second?.().then(() => (isBack = true));
    await settle();
    expect([isBack, slots.size]).toEqual([false, 2]);
    expect(() => slots.check()).toThrow(ParleyError);
    inner.end();
    await back;
    expect(slots.size).toBe(1);
    expect(() => slots.check()).toThrow(ParleyError);
    outer.end();
    await outer.result;
    slots.check();
  });

  it("is waited for by a call that is made for another task, and by no other", async () => {
    const slots = new TaskSlots(new FakeClock(), 1);
    const outer = new Hand(slots);
    const nested = new Hand(slots, true);
    await expect(new Hand(slots).result).rejects.toMatchObject({ code: "limit_reached" });
    await settle();
    expect(nested.isWorking).toBe(false);
    outer.end();
    await settle();
    expect(nested.isWorking).toBe(true);
  });

  it("is not taken by what was stopped while it waited for one", async () => {
    const slots = new TaskSlots(new FakeClock(), 1);
    const outer = new Hand(slots);
    const stop = new AbortController();
    const nested = new Hand(slots, true, stop.signal);
    stop.abort(new ParleyError("canceled"));
    await expect(nested.result).rejects.toMatchObject({ code: "canceled" });
    await settle();
    expect([slots.size, nested.isWorking]).toEqual([1, false]);
    outer.end();
    await settle();
    slots.check();
  });

  it("is lent to so many waiting tasks and no more", () => {
    const slots = new TaskSlots(new FakeClock(), 1);
    for (let count = 0; count < 17; count++) new Hand(slots).slot?.lend();
    expect(() => slots.check(true)).toThrow("wait for others");
  });

  it("does not run its time while a person is asked", async () => {
    const clock = new FakeClock();
    const slots = new TaskSlots(clock, 1);
    const task = new Hand(slots);
    clock.advance(59_000);
    const goOn = task.slot?.pause();
    clock.advance(3_600_000);
    goOn?.();
    clock.advance(999);
    await settle();
    expect(task.isWorking).toBe(true);
    clock.advance(2);
    await expect(task.result).rejects.toMatchObject({ code: "timeout" });
  });

  it("is never two tasks' at once, and never nobody's while one waits, whatever they do", async () => {
    await assert(
      asyncProperty(
        integer({ min: 1, max: 3 }),
        array(tuple(constantFrom("begin", "nest", "lend", "back", "end"), nat(9)), { maxLength: 40 }),
        async (most, steps) => {
          const slots = new TaskSlots(new FakeClock(), most);
          const hands: { hand: Hand; backs: (() => Promise<void>)[]; waits: number; isOver: boolean }[] = [];
          for (const [step, which] of steps) {
            const open = hands.filter(({ isOver, hand }) => !isOver && hand.slot !== undefined);
            const one = open[which % Math.max(1, open.length)];
            if (step === "begin" || step === "nest") {
              const hand = new Hand(slots, step === "nest");
              hands.push({ hand, backs: [], waits: 0, isOver: false });
              hand.result.then(
                () => undefined,
                () =>
                  hands.splice(
                    hands.findIndex((each) => each.hand === hand),
                    1,
                  ),
              );
            } else if (one !== undefined && step === "lend") {
              const back = one.hand.slot?.lend();
              if (back !== undefined) one.backs.push(back);
              one.waits++;
            } else if (one !== undefined && step === "back") {
              const back = one.backs.pop();
              void back?.().then(() => one.waits--);
            } else if (one !== undefined && one.waits === 0) {
              one.isOver = true;
              one.hand.end();
            }
            await settle();
            const atWork = hands.filter(({ hand, waits, isOver }) => hand.isWorking && waits === 0 && !isOver).length;
            expect(atWork).toBeLessThanOrEqual(most);
          }
          // Everybody comes to an end: nothing that waits holds what another one needs.
          for (let round = 0; round < 60 && hands.some(({ isOver }) => !isOver); round++) {
            for (const one of hands.filter(({ isOver }) => !isOver)) {
              for (const back of one.backs.splice(0)) void back().then(() => one.waits--);
              await settle();
              if (one.waits > 0 || one.hand.slot === undefined) continue;
              one.isOver = true;
              one.hand.end();
            }
            await settle();
          }
          expect(hands.filter(({ isOver }) => !isOver)).toEqual([]);
          await settle();
          expect(slots.size).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});

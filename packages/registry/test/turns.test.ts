import { describe, expect, it } from "vitest";

import { Turns } from "../src/turns.ts";

/** Turns of an event loop that the test ends. */
class Loop {
  readonly #runs: (() => void)[] = [];

  soon(run: () => void): void {
    this.#runs.push(run);
  }

  async endTurn(): Promise<void> {
    for (const run of this.#runs.splice(0)) run();
    await Promise.resolve();
  }

  get isIdle(): boolean {
    return this.#runs.length === 0;
  }
}

describe("turns", () => {
  it("let so many through at once, and those above that in the next turns in their order", async () => {
    const loop = new Loop();
    const turns = new Turns(loop, 2);
    const through: number[] = [];
    const enter = async (number: number): Promise<void> => {
      const turn = turns.take();
      if (turn !== undefined) await turn;
      through.push(number);
    };
    const entered = [1, 2, 3, 4, 5].map((number) => enter(number));
    expect(through).toEqual([1, 2]);
    await loop.endTurn();
    expect(through).toEqual([1, 2, 3, 4]);
    await loop.endTurn();
    expect(through).toEqual([1, 2, 3, 4, 5]);
    await Promise.all(entered);
    await loop.endTurn();
    expect(loop.isIdle).toBe(true);
  });

  it("begin anew in each turn", async () => {
    const loop = new Loop();
    const turns = new Turns(loop, 1);
    expect(turns.take()).toBeUndefined();
    await loop.endTurn();
    expect(turns.take()).toBeUndefined();
  });

  it("put nobody before those who wait", async () => {
    const loop = new Loop();
    const turns = new Turns(loop, 1);
    expect(turns.take()).toBeUndefined();
    const earlier = turns.take();
    await loop.endTurn();
    await earlier;
    expect(turns.take()).toBeInstanceOf(Promise);
  });
});

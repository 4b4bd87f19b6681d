import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { RegistryClock } from "../src/registry-clock.ts";

/** A device and a registry whose clock is 5 s ahead of the device's. */
class Scene {
  readonly clock = new FakeClock();
  readonly known = new RegistryClock(this.clock);
  aheadMs = 5000;

  /** The registry is asked: the question takes so long, and then the answer. */
  ask(thereMs: number, backMs: number): void {
    const asked = this.clock.monotonic();
    this.clock.advance(thereMs);
    const said = this.time;
    this.clock.advance(backMs);
    this.known.note(said, asked);
  }

  /** What the registry's clock shows. */
  get time(): number {
    return this.clock.now() + this.aheadMs;
  }

  /** How far the device is off. */
  get error(): number {
    return this.known.time - this.time;
  }
}

describe("the registry's clock as a device knows it", () => {
  it("is this machine's until the registry was heard", () => {
    const scene = new Scene();
    expect(scene.known.time).toBe(scene.clock.now());
  });

  it("is off by no more than half the round trip of the first answer, whichever way was the slow one", () => {
    for (const [there, back] of [
      [0, 400],
      [400, 0],
      [100, 300],
    ] as const) {
      const scene = new Scene();
      scene.ask(there, back);
      expect(Math.abs(scene.error)).toBeLessThanOrEqual(200);
    }
  });

  it("becomes no worse with an answer that was long under way", () => {
    const scene = new Scene();
    scene.ask(10, 10);
    scene.ask(0, 20_000);
    expect(scene.error).toBe(0);
    scene.ask(20_000, 0);
    expect(scene.error).toBe(0);
    expect(scene.known.missedMs).toBe(0);
  });

  it("becomes better with a quicker answer", () => {
    const scene = new Scene();
    scene.ask(0, 1000);
    expect(scene.error).toBe(-500);
    scene.ask(10, 20);
    expect(Math.abs(scene.error)).toBeLessThanOrEqual(30);
  });

  it("follows a registry whose clock is set, and counts what this machine missed", () => {
    const scene = new Scene();
    scene.ask(0, 0);
    scene.aheadMs -= 60_000;
    scene.ask(0, 0);
    expect(scene.error).toBe(0);
    expect(scene.known.missedMs).toBe(0);
    scene.aheadMs += 60_000;
    scene.ask(0, 0);
    expect(scene.error).toBe(0);
    expect(scene.known.missedMs).toBe(60_000);
  });

  it("does not count a step of less than 2 s as missed", () => {
    const scene = new Scene();
    scene.ask(0, 0);
    scene.aheadMs += 1999;
    scene.ask(0, 0);
    expect(scene.known.missedMs).toBe(0);
    scene.aheadMs += 2000;
    scene.ask(0, 0);
    expect(scene.known.missedMs).toBe(2000);
  });
});

import { setImmediate as nextTask } from "node:timers/promises";

import { ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { InboxHolder } from "../src/inbox-holder.ts";

class Scene {
  readonly clock = new FakeClock();
  readonly released: number[] = [];
  readonly errors: unknown[] = [];
  listed = 2;
  lost = 0;
  /** Times that a generation began. */
  begun = 0;
  refusal: ParleyError | undefined;
  settling: PromiseWithResolvers<void> | undefined;
  /** Monotonic time of the newest question that the node answered; always now while it answers at once. */
  answeredAt: number | undefined;
  readonly pings: PromiseWithResolvers<never>[] = [];
  readonly holder = new InboxHolder({
    session: this.#session(),
    clock: this.clock,
    kind: "agent",
    listed: () => this.listed,
    settle: () => this.settling?.promise,
    onGeneration: () => void this.begun++,
    onLost: () => void this.lost++,
    onError: (error) => void this.errors.push(error),
  });

  #session(): ConstructorParameters<typeof InboxHolder>[0]["session"] {
    const answeredAt = (): number => this.answeredAt ?? this.clock.monotonic();
    return {
      get answeredAt() {
        return answeredAt();
      },
      request: (type, body) => {
        if (type === "ping") {
          const ping = Promise.withResolvers<never>();
          this.pings.push(ping);
          return ping.promise;
        }
        this.released.push((body as { generation: number }).generation);
        return (this.refusal === undefined ? Promise.resolve({}) : Promise.reject(this.refusal)) as Promise<never>;
      },
    };
  }

  /** The node answers what it was asked last, which was at this time. */
  async answer(asked: number): Promise<void> {
    this.answeredAt = asked;
    this.pings.at(-1)?.resolve({} as never);
    await nextTask();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await nextTask();
  }
}

describe("a device of an agent with several", () => {
  it("holds the inbox for as long as the node said, and gives it up by itself after that", async () => {
    const scene = new Scene();
    expect(scene.holder.holds).toBe(false);
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    await scene.advance(999);
    expect([scene.holder.holds, scene.released]).toEqual([true, []]);
    await scene.advance(1);
    expect([scene.holder.holds, scene.lost, scene.released]).toEqual([false, 1, [1]]);
  });

  it("takes no renewal for a generation that it gave up, and says so again", async () => {
    const scene = new Scene();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    await nextTask();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    await nextTask();
    expect([scene.holder.holds, scene.released]).toEqual([false, [1, 1]]);
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    scene.holder.onLease({ generation: 2, lifeMs: 1000 });
    expect([scene.holder.holds, scene.released.length]).toEqual([true, 2]);
  });

  it("lets go of what came under an earlier generation, once for each and never for a renewal", () => {
    const scene = new Scene();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    expect(scene.begun).toBe(1);
    scene.holder.onLease({ generation: 3, lifeMs: 1000 });
    scene.holder.onLease({ generation: 2, lifeMs: 1000 });
    expect(scene.begun).toBe(2);
  });

  it("takes nothing once it was asked, and gives the inbox up when what it took is acknowledged", async () => {
    const scene = new Scene();
    scene.settling = Promise.withResolvers();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    await nextTask();
    expect([scene.holder.holds, scene.lost, scene.released]).toEqual([false, 0, []]);
    scene.settling.resolve();
    await nextTask();
    expect([scene.holder.holds, scene.lost, scene.released]).toEqual([false, 1, [1]]);
  });

  it("keeps the inbox that it was given anew while it settled", async () => {
    const scene = new Scene();
    scene.settling = Promise.withResolvers();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    scene.holder.onLease({ generation: 2, lifeMs: 1000 });
    scene.settling.resolve();
    await nextTask();
    expect([scene.holder.holds, scene.lost, scene.released]).toEqual([true, 0, []]);
  });

  it("gives the inbox up when it left a frame that was pushed to it", () => {
    const scene = new Scene();
    scene.listed = 1;
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.clock.advance(2000);
    expect([scene.holder.holds, scene.released]).toEqual([true, []]);
    // It learned of another device before the node's next word.
    scene.listed = 2;
    scene.holder.onLeft();
    scene.holder.onLeft();
    expect(scene.released).toEqual([1]);
  });

  it("takes nothing once it was asked for the inbox, though it knows of no other device yet", () => {
    const scene = new Scene();
    scene.listed = 1;
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    expect([scene.holder.holds, scene.lost]).toEqual([false, 1]);
  });

  it("tries again when the node could not be told, and minds no node that knows already", async () => {
    const scene = new Scene();
    scene.refusal = new ParleyError("limit_reached");
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    await nextTask();
    scene.refusal = new ParleyError("not_holder");
    await scene.advance(5000);
    expect([scene.released, scene.errors.length]).toEqual([[1, 1], 1]);
    await scene.advance(60_000);
    expect(scene.released.length).toBe(2);
    scene.holder.stop();
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it("believes a registry that counts anew in another session", () => {
    const scene = new Scene();
    scene.holder.onLease({ generation: 7, lifeMs: 1000 });
    scene.clock.advance(1000);
    scene.holder.onSession();
    scene.holder.onLease({ generation: 2, lifeMs: 1000 });
    expect(scene.holder.holds).toBe(true);
  });

  it("takes nothing while it stops, not even as the only one", () => {
    const scene = new Scene();
    scene.listed = 1;
    scene.holder.close();
    scene.holder.onLeft();
    expect([scene.holder.holds, scene.released]).toEqual([false, []]);
  });

  it("is the only one that can have handed messages out until it let another one in, also while it stops", async () => {
    const scene = new Scene();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.close();
    expect([scene.holder.holds, scene.holder.isSole]).toEqual([false, true]);
    await scene.holder.release();
    expect(scene.holder.isSole).toBe(false);
  });

  it("is not sure of a word that may have been long on its way before the node has answered", async () => {
    const scene = new Scene();
    scene.answeredAt = scene.clock.monotonic();
    await scene.advance(60_000);
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    expect([scene.holder.holds, scene.holder.isSole, scene.pings.length]).toEqual([true, false, 1]);
    await scene.answer(scene.clock.monotonic());
    expect(scene.holder.isSole).toBe(true);
    await scene.advance(499);
    expect(scene.holder.isSole).toBe(true);
    await scene.advance(1);
    expect([scene.holder.holds, scene.holder.isSole]).toEqual([true, false]);
  });

  it("gives up what it was told by a late word when the node answers no more", async () => {
    const scene = new Scene();
    scene.answeredAt = scene.clock.monotonic();
    await scene.advance(60_000);
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.pings[0]?.reject(new ParleyError("closed"));
    await nextTask();
    expect([scene.holder.holds, scene.lost, scene.released]).toEqual([false, 1, [1]]);
  });

  it("is not sure of an inbox that was taken back while it asked", async () => {
    const scene = new Scene();
    scene.answeredAt = scene.clock.monotonic();
    await scene.advance(60_000);
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    scene.holder.onLease({ generation: 1, lifeMs: 0 });
    await scene.answer(scene.clock.monotonic());
    expect([scene.holder.holds, scene.holder.isSole]).toEqual([false, false]);
  });

  it("asks the node something in good time, so that renewals leave it no doubt", async () => {
    const scene = new Scene();
    scene.answeredAt = scene.clock.monotonic();
    for (let renewal = 1; renewal <= 5; renewal++) {
      scene.holder.onLease({ generation: 1, lifeMs: 1000 });
      for (let passed = 0; passed < 500; passed += 50) {
        expect(scene.holder.isSole).toBe(true);
        await scene.advance(50);
        if (passed === 200) await scene.answer(scene.clock.monotonic());
      }
      expect(scene.pings.length).toBe(renewal);
    }
    scene.holder.stop();
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it("asks nothing while other questions are answered", async () => {
    const scene = new Scene();
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    await scene.advance(999);
    expect([scene.holder.isSole, scene.pings.length]).toEqual([true, 0]);
  });

  it("is sure as the only one, whatever it was told and when", async () => {
    const scene = new Scene();
    scene.listed = 1;
    scene.answeredAt = scene.clock.monotonic();
    await scene.advance(60_000);
    scene.holder.onLease({ generation: 1, lifeMs: 1000 });
    expect([scene.holder.isSole, scene.pings.length]).toEqual([true, 0]);
  });
});

import { setImmediate as nextTask } from "node:timers/promises";

import { limits, ParleyError } from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { MailboxAcks, type MailboxFrame } from "../src/mailbox-acks.ts";

/** The acknowledgements of a device, and a node that answers as it is told. */
class Scene {
  readonly clock = new FakeClock();
  /** What the node was asked, such as `ack 3`. */
  readonly asked: string[] = [];
  readonly tried: number[] = [];
  /** What the node answers with, while set. */
  refusal: ParleyError | undefined;
  readonly acks = new MailboxAcks({
    session: {
      request: (type, body) => {
        this.asked.push(`${type === "mailbox.ack" ? "ack" : "refuse"} ${(body as { offset: number }).offset}`);
        return (this.refusal === undefined ? Promise.resolve({}) : Promise.reject(this.refusal)) as Promise<never>;
      },
    },
    clock: this.clock,
    random: new SeededRandom(1),
    again: ({ place }) => void this.tried.push(place.offset),
    onLeft: () => undefined,
    onError: () => undefined,
  });
  #previous = 0;

  constructor() {
    this.acks.onSession({ epoch: "one", last: 0 });
  }

  /** Pushes a frame; `anew` as the first one of a reader. */
  push(offset: number, anew = false): MailboxFrame | undefined {
    const previous = anew ? 0 : this.#previous;
    this.#previous = offset;
    return this.acks.arrived({ offset, previous }, new Uint8Array());
  }

  take(offset: number, anew = false): void {
    const frame = this.push(offset, anew);
    if (frame !== undefined) this.acks.taken(frame);
  }

  fail(offset: number, code: ConstructorParameters<typeof ParleyError>[0]): void {
    const frame = this.push(offset);
    if (frame !== undefined) this.acks.failed(frame, new ParleyError(code));
  }

  async settle(): Promise<string[]> {
    for (let turn = 0; turn < 5; turn++) await nextTask();
    return this.asked.splice(0);
  }
}

describe("the acknowledgement of a mailbox", () => {
  it("never covers a frame that this device left to another holder, whatever is taken before or after", async () => {
    const scene = new Scene();
    const first = scene.push(1);
    scene.fail(2, "not_holder");
    if (first !== undefined) scene.acks.taken(first);
    expect(await scene.settle()).toEqual(["ack 1"]);
    scene.take(3);
    expect(await scene.settle()).toEqual([]);
    scene.take(2, true);
    scene.take(3);
    expect(await scene.settle()).toEqual(["ack 3"]);
  });

  it("does not cover what it let go of and has not got again, though a later frame came before", async () => {
    const scene = new Scene();
    scene.take(1);
    scene.push(2);
    scene.push(3);
    expect(await scene.settle()).toEqual(["ack 1"]);
    scene.acks.letGo();
    scene.take(2, true);
    expect(await scene.settle()).toEqual(["ack 2"]);
    scene.take(3);
    expect(await scene.settle()).toEqual(["ack 3"]);
  });

  it("never covers what was in hand when the inbox went to another instance", async () => {
    const scene = new Scene();
    scene.take(1);
    scene.push(2);
    expect(await scene.settle()).toEqual(["ack 1"]);
    scene.acks.letGo();
    scene.take(3);
    expect(await scene.settle()).toEqual([]);
  });

  it("never covers a frame that came beyond the window and was dropped", async () => {
    const scene = new Scene();
    const frames = Array.from({ length: limits.mailboxAheadFrames * 2 }, (_, index) => scene.push(index + 1));
    expect(scene.push(frames.length + 1)).toBeUndefined();
    for (const frame of frames) if (frame !== undefined) scene.acks.taken(frame);
    scene.take(frames.length + 2);
    expect(await scene.settle()).toEqual([`ack ${frames.length}`]);
  });

  it("is said again within the session when the node could not take it", async () => {
    const scene = new Scene();
    scene.refusal = new ParleyError("limit_reached");
    scene.take(1);
    expect(await scene.settle()).toEqual(["ack 1"]);
    scene.refusal = undefined;
    scene.clock.advance(60_000);
    expect(await scene.settle()).toEqual(["ack 1"]);
  });

  it("waits for a dead letter that the node could not keep", async () => {
    const scene = new Scene();
    scene.refusal = new ParleyError("limit_reached");
    scene.fail(1, "cannot_open");
    expect(await scene.settle()).toEqual(["refuse 1"]);
    scene.refusal = undefined;
    scene.take(2);
    expect(await scene.settle()).toEqual([]);
    scene.clock.advance(60_000);
    expect(scene.tried).toEqual([1]);
  });

  it("holds back what comes after a frame that is taken once more, until that one is in the hands of its stream", async () => {
    const scene = new Scene();
    const [first, second] = [scene.push(1), scene.push(2)];
    if (first === undefined || second === undefined) throw new Error("Both are new.");
    scene.acks.failed(first, new ParleyError("unreachable"));
    expect(scene.acks.mustWait(second)).toBe(true);
    scene.clock.advance(60_000);
    expect(scene.tried).toEqual([1]);
    expect(scene.acks.mustWait(first)).toBe(false);
    expect(scene.acks.mustWait(second)).toBe(true);
    scene.acks.postpone(second);
    scene.acks.begun(first);
    scene.acks.taken(first);
    expect(scene.acks.mustWait(second)).toBe(false);
    scene.clock.advance(60_000);
    expect(scene.tried).toEqual([1, 2]);
    scene.acks.begun(second);
    scene.acks.taken(second);
    expect(await scene.settle()).toEqual(["ack 2"]);
  });

  it("begins anew with a mailbox that went back, for the same epoch too", async () => {
    const scene = new Scene();
    scene.take(50);
    expect(await scene.settle()).toEqual(["ack 50"]);
    scene.acks.onSession({ epoch: "one", last: 20 });
    scene.take(21, true);
    expect(await scene.settle()).toEqual(["ack 21"]);
  });

  it("leaves no timer behind after a stop", async () => {
    const scene = new Scene();
    scene.refusal = new ParleyError("limit_reached");
    scene.fail(1, "storage_unavailable");
    scene.take(2);
    scene.fail(3, "cannot_open");
    await scene.settle();
    scene.acks.stop();
    expect(scene.clock.pendingTimers).toBe(0);
  });
});

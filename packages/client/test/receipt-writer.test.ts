import { createSigner } from "@parley/core";
import type { Receipt } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { Source } from "../src/inbox.ts";
import { ReceiptWriter } from "../src/receipt-writer.ts";

type Link = NonNullable<Source["link"]>;
const linkOf = (path: "direct" | "turn"): Link => ({ path }) as Link;
const signer = await createSigner("device");
const nextTask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A writer with one reader, and what was vouched for to it. */
class Scene {
  readonly clock = new FakeClock();
  readonly said: string[] = [];
  readonly times: number[] = [];
  readonly reader = {
    device: "device",
    member: { member: "member" } as Source["member"],
    link: undefined as Link | undefined,
    connected: true,
    boot: "first" as string | undefined,
    acknowledge: () => undefined,
    refuse: () => undefined,
    vouch: ({ state, from, to, at }: Receipt) => {
      this.said.push(`${state} ${from}-${to}`);
      this.times.push(at);
    },
  };
  readonly writer = new ReceiptWriter({
    mesh: "mesh",
    member: "bob",
    device: signer,
    clock: this.clock,
    onError: (error) => {
      throw error;
    },
  });

  /** Everything that is vouched for after these numbers came to a state. */
  async note(state: "delivered" | "handled", from: number, to = from): Promise<void> {
    this.writer.note(this.reader, "epoch", state, from, to);
    await this.writer.flush();
  }

  /** What is vouched for when the way is looked at. */
  async look(): Promise<readonly string[]> {
    this.said.length = 0;
    this.writer.look();
    await nextTask();
    await this.writer.flush();
    // Signatures of one moment come in any order.
    return this.said.toSorted();
  }
}

describe("receipts whose path is gone", () => {
  it("are said once more, the newest range of each state, when a link opens", async () => {
    const scene = new Scene();
    await scene.note("delivered", 1, 3);
    await scene.note("handled", 1);
    expect(await scene.look()).toEqual([]);
    scene.reader.link = linkOf("direct");
    expect(await scene.look()).toEqual(["delivered 1-3", "handled 1-1"]);
    expect(await scene.look()).toEqual([]);
  });

  it("are said once more when a link is replaced by one of the same path", async () => {
    const scene = new Scene();
    scene.reader.link = linkOf("direct");
    await scene.note("handled", 1);
    scene.reader.link = linkOf("direct");
    expect(await scene.look()).toEqual(["handled 1-1"]);
  });

  it("are said once more when their reader is back, and not while it is away", async () => {
    const scene = new Scene();
    await scene.note("handled", 1);
    scene.reader.connected = false;
    expect(await scene.look()).toEqual([]);
    scene.reader.connected = true;
    expect(await scene.look()).toEqual(["handled 1-1"]);
  });

  it("are said once more when their reader started anew, or this device has a new session", async () => {
    const scene = new Scene();
    await scene.note("handled", 1);
    scene.reader.boot = "second";
    expect(await scene.look()).toEqual(["handled 1-1"]);
    scene.writer.onSession();
    expect(await scene.look()).toEqual(["handled 1-1"]);
    expect(await scene.look()).toEqual([]);
  });

  it("are said on a link that lasts through a new session only once", async () => {
    const scene = new Scene();
    scene.reader.link = linkOf("direct");
    await scene.note("handled", 1);
    scene.writer.onSession();
    expect(await scene.look()).toEqual([]);
  });

  it("cover what was said before without a hole, no further, at the time of the newest", async () => {
    const scene = new Scene();
    await scene.note("handled", 1);
    await scene.note("handled", 4);
    scene.clock.advance(500);
    await scene.note("handled", 5, 6);
    const at = scene.clock.now();
    scene.clock.advance(500);
    scene.reader.link = linkOf("turn");
    expect(await scene.look()).toEqual(["handled 4-6"]);
    expect(scene.times.at(-1)).toBe(at);
  });

  it("cover at most 1024 numbers", async () => {
    const scene = new Scene();
    await scene.note("handled", 1, 1024);
    scene.reader.link = linkOf("turn");
    expect(await scene.look()).toEqual(["handled 1-1024"]);
    await scene.note("handled", 1025);
    scene.reader.link = linkOf("turn");
    expect(await scene.look()).toEqual(["handled 2-1025"]);
  });

  it("are said 64 at a time, and the rest at the next look", async () => {
    const scene = new Scene();
    for (let stream = 0; stream < 65; stream++) scene.writer.note(scene.reader, `epoch ${stream}`, "handled", 1);
    await scene.writer.flush();
    scene.reader.link = linkOf("turn");
    expect(await scene.look()).toHaveLength(64);
    expect(await scene.look()).toHaveLength(1);
    expect(await scene.look()).toHaveLength(0);
  });
});

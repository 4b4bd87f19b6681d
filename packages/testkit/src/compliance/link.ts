/** What every adapter of the Link port has to do. An adapter's test calls `describeLink` with two factories. */
import type { LinkFactory, LinkOptions, LinkSignal } from "@parley/core";
import { isParleyError } from "@parley/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { dial, LinkEnd } from "./link-end.ts";
import { mangle } from "./mangle.ts";

/** Two factories that can reach each other. */
export interface LinkFixture {
  readonly left: LinkFactory;
  readonly right: LinkFactory;
  /** What both factories reported as thrown by callbacks; the suite reads it and empties it. */
  readonly reported: unknown[];
}

const maxMessageBytes = 256 * 1024;
const options: LinkOptions = { iceServers: [], maxMessageBytes, bindAddress: "127.0.0.1" };
const garbageSeeds = 200;

/** Declares the suite. `setup` runs before each test; both factories are closed after it. */
export function describeLink(name: string, setup: () => LinkFixture | Promise<LinkFixture>): void {
  describe(`${name} as a Link`, () => {
    let fixture: LinkFixture;
    beforeEach(async () => {
      fixture = await setup();
    });
    afterEach(async () => {
      await Promise.all([fixture.left.close(), fixture.right.close()]);
      expect(fixture.reported).toEqual([]);
    });

    describeBytes(() => fixture);
    describeSignals(() => fixture);
    describeEnds(() => fixture);
    describeErrors(() => fixture);
  });
}

function describeBytes(fixture: () => LinkFixture): void {
  it("opens both sides once and tells a direct route", async () => {
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    expect([left.opened, right.opened, left.link.isOpen, right.link.isOpen]).toEqual([1, 1, true, true]);
    expect((await left.link.route())?.path).toBe("direct");
    expect((await right.link.route())?.local).toMatch(/^\w+ udp \S+:\d+$/);
  });

  it("binds to the same two certificates on both sides, new ones for each link", async () => {
    const first = dial(fixture(), options);
    const second = dial(fixture(), options);
    expect(first.left.link.binding).toBeUndefined();
    await Promise.all([first.opened, second.opened]);
    const binding = first.left.link.binding;
    expect(binding?.local).toMatch(/^[\da-f]{64}$/);
    expect(first.right.link.binding).toEqual({ local: binding?.remote, remote: binding?.local });
    expect(second.left.link.binding).not.toEqual(binding);
  });

  it("carries messages of every size whole and in order, both ways", async () => {
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    const sizes = [1, 2, 1199, 1200, 64 * 1024, maxMessageBytes - 1, maxMessageBytes, 1];
    for (const [index, size] of sizes.entries()) {
      left.link.send(new Uint8Array(size).fill(index));
      right.link.send(new Uint8Array(size).fill(100 + index));
    }
    await Promise.all([
      left.until(() => left.messages.length === sizes.length),
      right.until(() => right.messages.length === sizes.length),
    ]);
    expect(left.messages.map((bytes) => [bytes.length, bytes[0], bytes.at(-1)])).toEqual(
      sizes.map((size, index) => [size, 100 + index, 100 + index]),
    );
    expect(right.messages.map((bytes) => [bytes.length, bytes[0], bytes.at(-1)])).toEqual(
      sizes.map((size, index) => [size, index, index]),
    );
  });

  it("refuses a message above the limit and stays open", async () => {
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    let thrown: unknown;
    try {
      left.link.send(new Uint8Array(maxMessageBytes + 1));
    } catch (error) {
      thrown = error;
    }
    expect(isParleyError(thrown) && thrown.code).toBe("too_large");
    left.link.send(Uint8Array.of(1));
    await right.until(() => right.messages.length === 1);
  });

  it("sends only the window of a view, and lets the sender reuse the buffer at once", async () => {
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    const buffer = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
    left.link.send(buffer.subarray(10, 20));
    for (let index = 0; index < 50; index++) left.link.send(buffer.fill(index));
    buffer.fill(255);
    await right.until(() => right.messages.length === 51);
    expect([...(right.messages[0] ?? [])]).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    expect(
      right.messages.slice(1).every((bytes, index) => bytes.length === 4096 && bytes.every((byte) => byte === index)),
    ).toBe(true);
  });

  it("hands out plain arrays that the receiver owns", async () => {
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    left.link.send(Uint8Array.of(1, 2));
    left.link.send(Uint8Array.of(3, 4));
    await right.until(() => right.messages.length === 2);
    const [first, second] = right.messages;
    expect(first?.constructor.name).toBe("Uint8Array");
    const copy = first?.slice();
    first?.fill(9);
    expect([copy, second]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
  });

  it("asks for a pause, says when it is over, and loses nothing of 64 MiB", async () => {
    const count = 1024;
    let received = 0;
    let inOrder = true;
    let last = () => {};
    const done = new Promise<void>((resolve) => (last = resolve));
    const right = {
      onMessage: (bytes: Uint8Array) => {
        inOrder &&=
          new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === received && bytes.length === 64 * 1024;
        if (++received === count) last();
      },
    };
    const pair = dial(fixture(), options, { right, left: { onDrain: () => push() } });
    await pair.opened;
    let sent = 0;
    let pauses = 0;
    const message = new Uint8Array(64 * 1024);
    const push = () => {
      while (sent < count) {
        new DataView(message.buffer).setUint32(0, sent++);
        if (pair.left.link.send(message)) continue;
        pauses++;
        expect(pair.left.link.bufferedBytes).toBeLessThanOrEqual(512 * 1024);
        return;
      }
    };
    push();
    await done;
    expect(inOrder).toBe(true);
    expect(pauses).toBeGreaterThan(1);
    expect(pair.left.drained).toBe(pauses);
  }, 30_000);
}

function describeSignals(fixture: () => LinkFixture): void {
  it("opens when candidates come before the description that they belong to", async () => {
    const { opened } = dial(fixture(), options, {
      carry: (signal, deliver) =>
        signal.type === "candidate" ? deliver(signal) : setTimeout(() => deliver(signal), 30),
    });
    await opened;
  });

  it("opens when candidates come long after the descriptions", async () => {
    const { opened } = dial(fixture(), options, {
      carry: (signal, deliver) =>
        signal.type === "candidate" ? setTimeout(() => deliver(signal), 50) : deliver(signal),
    });
    await opened;
  });

  it("does nothing for a second offer() and closes on an offer after its own", async () => {
    const left = new LinkEnd(fixture().left, options);
    const right = new LinkEnd(fixture().right, options);
    left.link.offer();
    left.link.offer();
    right.link.offer();
    await Promise.all(
      [left, right].map((end) => end.until(() => end.signals.some((signal) => signal.type === "offer"))),
    );
    expect(left.signals.filter((signal) => signal.type === "offer")).toHaveLength(1);
    left.link.signal(offerOf(right));
    await left.until(() => left.closed.length > 0);
    expect(left.closed).toEqual(["bad-signal"]);
  });

  it("closes with bad-signal on what is no signal, never throws", async () => {
    const giver = new LinkEnd(fixture().left, options);
    giver.link.offer();
    await giver.until(() => giver.signals.some((signal) => signal.type === "offer"));
    const { sdp } = offerOf(giver);
    const bad: unknown[] = [
      undefined,
      null,
      7,
      "offer",
      {},
      { type: "pranswer", sdp },
      { type: "answer", sdp },
      { type: "offer" },
      { type: "offer", sdp: "" },
      { type: "offer", sdp: "v=0\r\n" },
      { type: "offer", sdp: sdp + "a=x\r\n".repeat(4000) },
      { type: "offer", sdp: sdp.replace(/a=fingerprint.*\r\n/, "") },
      { type: "offer", sdp: sdp.replace("webrtc-datachannel", "webrtc-datachannel\r\nm=video 9 UDP/TLS/RTP/SAVPF 96") },
      { type: "candidate" },
      { type: "candidate", candidate: "", mid: "0" },
      { type: "candidate", candidate: "candidate:1 1 UDP 1 127.0.0.1 9 typ host", mid: "\n" },
      { type: "candidate", candidate: "candidate:1 1 UDP 1 evil.example 9 typ host", mid: "0" },
      { type: "candidate", candidate: `candidate:1 1 UDP 1 127.0.0.1 9 typ host ${"x".repeat(1024)}`, mid: "0" },
    ];
    for (const signal of bad) {
      const end = new LinkEnd(fixture().right, options);
      end.link.signal(signal as LinkSignal);
      await end.until(() => end.closed.length > 0);
      expect([signal, end.closed]).toEqual([signal, ["bad-signal"]]);
    }
  });

  it(`takes ${garbageSeeds} seeds of mangled signals without harm`, async () => {
    // What a real link said, both sides: offer, answer and candidates.
    const { left, right, opened } = dial(fixture(), options);
    await opened;
    const said = [...left.signals, ...right.signals];
    expect(new Set(said.map((signal) => signal.type))).toEqual(new Set(["offer", "answer", "candidate"]));
    for (let seed = 0; seed < garbageSeeds; seed++) {
      const end = new LinkEnd(fixture().right, options);
      // Every other one gets the answer that it waits for.
      if (seed % 2 === 0) end.link.offer();
      for (const signal of seed % 2 === 0 ? said.toReversed() : said) end.link.signal(mangle(signal, seed));
      end.link.close();
      await end.until(() => end.closed.length > 0);
    }
    await dial(fixture(), options).opened;
  }, 60_000);
}

function describeEnds(fixture: () => LinkFixture): void {
  for (const side of ["left", "right"] as const) {
    it(`reports a close by the ${side} side once on both`, async () => {
      const pair = dial(fixture(), options);
      await pair.opened;
      const far = side === "left" ? pair.right : pair.left;
      pair[side].link.close();
      pair[side].link.close();
      expect([pair[side].link.isOpen, pair[side].link.send(Uint8Array.of(1))]).toEqual([false, false]);
      await Promise.all([pair[side].until(() => pair[side].closed.length > 0), far.until(() => far.closed.length > 0)]);
      far.link.close();
      await Promise.all([fixture().left.close(), fixture().right.close()]);
      expect(pair[side].closed).toEqual(["closed"]);
      expect(far.closed).toEqual(["remote-closed"]);
      expect([far.link.isOpen, far.link.binding, await far.link.route()]).toEqual([false, undefined, undefined]);
    });
  }

  it("reports a close before anything started, and not from inside the call", async () => {
    const end = new LinkEnd(fixture().left, options);
    end.link.close();
    expect(end.closed).toEqual([]);
    await end.until(() => end.closed.length > 0);
    end.link.offer();
    end.link.signal({ type: "offer", sdp: "" });
    expect([end.closed, end.signals, end.link.bufferedBytes]).toEqual([["closed"], [], 0]);
  });

  for (const callback of ["onSignal", "onOpen", "onMessage", "onDrain"] as const) {
    it(`can be closed from inside ${callback}`, async () => {
      const pair = dial(fixture(), options, { left: { [callback]: () => pair.left.link.close() } });
      if (callback === "onMessage" || callback === "onDrain") await pair.opened;
      if (callback === "onMessage") pair.right.link.send(Uint8Array.of(1));
      if (callback === "onDrain") while (pair.left.link.send(new Uint8Array(maxMessageBytes))) continue;
      await pair.left.until(() => pair.left.closed.length > 0);
      expect(pair.left.closed).toEqual(["closed"]);
      if (callback !== "onSignal") await pair.right.until(() => pair.right.closed.length > 0);
    });
  }

  it("ends a link whose owner sends on through a pause", async () => {
    const { left, opened } = dial(fixture(), options);
    await opened;
    const message = new Uint8Array(maxMessageBytes);
    for (let count = 0; left.link.isOpen && count < 1024; count++) left.link.send(message);
    await left.until(() => left.closed.length > 0);
    expect(left.closed[0]).toMatch(/^send-/);
  });

  it("closes all links with their factory, and makes no more", async () => {
    const pairs = [dial(fixture(), options), dial(fixture(), options)];
    await Promise.all(pairs.map((pair) => pair.opened));
    await fixture().left.close();
    expect(pairs.map((pair) => pair.left.closed)).toEqual([["closed"], ["closed"]]);
    expect(() =>
      fixture().left.create(options, { onSignal() {}, onOpen() {}, onMessage() {}, onDrain() {}, onClosed() {} }),
    ).toThrow("closed");
    await Promise.all(pairs.map((pair) => pair.right.until(() => pair.right.closed.length > 0)));
  });
}

function describeErrors(fixture: () => LinkFixture): void {
  it("reports what callbacks throw and goes on", async () => {
    const fail = (what: string) => () => {
      throw new Error(what);
    };
    const throwing = {
      onSignal: fail("signal"),
      onOpen: fail("open"),
      onMessage: fail("message"),
      onDrain: fail("drain"),
      onClosed: fail("closed"),
    };
    const { left, right, opened } = dial(fixture(), options, { left: throwing });
    await opened;
    right.link.send(Uint8Array.of(1));
    right.link.send(Uint8Array.of(2));
    await left.until(() => left.messages.length === 2);
    while (left.link.send(new Uint8Array(64 * 1024))) continue;
    await left.until(() => left.drained > 0);
    left.link.close();
    await left.until(() => left.closed.length > 0);
    const reported = new Set(
      fixture()
        .reported.splice(0)
        .map((error) => (error instanceof Error ? error.message : "")),
    );
    expect([...reported].toSorted()).toEqual(["closed", "drain", "message", "open", "signal"]);
  });
}

function offerOf(end: LinkEnd): { type: "offer" | "answer"; sdp: string } {
  const offer = end.signals.find((signal) => signal.type !== "candidate");
  if (offer === undefined) throw new Error("no offer yet");
  return offer;
}

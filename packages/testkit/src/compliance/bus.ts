import type { Bus, BusMessage } from "@parley/core";
import { maxBusMessageBytes } from "@parley/core";
import { isParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import type { Setup } from "./subject.ts";
import { Arrivals, Bench, bytesOf, expectCode, textOf } from "./subject.ts";

/** The behaviour of every Bus. */
export function describeBus(name: string, setup: Setup<Bus>): void {
  describe(`${name} as a Bus`, () => {
    const bench = new Bench(setup);
    describeDelivery(bench);
    describeArguments(bench);
  });
}

const texts = (messages: readonly BusMessage[]): readonly (string | undefined)[] =>
  messages.map(({ bytes }) => textOf(bytes));

function describeDelivery(bench: Bench<Bus>): void {
  it("brings a message to every subscription of its subject, in order", async () => {
    const { port: bus } = await bench.open();
    const [one, two] = [new Arrivals<BusMessage>(), new Arrivals<BusMessage>()];
    await bus.subscribe("hint/x", one.add);
    await bus.subscribe("hint/x", two.add);
    for (const text of ["a", "b", "c"]) bus.publish("hint/x", bytesOf(text));
    for (const seen of [one, two])
      expect(texts(await seen.until((items) => items.length === 3))).toEqual(["a", "b", "c"]);
    expect(one.items[0]?.subject).toBe("hint/x");
  });

  it("brings nothing of other subjects and nothing from before", async () => {
    const { port: bus } = await bench.open();
    const seen = new Arrivals<BusMessage>();
    bus.publish("hint/x", bytesOf("before"));
    await new Promise((resolve) => setImmediate(resolve));
    await bus.subscribe("hint/x", seen.add);
    bus.publish("hint/y", bytesOf("other"));
    bus.publish("hint/x/deeper", bytesOf("deeper"));
    bus.publish("hint", bytesOf("shorter"));
    bus.publish("hint/x", bytesOf("mine"));
    expect(texts(await seen.until((items) => items.length > 0))).toEqual(["mine"]);
  });

  it("takes a trailing star for one or more segments", async () => {
    const { port: bus } = await bench.open();
    const [under, all] = [new Arrivals<BusMessage>(), new Arrivals<BusMessage>()];
    await bus.subscribe("presence/*", under.add);
    await bus.subscribe("*", all.add);
    for (const subject of ["presence", "presences/a", "presence/a", "presence/a/b", "end"])
      bus.publish(subject, bytesOf(subject));
    const everything = await all.until((items) => items.length === 5);
    expect(everything.map(({ subject }) => subject)).toContain("presence");
    expect(texts(await under.until((items) => items.length === 2))).toEqual(["presence/a", "presence/a/b"]);
  });

  it("never calls a handler from inside publish", async () => {
    const { port: bus } = await bench.open();
    const seen = new Arrivals<BusMessage>();
    await bus.subscribe("hint/x", seen.add);
    bus.publish("hint/x", bytesOf("a"));
    expect(seen.items).toEqual([]);
    await seen.until((items) => items.length === 1);
  });

  it("ends a subscription when its signal aborts", async () => {
    const { port: bus } = await bench.open();
    const stop = new AbortController();
    const [ended, going] = [new Arrivals<BusMessage>(), new Arrivals<BusMessage>()];
    await bus.subscribe("hint/x", ended.add, { signal: stop.signal });
    await bus.subscribe("hint/x", going.add);
    bus.publish("hint/x", bytesOf("a"));
    await ended.until((items) => items.length === 1);
    stop.abort();
    await bus.subscribe("hint/x", ended.add, { signal: stop.signal });
    bus.publish("hint/x", bytesOf("b"));
    await going.until((items) => items.length === 2);
    expect(texts(ended.items)).toEqual(["a"]);
  });

  it("goes on after a handler threw, also for the other handlers", async () => {
    const { port: bus } = await bench.open();
    const seen = new Arrivals<BusMessage>();
    await bus.subscribe("hint/x", () => {
      throw new Error("a handler's mistake");
    });
    await bus.subscribe("hint/x", seen.add);
    bus.publish("hint/x", bytesOf("a"));
    bus.publish("hint/x", bytesOf("b"));
    await seen.until((items) => items.length === 2);
  });
}

/** The code that a publish is refused with. */
function refusal(bus: Bus, subject: string, bytes: Uint8Array): string | undefined {
  try {
    bus.publish(subject, bytes);
    return undefined;
  } catch (error) {
    return isParleyError(error) ? error.code : "uncoded";
  }
}

function describeArguments(bench: Bench<Bus>): void {
  it("takes a message at the limit and refuses one above it", async () => {
    const { port: bus } = await bench.open();
    const seen = new Arrivals<BusMessage>();
    await bus.subscribe("hint/x", seen.add);
    expect(refusal(bus, "hint/x", new Uint8Array(maxBusMessageBytes + 1))).toBe("too_large");
    expect(refusal(bus, "hint/x", new Uint8Array(maxBusMessageBytes))).toBeUndefined();
    const [message] = await seen.until((items) => items.length === 1);
    expect(message?.bytes.byteLength).toBe(maxBusMessageBytes);
  });

  it("refuses subjects and patterns that are not of the documented form", async () => {
    const { port: bus } = await bench.open();
    for (const subject of ["", "a/", "a//b", "a b", "a/*", "*"]) {
      expect(refusal(bus, subject, bytesOf("x"))).toBe("invalid_argument");
    }
    for (const pattern of ["", "a*", "*/a", "a/*/b", "/*"]) {
      await expectCode(
        bus.subscribe(pattern, () => undefined),
        "invalid_argument",
      );
    }
  });

  it("drops what is published after it is closed and refuses subscriptions", async () => {
    const { port: bus, subject } = await bench.open();
    const seen = new Arrivals<BusMessage>();
    await bus.subscribe("hint/x", seen.add);
    await subject.close();
    expect(refusal(bus, "hint/x", bytesOf("a"))).toBeUndefined();
    await expectCode(bus.subscribe("hint/x", seen.add), "closed");
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.items).toEqual([]);
  });
}

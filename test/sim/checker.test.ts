import type { Delivery, IncomingMessage } from "@parley/client";
import { FrameWriter } from "@parley/protocol";
import { randomId16, testEnvelope, testId, testRoutedFrame } from "@parley/testkit";
import { describe, expect, test } from "vitest";

import { type Attempt, Checker } from "./checker.ts";
import { Coverage } from "./coverage.ts";
import { Scheduler } from "./scheduler.ts";

const epoch = "e";
const listener = { device: "bob-0", member: "bob", kind: "agent" } as const;

const gil = testId("G");
const frameEpoch = randomId16();
const gils = ["gil-0", "gil-1"].map((device) => ({ device, member: gil, kind: "person" as const }));

const delivery = (seq: number, state: Delivery["state"], device?: string): Delivery =>
  ({ id: `${epoch}.${seq}`, state, at: 0, tookMs: 0, path: undefined, device, error: undefined }) as Delivery;

const message = (seq: number, change: { readonly redelivered?: boolean } = {}): IncomingMessage => ({
  id: `${epoch}.${seq}`,
  from: { member: "ada", name: "ada", device: "ada-0", kind: "agent", roles: [], trust: "member", verified: false },
  text: `ada>bob#${seq}`,
  created: 0,
  path: "relay",
  class: "durable",
  redelivered: false,
  hops: 0,
  attachments: [],
  request: false,
  secret: false,
  ...change,
});

const attempt = (seq: number, change: Partial<Attempt> = {}): Attempt => ({
  text: `ada>bob#${seq}`,
  class: "durable",
  from: "ada-0",
  to: "bob",
  expires: 0,
  id: `${epoch}.${seq}`,
  outcome: "accepted",
  code: undefined,
  settled: false,
  ...change,
});

/** A frame in the mailbox of a person that holds one envelope. */
function stored(seq: number, expires: number, more = false): Uint8Array {
  const writer = new FrameWriter();
  writer.data({ class: "durable", epoch: frameEpoch, base: 1, firstSeq: seq }, [testEnvelope("", { more })]);
  // The simulation's seal leaves what it seals readable, with a tag behind it.
  const content = new Uint8Array([...writer.finish(), ...new Uint8Array(16)]);
  return testRoutedFrame({ toMember: gil, fromMember: gil, fromDevice: gil, expires }, content);
}

/** Lets things happen to a checker and gives what it says of them. */
async function verdict(happen: (checker: Checker) => void): Promise<string> {
  const scheduler = new Scheduler();
  const checker = new Checker(scheduler, new Coverage(), new Map([["bob", ["bob-0", "bob-1"]]]));
  for (const seq of [1, 2]) checker.attempts.set(`ada>bob#${seq}`, attempt(seq));
  happen(checker);
  return scheduler
    .run(
      () => true,
      () => undefined,
    )
    .then(
      () => "",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
}

describe("the checker of the simulation", () => {
  test("believes what is so", async () => {
    const said = await verdict((checker) => {
      checker.onDelivery("ada-0.1", "bob", delivery(1, "accepted"), 0);
      checker.onCommitted("bob-0", epoch, 1);
      checker.onHandling(listener, "bob-0.1", message(1));
      checker.onReturned("bob-0", `${epoch}.1`);
      checker.onDelivery("ada-0.1", "bob", delivery(1, "delivered", "bob-0"), 0);
      checker.onDelivery("ada-0.1", "bob", delivery(1, "handled", "bob-0"), 0);
      expect(checker.unfinished([listener])).toEqual([expect.stringContaining("ada>bob#2")]);
    });
    expect(said).toBe("");
  });

  test("refuses `stored` of what was never in a mailbox", async () => {
    const said = await verdict((checker) => checker.onDelivery("ada-0.1", "bob", delivery(1, "stored"), 0));
    expect(said).toContain("no false state");
  });

  test("refuses `delivered` to a device that did not commit it", async () => {
    const said = await verdict((checker) => {
      checker.onCommitted("bob-0", epoch, 1);
      checker.onDelivery("ada-0.1", "bob", delivery(2, "delivered", "bob-0"), 0);
    });
    expect(said).toContain("did not commit it");
  });

  test("refuses `handled` before a handler returned", async () => {
    const said = await verdict((checker) => {
      checker.onCommitted("bob-0", epoch, 1);
      checker.onHandling(listener, "bob-0.1", message(1));
      checker.onDelivery("ada-0.1", "bob", delivery(1, "handled", "bob-0"), 0);
    });
    expect(said).toContain("handler did not return");
  });

  test("refuses `expired` before the time", async () => {
    const said = await verdict((checker) => {
      checker.attempts.set("ada>bob#1", attempt(1, { expires: 100 }));
      checker.onDelivery("ada-0.1", "bob", delivery(1, "expired"), 99);
    });
    expect(said).toContain("before its time");
  });

  test("refuses a state after a final one, and a step back", async () => {
    const after = await verdict((checker) => {
      checker.onDelivery("ada-0.1", "bob", delivery(1, "refused"), 0);
      checker.onCommitted("bob-0", epoch, 1);
      checker.onDelivery("ada-0.2", "bob", delivery(1, "delivered", "bob-0"), 0);
    });
    const back = await verdict((checker) => {
      checker.onCommitted("bob-0", epoch, 1);
      checker.onDelivery("ada-0.1", "bob", delivery(1, "delivered", "bob-0"), 0);
      checker.onDelivery("ada-0.1", "bob", delivery(1, "stored"), 0);
    });
    expect([after, back]).toEqual([
      expect.stringContaining("states go forward"),
      expect.stringContaining("states go forward"),
    ]);
  });

  test("refuses a message twice in one life, and one again without a flag in another", async () => {
    const twice = await verdict((checker) => {
      checker.onHandling(listener, "bob-0.1", message(1));
      checker.onHandling(listener, "bob-0.1", message(1, { redelivered: true }));
    });
    const unflagged = await verdict((checker) => {
      checker.onHandling(listener, "bob-0.1", message(1));
      checker.onHandling({ ...listener, device: "bob-1" }, "bob-1.1", message(1));
    });
    expect([twice, unflagged]).toEqual([
      expect.stringContaining("none twice in one life"),
      expect.stringContaining("repeats are flagged"),
    ]);
  });

  test("refuses disorder, and what nobody sent", async () => {
    const disorder = await verdict((checker) => {
      checker.onHandling(listener, "bob-0.1", message(2));
      checker.onHandling(listener, "bob-0.1", message(1));
    });
    const invented = await verdict((checker) => checker.onHandling(listener, "bob-0.1", message(3)));
    expect([disorder, invented]).toEqual([
      expect.stringContaining("order"),
      expect.stringContaining("nothing made up"),
    ]);
  });

  test("lets a person's device miss what it was told to have expired, each time that it was stored", async () => {
    const said = await verdict((checker) => {
      checker.attempts.clear();
      const change = { to: gil, id: `${frameEpoch}.2` };
      checker.attempts.set("ada>bob#1", attempt(1, { ...change, settled: true }));
      const [here, away] = gils;
      if (here === undefined || away === undefined) throw new Error("two devices");
      const left = (): number => checker.unfinished(gils).length;
      const tell = (from: number, to: number): void => checker.onTrimmed(away, { from, to, reason: "expired" }, 100);
      checker.onAppended(stored(1, 100, true), 5);
      checker.onAppended(stored(2, 101), 6);
      checker.onAppended(stored(1, 100, true), 7);
      checker.onHandling(here, "gil-0.1", { ...message(1), id: change.id });
      const before = left();
      tell(5, 5);
      const once = left();
      tell(7, 7);
      expect([before, once, left()]).toEqual([1, 1, 0]);
      // What nobody handled was not only missed.
      checker.handled.clear();
      expect(left()).toBe(1);
    });
    expect(said).toBe("");
  });

  test("refuses what is called expired before its time, or lost", async () => {
    const early = await verdict((checker) => {
      checker.onAppended(stored(1, 100), 5);
      for (const gil of gils) checker.onTrimmed(gil, { from: 5, to: 5, reason: "expired" }, 99);
    });
    const lost = await verdict((checker) => {
      for (const gil of gils) checker.onTrimmed(gil, { from: 5, to: 5, reason: "lost" }, 99);
    });
    expect([early, lost]).toEqual([expect.stringContaining("no false gap"), expect.stringContaining("no false gap")]);
  });
});

import { setImmediate as nextTask } from "node:timers/promises";

import { type InboxEntry, type Journal, openMemoryJournal } from "@parley/core";
import { type AckSection, type DataSection, type Envelope, envelopeKinds, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Inbox, type Source } from "../src/inbox.ts";

const epoch = "AAAAAAAAAAAAAAAAAAAAAA";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const envelope = (text: string, more = false): Envelope => ({
  kind: envelopeKinds.message,
  critical: true,
  more,
  created: 1,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: encoder.encode(text),
});

const section = (firstSeq: number, ...envelopes: readonly Envelope[]): DataSection => ({
  type: "data",
  class: "durable",
  epoch,
  base: 1,
  firstSeq,
  envelopes,
});

/** An inbox with its journal, the acknowledgements it gave and the texts it handed out. */
class Scene {
  readonly journal: Journal;
  readonly acks: number[] = [];
  readonly handled: string[] = [];
  readonly errors: unknown[] = [];
  readonly inbox: Inbox;
  handler: (entry: InboxEntry) => Promise<"gone" | void> = () => Promise.resolve();
  #waiting: (() => void)[] = [];

  constructor(change: Partial<Journal> = {}) {
    const inner = openMemoryJournal();
    this.journal = {
      ...change,
      commitInbox: change.commitInbox ?? ((...args) => inner.commitInbox(...args)),
      settleInbox: (entry) => inner.settleInbox(entry),
      pendingInbox: () => inner.pendingInbox(),
    } as Journal;
    this.inbox = new Inbox(
      {
        journal: this.journal,
        now: () => 1,
        handle: async (entry) => {
          this.handled.push(decoder.decode(entry.envelope.body));
          for (const look of this.#waiting.splice(0)) look();
          return this.handler(entry);
        },
        onError: (error) => void this.errors.push(error),
      },
      [],
    );
  }

  source(member = "member", device = "device"): Source {
    return {
      device,
      member: { member } as Source["member"],
      acknowledge: ({ seq }: AckSection) => void this.acks.push(seq),
      refuse: () => undefined,
    };
  }

  async count(count: number): Promise<void> {
    while (this.handled.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

describe("an inbox", () => {
  it("takes what comes twice at the same moment once, without an error", async () => {
    const scene = new Scene();
    scene.inbox.read([]);
    const both = section(1, envelope("a"), envelope("b"));
    await Promise.all([
      scene.inbox.receive(scene.source(), both, "relay"),
      scene.inbox.receive(scene.source(), both, "direct"),
    ]);
    await scene.inbox.receive(scene.source(), both, "direct");
    await scene.count(2);
    expect(scene.handled).toEqual(["a", "b"]);
    expect(scene.acks).toEqual([2, 2, 2]);
    expect(scene.errors).toEqual([]);
  });

  it("acknowledges nothing that is not on disk, and takes it when it comes again", async () => {
    let full = true;
    const inner = openMemoryJournal();
    const scene = new Scene({
      commitInbox: (...args) => (full ? Promise.reject(new ParleyError("storage_full")) : inner.commitInbox(...args)),
    });
    scene.inbox.read([]);
    const first = scene.inbox.receive(scene.source(), section(1, envelope("a")), "relay");
    const again = scene.inbox.receive(scene.source(), section(1, envelope("a")), "direct");
    const next = scene.inbox.receive(scene.source(), section(2, envelope("b")), "relay");
    await expect(first).rejects.toMatchObject({ code: "storage_full" });
    await expect(again).rejects.toMatchObject({ code: "storage_full" });
    await expect(next).rejects.toMatchObject({ retryable: true });
    expect(scene.acks).toEqual([]);
    full = false;
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), "direct");
    await scene.count(2);
    expect(scene.handled).toEqual(["a", "b"]);
    expect(scene.acks).toEqual([2]);
  });

  it("hands nothing out while nobody listens, and then everything in order", async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.handler = () => gate.promise;
    scene.inbox.read([]);
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b"), envelope("c")), "relay");
    await scene.count(1);
    scene.inbox.pause();
    gate.resolve();
    await nextTask();
    await scene.inbox.receive(scene.source(), section(4, envelope("d")), "relay");
    expect(scene.handled).toEqual(["a"]);
    expect(await scene.journal.pendingInbox()).toHaveLength(3);
    scene.inbox.read([]);
    await scene.count(4);
    expect(scene.handled).toEqual(["a", "b", "c", "d"]);
  });

  it("handles one message of a sender at a time, and does not let one sender wait for another", async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.handler = ({ sender }) => (sender === "slow" ? gate.promise : Promise.resolve());
    scene.inbox.read([]);
    await scene.inbox.receive(scene.source("slow", "one"), section(1, envelope("s1"), envelope("s2")), "relay");
    await scene.inbox.receive(scene.source("quick", "two"), section(1, envelope("q1"), envelope("q2")), "relay");
    await scene.count(3);
    expect(scene.handled).toEqual(["s1", "q1", "q2"]);
    gate.resolve();
    await scene.count(4);
    expect(scene.handled.at(-1)).toBe("s2");
  });

  it("goes on after a handler that throws", async () => {
    const scene = new Scene();
    scene.handler = () => Promise.reject(new Error("no"));
    scene.inbox.read([]);
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), "relay");
    await scene.count(2);
    expect(scene.errors).toHaveLength(1);
  });

  it("joins chunks and acknowledges a body when it is whole", async () => {
    const scene = new Scene();
    scene.inbox.read([]);
    await scene.inbox.receive(scene.source(), section(1, envelope("x"), envelope("one ", true)), "relay");
    await scene.inbox.receive(scene.source(), section(3, envelope("two ", true)), "relay");
    await scene.inbox.receive(scene.source(), section(2, envelope("one ", true), envelope("two ", true)), "relay");
    await scene.inbox.receive(scene.source(), section(4, envelope("three"), envelope("y")), "relay");
    await scene.count(3);
    expect(scene.handled).toEqual(["x", "one two three", "y"]);
    expect(scene.acks).toEqual([1, 1, 1, 5]);
  });

  it("keeps what a handler left before it had it, for the next one, and flags it", async () => {
    const scene = new Scene();
    const flags: boolean[] = [];
    scene.handler = () => {
      scene.inbox.pause();
      return Promise.resolve("gone");
    };
    scene.inbox.read([]);
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), "relay");
    await nextTask();
    expect(scene.handled).toEqual(["a"]);
    scene.handler = ({ redelivered }) => {
      flags.push(redelivered);
      return Promise.resolve();
    };
    scene.inbox.read([]);
    await nextTask();
    expect(scene.handled).toEqual(["a", "a", "b"]);
    expect(flags).toEqual([true, false]);
    expect(await scene.journal.pendingInbox()).toEqual([]);
  });
});

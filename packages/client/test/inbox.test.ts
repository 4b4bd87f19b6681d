import { setImmediate as nextTask } from "node:timers/promises";

import { type InboxEntry, type Journal, openMemoryJournal } from "@parley/core";
import { type AckSection, type DataSection, type Envelope, envelopeKinds, limits, ParleyError } from "@parley/protocol";
import { FakeClock, SeededRandom, testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type Failure, InboxLanes } from "../src/inbox-lanes.ts";
import { type Arrival, Inbox, type Source } from "../src/inbox.ts";
import { WriteAgain } from "../src/write-again.ts";

const epoch = "AAAAAAAAAAAAAAAAAAAAAA";
const decoder = new TextDecoder();

const envelope = (text: string, more = false): Envelope => testEnvelope(text, { more });

const section = (firstSeq: number, ...envelopes: readonly Envelope[]): DataSection => ({
  type: "data",
  class: "durable",
  epoch,
  base: 1,
  firstSeq,
  envelopes,
});

const by = (path: "relay" | "direct"): Arrival => ({ path, redelivered: false, fromMailbox: false });
const fromMailbox: Arrival = { path: "mailbox", redelivered: false, fromMailbox: true };

/** An inbox with its journal, the acknowledgements it gave and the texts it handed out. */
class Scene {
  readonly journal: Journal;
  readonly acks: number[] = [];
  readonly handled: string[] = [];
  readonly errors: unknown[] = [];
  readonly inbox: Inbox;
  readonly lanes: InboxLanes;
  /** How messages ended. */
  readonly ends: string[] = [];
  readonly gaps: (readonly [number, number])[] = [];
  readonly refusals: string[] = [];
  readonly vouched: (readonly [number, number])[] = [];
  readonly clock = new FakeClock();
  registryTime = 1;
  holdsInbox = true;
  isShared = false;
  onSync: (news: string) => Promise<void> = () => Promise.resolve();
  handler: (entry: InboxEntry) => Promise<"gone" | Failure | void> = () => Promise.resolve();
  #waiting: (() => void)[] = [];

  constructor(change: Partial<Journal> = {}, cursors: readonly { device: string; epoch: string; seq: number }[] = []) {
    this.journal = "load" in change ? (change as Journal) : Object.assign(openMemoryJournal(), change);
    const onError = (error: unknown): void => void this.errors.push(error);
    const writes = new WriteAgain({ clock: this.clock, random: new SeededRandom(1), onError });
    this.lanes = new InboxLanes({
      journal: this.journal,
      writes,
      now: () => 1,
      handle: async (entry) => {
        this.handled.push(decoder.decode(entry.envelope.body));
        for (const look of this.#waiting.splice(0)) look();
        return this.handler(entry);
      },
      onEnd: (entry, state) => void this.ends.push(`${decoder.decode(entry.envelope.body)} ${state}`),
      onError,
    });
    this.inbox = new Inbox(
      {
        journal: this.journal,
        writes,
        clock: this.clock,
        registryTime: () => this.registryTime,
        holdsInbox: () => this.holdsInbox,
        isOwn: (member) => member === "own",
        messages: { refusalOf: () => undefined, isSuspect: () => false },
        onKept: () => undefined,
        onNote: (_source, news) => this.onSync(decoder.decode(news.body)),
        isShared: () => this.isShared,
        lanes: this.lanes,
        onCommitted: (_source, _epoch, from, to) => void this.vouched.push([from, to]),
        onGap: (_source, from, to) => void this.gaps.push([from, to]),
        onError,
      },
      cursors,
    );
  }

  source(member = "member", device = "device"): Source {
    return {
      device,
      member: { member } as Source["member"],
      acknowledge: ({ seq }: AckSection) => void this.acks.push(seq),
      refuse: ({ seq, code }) => void this.refusals.push(`${seq} ${code}`),
      vouch: () => undefined,
      link: undefined,
      connected: true,
      boot: undefined,
    };
  }

  async count(count: number): Promise<void> {
    while (this.handled.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

describe("an inbox", () => {
  it("takes what comes twice at the same moment once, without an error", async () => {
    const scene = new Scene();
    scene.lanes.read();
    const both = section(1, envelope("a"), envelope("b"));
    await Promise.all([
      scene.inbox.receive(scene.source(), both, by("relay")),
      scene.inbox.receive(scene.source(), both, by("direct")),
    ]);
    await scene.inbox.receive(scene.source(), both, by("direct"));
    await scene.count(2);
    expect(scene.handled).toEqual(["a", "b"]);
    expect(scene.acks).toEqual([2, 2, 2]);
    expect(scene.errors).toEqual([]);
  });

  it("acknowledges nothing that another own device told and that is not on disk, and takes it when it comes again", async () => {
    let full = true;
    const taken: string[] = [];
    const scene = new Scene();
    scene.onSync = async (news) => {
      if (full) throw new ParleyError("storage_full");
      taken.push(news);
    };
    const sync = (text: string): Envelope => testEnvelope(text, { kind: envelopeKinds.sync });
    const own = scene.source("own");
    const first = scene.inbox.receive(own, section(1, sync("a")), by("relay"));
    const next = scene.inbox.receive(own, section(2, sync("b")), by("relay"));
    await expect(first).rejects.toMatchObject({ code: "storage_full" });
    await expect(next).rejects.toMatchObject({ retryable: true });
    expect(scene.acks).toEqual([]);
    full = false;
    await scene.inbox.receive(own, section(1, sync("a"), sync("b")), by("direct"));
    expect(taken).toEqual(["a", "b"]);
    expect(scene.acks).toEqual([2]);
  });

  it("acknowledges nothing that is not on disk, and takes it when it comes again", async () => {
    let full = true;
    const inner = openMemoryJournal();
    const scene = new Scene({
      commitInbox: (...args) => (full ? Promise.reject(new ParleyError("storage_full")) : inner.commitInbox(...args)),
    });
    scene.lanes.read();
    const first = scene.inbox.receive(scene.source(), section(1, envelope("a")), by("relay"));
    const again = scene.inbox.receive(scene.source(), section(1, envelope("a")), by("direct"));
    const next = scene.inbox.receive(scene.source(), section(2, envelope("b")), by("relay"));
    await expect(first).rejects.toMatchObject({ code: "storage_full" });
    await expect(again).rejects.toMatchObject({ code: "storage_full" });
    await expect(next).rejects.toMatchObject({ retryable: true });
    expect(scene.acks).toEqual([]);
    full = false;
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), by("direct"));
    await scene.count(2);
    expect(scene.handled).toEqual(["a", "b"]);
    expect(scene.acks).toEqual([2]);
  });

  it("hands nothing out while nobody listens, and then everything in order", async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.handler = () => gate.promise;
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b"), envelope("c")), by("relay"));
    await scene.count(1);
    scene.lanes.pause();
    gate.resolve();
    await nextTask();
    await scene.inbox.receive(scene.source(), section(4, envelope("d")), by("relay"));
    expect(scene.handled).toEqual(["a"]);
    expect(await scene.journal.pendingInbox()).toHaveLength(3);
    scene.lanes.read();
    await scene.count(4);
    expect(scene.handled).toEqual(["a", "b", "c", "d"]);
  });

  it("handles one message of a sender at a time, and does not let one sender wait for another", async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.handler = ({ sender }) => (sender === "slow" ? gate.promise : Promise.resolve());
    scene.lanes.read();
    await scene.inbox.receive(scene.source("slow", "one"), section(1, envelope("s1"), envelope("s2")), by("relay"));
    await scene.inbox.receive(scene.source("quick", "two"), section(1, envelope("q1"), envelope("q2")), by("relay"));
    await scene.count(3);
    expect(scene.handled).toEqual(["s1", "q1", "q2"]);
    gate.resolve();
    await scene.count(4);
    expect(scene.handled.at(-1)).toBe("s2");
  });

  it("sets a message aside whose handler throws, and goes on", async () => {
    const scene = new Scene();
    scene.handler = () => Promise.reject(new Error("no"));
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), by("relay"));
    await scene.count(2);
    await nextTask();
    expect(scene.errors).toHaveLength(2);
    expect(scene.ends).toEqual(["a dead-lettered", "b dead-lettered"]);
    const { records } = await scene.journal.deliveries({ states: ["dead-lettered"] });
    expect(records.map(({ seq, pending }) => [seq, pending])).toEqual([
      [1, false],
      [2, false],
    ]);
  });

  it("calls nothing handled that no handler could have", async () => {
    const scene = new Scene();
    scene.handler = () => Promise.resolve({ code: "malformed_frame", reason: "It cannot be read as a message." });
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a")), by("relay"));
    await scene.count(1);
    await nextTask();
    expect(scene.ends).toEqual(["a dead-lettered"]);
  });

  it("hands a message out again without those after it, whose ends are still being written", async () => {
    const scene = new Scene();
    const settle = scene.journal.settleInbox.bind(scene.journal);
    const later: (() => void)[] = [];
    scene.handler = ({ seq }) => (seq === 1 ? Promise.reject(new Error("no")) : Promise.resolve());
    scene.journal.settleInbox = (entry, fact) =>
      entry.seq === 1 ? settle(entry, fact) : new Promise((resolve) => later.push(() => resolve(settle(entry, fact))));
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), by("relay"));
    await scene.count(2);
    await nextTask();
    scene.handler = () => Promise.resolve();
    const [failed] = (await scene.journal.deliveries({ states: ["dead-lettered"] })).records;
    scene.lanes.again(await scene.journal.reopenInbox(failed?.place ?? 0));
    await scene.count(3);
    // The next ones have to be read from disk, where "b" still waits.
    scene.handler = () => nextTask().then(() => undefined);
    const large = "x".repeat(40_000);
    for (let seq = 3; seq <= 150; seq++)
      await scene.inbox.receive(scene.source(), section(seq, envelope(large)), by("relay"));
    await scene.count(3 + 148);
    expect(scene.handled.filter((text) => text.length === 1)).toEqual(["a", "b", "a"]);
    for (const write of later) write();
  });

  it("joins chunks and acknowledges a body when it is whole", async () => {
    const scene = new Scene();
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("x"), envelope("one ", true)), by("relay"));
    await scene.inbox.receive(scene.source(), section(3, envelope("two ", true)), by("relay"));
    await scene.inbox.receive(scene.source(), section(2, envelope("one ", true), envelope("two ", true)), by("relay"));
    await scene.inbox.receive(scene.source(), section(4, envelope("three"), envelope("y")), by("relay"));
    await scene.count(3);
    expect(scene.handled).toEqual(["x", "one two three", "y"]);
    expect(scene.acks).toEqual([1, 1, 1, 5]);
  });

  it("keeps what a handler left before it had it, for the next one, and flags it", async () => {
    const scene = new Scene();
    const flags: boolean[] = [];
    scene.handler = () => {
      scene.lanes.pause();
      return Promise.resolve("gone");
    };
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a"), envelope("b")), by("relay"));
    await nextTask();
    expect(scene.handled).toEqual(["a"]);
    scene.handler = ({ redelivered }) => {
      flags.push(redelivered);
      return Promise.resolve();
    };
    scene.lanes.read();
    await nextTask();
    expect(scene.handled).toEqual(["a", "a", "b"]);
    expect(flags).toEqual([true, false]);
    expect(await scene.journal.pendingInbox()).toEqual([]);
  });

  it("keeps a frame of the mailbox until the hole before it is filled", async () => {
    const scene = new Scene();
    const settled: number[] = [];
    const take = (seq: number, text: string): void =>
      void scene.inbox.receive(scene.source(), section(seq, envelope(text)), fromMailbox).then(() => settled.push(seq));
    scene.lanes.read();
    take(2, "b");
    take(3, "c");
    await nextTask();
    expect(settled).toEqual([]);
    take(1, "a");
    await scene.count(3);
    await nextTask();
    expect(settled.toSorted((left, right) => left - right)).toEqual([1, 2, 3]);
    expect(scene.handled).toEqual(["a", "b", "c"]);
  });

  it("lets go of a frame of the mailbox whose rest may lie out of reach, and takes it when it comes", async () => {
    const scene = new Scene();
    scene.lanes.read();
    const held = scene.inbox.receive(scene.source(), section(1, envelope("one ", true)), fromMailbox);
    await nextTask();
    scene.clock.advance(9999);
    let isLetGo = false;
    void held.then(() => (isLetGo = true));
    await nextTask();
    expect(isLetGo).toBe(false);
    scene.clock.advance(1);
    await held;
    expect(scene.acks.at(-1)).toBe(0);
    await scene.inbox.receive(scene.source(), section(2, envelope("two")), fromMailbox);
    await scene.count(1);
    expect(scene.handled).toEqual(["one two"]);
    expect(scene.acks.at(-1)).toBe(2);
  });

  it("goes on behind a hole of a shared stream once the mailbox says that frames were lost, and declares it", async () => {
    const scene = new Scene();
    scene.isShared = true;
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a")), fromMailbox);
    const held = scene.inbox.receive(scene.source(), section(4, envelope("d")), fromMailbox);
    scene.inbox.noteLoss();
    await held;
    await scene.count(2);
    expect(scene.handled).toEqual(["a", "d"]);
    expect(scene.gaps).toEqual([[2, 3]]);
  });

  it("vouches for nothing that fell into a hole", async () => {
    const scene = new Scene();
    scene.isShared = true;
    const held = scene.inbox.receive(scene.source(), section(4, envelope("d")), fromMailbox);
    scene.inbox.noteLoss();
    await held;
    const next = scene.inbox.receive(scene.source(), section(7, envelope("g")), fromMailbox);
    await next;
    expect(scene.vouched).toEqual([
      [4, 4],
      [7, 7],
    ]);
  });

  it("vouches for nothing that it refused, and for nothing that was withdrawn", async () => {
    const scene = new Scene();
    const late = { ...envelope("b"), ttl: 1 };
    const withdrawn = { ...envelope(""), kind: envelopeKinds.void };
    scene.registryTime = 1000;
    const came = section(1, envelope("a"), late, envelope("c"), withdrawn, envelope("e"));
    await scene.inbox.receive(scene.source(), came, by("direct"));
    expect([scene.vouched, scene.refusals, scene.acks.at(-1)]).toEqual([
      [
        [1, 1],
        [3, 3],
        [5, 5],
      ],
      ["2 expired"],
      5,
    ]);
  });

  it.each([
    ["was lost in the mailbox", 1],
    ["its sender settled", 4],
  ])("never joins the beginning of a body, whose end %s, to what follows", async (_why, base) => {
    const scene = new Scene();
    scene.isShared = true;
    scene.lanes.read();
    void scene.inbox.receive(scene.source(), section(1, envelope("half ", true)), fromMailbox).catch(() => undefined);
    const next = scene.inbox.receive(scene.source(), { ...section(4, envelope("whole")), base }, fromMailbox);
    scene.inbox.noteLoss();
    await next;
    await scene.count(1);
    expect(scene.handled).toEqual(["whole"]);
  });

  it("refuses a body that is too large, and goes on behind it", async () => {
    const scene = new Scene();
    scene.lanes.read();
    const part = envelope("x".repeat(48_000), true);
    const parts = [part, part, part, part, part, part, { ...part, more: false }, envelope("next")];
    await scene.inbox.receive(scene.source(), section(1, ...parts), by("direct"));
    await scene.count(1);
    expect([scene.handled, scene.refusals, scene.vouched]).toEqual([["next"], ["7 too_large"], [[8, 8]]]);
  });

  it("lets a frame of the mailbox go as soon as it is committed, in whatever order frames came", async () => {
    const scene = new Scene();
    const later = scene.inbox.receive(scene.source(), section(4, envelope("d")), fromMailbox);
    const sooner = scene.inbox.receive(scene.source(), section(2, envelope("b")), fromMailbox);
    await scene.inbox.receive(scene.source(), section(1, envelope("a")), fromMailbox);
    await sooner;
    await scene.inbox.receive(scene.source(), section(3, envelope("c")), fromMailbox);
    await later;
    expect(scene.acks.at(-1)).toBe(4);
  });

  it("acknowledges what the disk has though memory forgot it, and hands it out no second time", async () => {
    const scene = new Scene({ commitInbox: () => Promise.reject(new ParleyError("conflict")) });
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, envelope("a")), by("direct"));
    await nextTask();
    expect([scene.acks, scene.refusals, scene.handled]).toEqual([[1], [], []]);
  });

  it("takes no more of a sender that ignores its bounds while the disk is slow", async () => {
    const disk = Promise.withResolvers<readonly number[]>();
    const scene = new Scene({ commitInbox: () => disk.promise });
    const large = envelope("x".repeat(48_000));
    const count = Math.ceil((limits.unackedBytes + limits.envelopeBytes) / 48_000) + 1;
    for (let seq = 1; seq <= count; seq++)
      void scene.inbox.receive(scene.source(), section(seq, large), by("direct")).catch(() => undefined);
    const refused = scene.inbox.receive(scene.source(), section(count + 1, large), by("direct"));
    await expect(refused).rejects.toMatchObject({ code: "limit_reached" });
    disk.resolve([]);
  });

  it("answers the device as it is known now", async () => {
    const scene = new Scene();
    await scene.inbox.receive(scene.source(), section(1, envelope("a")), by("direct"));
    const acks: number[] = [];
    const met = { ...scene.source(), acknowledge: ({ seq }: AckSection) => void acks.push(seq) };
    await scene.inbox.receive(met, section(2, envelope("b")), by("direct"));
    expect([scene.acks, acks]).toEqual([[1], [2]]);
  });

  it("acknowledges what it has before it says that another instance takes the rest", async () => {
    const scene = new Scene();
    const said: string[] = [];
    const source = {
      ...scene.source(),
      acknowledge: ({ seq }: AckSection) => void said.push(`ack ${seq}`),
      refuse: ({ seq, code }: { seq: number; code: string }) => void said.push(`${code} ${seq}`),
    };
    const taken = scene.inbox.receive(source, section(1, envelope("a")), by("direct"));
    scene.holdsInbox = false;
    const refused = scene.inbox.receive(source, section(2, envelope("b")), by("direct"));
    await expect(refused).rejects.toMatchObject({ code: "not_holder" });
    await taken;
    expect(said.indexOf("ack 1")).toBe(0);
    expect(said.indexOf("not_holder 2")).toBeGreaterThan(0);
  });

  it("takes nothing on behalf of another instance", async () => {
    const scene = new Scene();
    scene.holdsInbox = false;
    const taken = scene.inbox.receive(scene.source(), section(7, envelope("a")), by("direct"));
    await expect(taken).rejects.toMatchObject({ code: "not_holder", retryable: true });
    expect(scene.refusals).toEqual(["7 not_holder"]);
    expect(scene.acks).toEqual([]);
  });

  it.each([
    [999, ["late"]],
    [1000, []],
    [1001, []],
  ])("hands nothing out whose time is over: 1000 ms after it was sent, at %i", async (now, handled) => {
    const scene = new Scene();
    scene.registryTime = now + 1;
    scene.lanes.read();
    await scene.inbox.receive(scene.source(), section(1, { ...envelope("late"), ttl: 1000 }), by("relay"));
    await nextTask();
    expect(scene.handled).toEqual(handled);
    expect(scene.acks).toEqual([1]);
    expect(scene.refusals).toEqual(handled.length === 0 ? ["1 expired"] : []);
  });

  it("reads from disk what a slow handler left there, in order and once", async () => {
    const scene = new Scene();
    const gate = Promise.withResolvers<void>();
    scene.handler = () => gate.promise;
    scene.lanes.read();
    const large = "x".repeat(40_000);
    const count = 300;
    for (let seq = 1; seq <= count; seq++)
      await scene.inbox.receive(scene.source(), section(seq, envelope(`${seq} ${large}`)), by("direct"));
    gate.resolve();
    await scene.count(count);
    expect(scene.handled.map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: count }, (_, at) => at + 1),
    );
  });

  it("refuses again what it refused, as often as it is sent again, also after a restart", async () => {
    const scene = new Scene();
    scene.registryTime = 2000;
    const short = { ...envelope("late"), ttl: 1000 };
    const both = section(1, short, envelope("lasting"));
    await scene.inbox.receive(scene.source(), both, by("relay"));
    await scene.inbox.receive(scene.source(), both, by("relay"));
    expect(scene.refusals).toEqual(["1 expired", "1 expired"]);
    await nextTask();
    const { inbound } = await scene.journal.load();
    const next = new Scene(scene.journal, inbound);
    next.lanes.read();
    await next.inbox.receive(next.source(), both, by("direct"));
    expect([next.refusals, next.acks]).toEqual([["1 expired"], [2]]);
    await next.count(1);
    expect(next.handled).toEqual(["lasting"]);
  });
});

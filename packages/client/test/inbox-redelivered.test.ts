import { type InboxEntry, openMemoryJournal } from "@parley/core";
import type { DataSection, Envelope } from "@parley/protocol";
import { FakeClock, SeededRandom, testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { InboxLanes } from "../src/inbox-lanes.ts";
import { type Arrival, Inbox, type Source } from "../src/inbox.ts";
import { WriteAgain } from "../src/write-again.ts";

const source: Source = {
  device: "device",
  member: { member: "member" } as Source["member"],
  acknowledge: () => undefined,
  refuse: () => undefined,
  vouch: () => undefined,
  link: undefined,
  connected: true,
  boot: undefined,
};
const message = testEnvelope("hello");

type Came = readonly [envelope: Envelope, arrival: Partial<Arrival>, firstSeq?: number];

/** The flags with which messages are handed out that came so, one frame each. */
async function flagsOf(...came: readonly Came[]): Promise<readonly boolean[]> {
  const journal = openMemoryJournal();
  const onError = (error: unknown): never => {
    throw error;
  };
  const handed: InboxEntry[] = [];
  const all = Promise.withResolvers<void>();
  const clock = new FakeClock();
  const writes = new WriteAgain({ clock, random: new SeededRandom(1), onError });
  const lanes = new InboxLanes({
    journal,
    writes,
    now: () => 1,
    handle: async (entry) => {
      if (handed.push(entry) === came.length) all.resolve();
    },
    onEnd: () => undefined,
    onError,
  });
  const inbox = new Inbox(
    {
      journal,
      writes,
      clock,
      lanes,
      registryTime: () => 1,
      holdsInbox: () => true,
      isOwn: () => false,
      messages: { refusalOf: () => undefined, isSuspect: () => false },
      onKept: () => undefined,
      onNote: () => Promise.resolve(),
      isShared: () => false,
      onCommitted: () => undefined,
      onGap: () => undefined,
      onError,
    },
    [],
  );
  lanes.read();
  for (const [index, [envelope, arrival, firstSeq = index + 1]] of came.entries()) {
    const epoch = "AAAAAAAAAAAAAAAAAAAAAA";
    const section: DataSection = { type: "data", class: "durable", epoch, base: 1, firstSeq, envelopes: [envelope] };
    await inbox.receive(source, section, { path: "relay", redelivered: false, fromMailbox: false, ...arrival });
  }
  await all.promise;
  return handed.map(({ redelivered }) => redelivered);
}

describe("a message that another instance may have had", () => {
  it("is handed out with its flag, whether the node or the sender says so", async () => {
    expect(await flagsOf([message, {}])).toEqual([false]);
    expect(await flagsOf([message, { redelivered: true }])).toEqual([true]);
    expect(await flagsOf([{ ...message, redelivered: true }, {}])).toEqual([true]);
  });

  it("keeps its flag while it waits for what is missing, and lends it to nothing else", async () => {
    expect(await flagsOf([message, { redelivered: true }, 2], [message, {}, 1])).toEqual([false, true]);
    expect(await flagsOf([message, {}, 2], [message, { redelivered: true }, 1])).toEqual([true, false]);
  });
});

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

/** The flag with which a message is handed out that came so. */
async function flagOf(envelope: Envelope, arrival: Partial<Arrival>): Promise<boolean> {
  const journal = openMemoryJournal();
  const onError = (error: unknown): never => {
    throw error;
  };
  const handed = Promise.withResolvers<InboxEntry>();
  const clock = new FakeClock();
  const writes = new WriteAgain({ clock, random: new SeededRandom(1), onError });
  const lanes = new InboxLanes({
    journal,
    writes,
    now: () => 1,
    handle: (entry) => Promise.resolve(handed.resolve(entry)),
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
      onSync: () => Promise.resolve(),
      isShared: () => false,
      onCommitted: () => undefined,
      onGap: () => undefined,
      onError,
    },
    [],
  );
  lanes.read();
  const section: DataSection = {
    type: "data",
    class: "durable",
    epoch: "AAAAAAAAAAAAAAAAAAAAAA",
    base: 1,
    firstSeq: 1,
    envelopes: [envelope],
  };
  await inbox.receive(source, section, { path: "relay", redelivered: false, fromMailbox: false, ...arrival });
  return (await handed.promise).redelivered;
}

describe("a message that another instance may have had", () => {
  it("is handed out with its flag, whether the node or the sender says so", async () => {
    expect(await flagOf(message, {})).toBe(false);
    expect(await flagOf(message, { redelivered: true })).toBe(true);
    expect(await flagOf({ ...message, redelivered: true }, {})).toBe(true);
  });
});

import { setImmediate as nextTask } from "node:timers/promises";

import { ParleyError, encodeDelivery } from "@parley/protocol";
import { FakeClock, SeededRandom, testRoutedFrame } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { MailboxAcks } from "../src/mailbox-acks.ts";
import { Relay, type RelayOptions } from "../src/relay.ts";

const opened = {} as Awaited<ReturnType<RelayOptions["opener"]["open"]>>;

function fromMailbox(offset: number, previous: number): Uint8Array {
  return encodeDelivery({ mailbox: { offset, previous, redelivered: false }, frame: testRoutedFrame() });
}

describe("a frame of the mailbox", () => {
  it("is not handed on when its device let go of it while it was opened", async () => {
    const acks = new MailboxAcks({
      session: { request: () => Promise.resolve({} as never) },
      clock: new FakeClock(),
      random: new SeededRandom(1),
      again: () => undefined,
      onLeft: () => undefined,
      onError: () => undefined,
    });
    const opening: PromiseWithResolvers<typeof opened>[] = [];
    const offsets: (number | undefined)[] = [];
    const relay = new Relay({
      session: {
        sendFrame: () => Promise.reject(new ParleyError("unreachable")),
      },
      sealer: { seal: () => Promise.reject(new ParleyError("unreachable")) },
      opener: {
        open: () => {
          const next = Promise.withResolvers<typeof opened>();
          opening.push(next);
          return next.promise;
        },
      },
      acks,
      isOwn: () => false,
      traffic: {} as RelayOptions["traffic"],
      onFrame: ({ mailbox }) => void offsets.push(mailbox?.offset),
      onRefused: () => undefined,
    });
    relay.receive(fromMailbox(7, 0));
    acks.letGo();
    relay.receive(fromMailbox(8, 0));
    for (const { resolve } of opening) resolve(opened);
    await nextTask();
    expect(offsets).toEqual([8]);
  });
});

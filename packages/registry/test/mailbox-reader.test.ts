import { type Log, openMemoryStores } from "@parley/core";
import { decodeDelivery } from "@parley/protocol";
import { FakeClock, testId, testRoutedFrame } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { MailboxGap } from "../src/mailbox-gaps.ts";
import { MailboxReader, type MailboxReaderOptions } from "../src/mailbox-reader.ts";

const frame = (expires: number, size = 1): Uint8Array => testRoutedFrame({ expires }, new Uint8Array(size));

interface Scene {
  readonly clock: FakeClock;
  readonly log: Log;
  readonly pushed: number[];
  readonly flagged: number[];
  readonly trimmed: string[];
  readonly put: (...expiries: number[]) => Promise<void>;
  readonly reader: (change?: Partial<MailboxReaderOptions>) => MailboxReader;
}

function setUp(gap?: MailboxGap): Scene {
  const clock = new FakeClock();
  const { log } = openMemoryStores({ clock });
  const scene = { pushed: [] as number[], flagged: [] as number[], trimmed: [] as string[] };
  return {
    ...scene,
    clock,
    log,
    put: async (...expiries) => {
      for (const expires of expiries) await log.append(`mailbox/${testId("M")}`, frame(expires));
    },
    reader: (change) =>
      new MailboxReader({
        log,
        member: testId("M"),
        cursor: undefined,
        gap: async () => gap,
        taken: async () => 0,
        uncertainTo: 0,
        now: () => clock.now(),
        deliver: (bytes) => {
          const delivery = decodeDelivery(bytes);
          const place = delivery.ok ? delivery.value.mailbox : undefined;
          scene.pushed.push(place?.offset ?? 0);
          if (place?.redelivered === true) scene.flagged.push(place.offset);
        },
        aheadFrames: 100,
        aheadBytes: 1_000_000,
        isFull: () => false,
        onceDrained: () => undefined,
        onTrimmed: (from, to, reason) => scene.trimmed.push(`${reason} ${from}-${to}`),
        onError: (error) => {
          throw error;
        },
        ...change,
      }),
  };
}

describe("what reads a mailbox to a device", () => {
  it("has credit for a number of frames, and goes on as they are acknowledged", async () => {
    const { clock, put, pushed, reader } = setUp();
    await put(0, 0, 0, 0, 0);
    const reads = reader({ aheadFrames: 2 });
    reads.kick();
    await clock.run(0);
    expect([pushed, reads.firstUnacknowledged]).toEqual([[1, 2], 1]);
    expect([0, 1, 2, 3].map((offset) => reads.makesRoom(offset))).toEqual([false, true, true, false]);
    reads.acknowledged(1);
    await clock.run(0);
    expect(pushed).toEqual([1, 2, 3]);
    reads.acknowledged(3);
    await clock.run(0);
    expect(pushed).toEqual([1, 2, 3, 4, 5]);
  });

  it("has credit for a number of bytes, and always for one frame", async () => {
    const { clock, put, pushed, reader } = setUp();
    await put(0, 0, 0);
    const bytes = frame(0).length;
    const reads = reader({ aheadBytes: bytes - 1 });
    reads.kick();
    await clock.run(0);
    expect(pushed).toEqual([1]);
    reads.acknowledged(1);
    await clock.run(0);
    expect(pushed).toEqual([1, 2]);
    const wide = reader({ aheadBytes: 2 * bytes });
    wide.kick();
    await clock.run(0);
    expect(pushed).toEqual([1, 2, 1, 2]);
  });

  it("flags what another device may have had", async () => {
    const { clock, put, flagged, reader } = setUp();
    await put(0, 0, 0);
    reader({ uncertainTo: 2 }).kick();
    await clock.run(0);
    expect(flagged).toEqual([1, 2]);
  });

  it("tells what it passes over because it has expired", async () => {
    const { clock, put, pushed, trimmed, reader } = setUp();
    await put(0, clock.now(), clock.now() + 1);
    reader().kick();
    await clock.run(0);
    expect([pushed, trimmed]).toEqual([[1, 3], ["expired 2-2"]]);
  });

  it("tells a device what expired or was lost above its cursor, and nothing below it", async () => {
    const { clock, log, put, trimmed, reader } = setUp({ from: 2, to: 4 });
    await put(0, 0, 0, 0, 0, 0);
    await log.trim(`mailbox/${testId("M")}`, 5);
    reader({ cursor: 3 }).kick();
    await clock.run(0);
    expect(trimmed).toEqual(["expired 4-4", "lost 5-5"]);
  });

  it("tells a device without a cursor what expired, and of the rest before the log nothing", async () => {
    const { clock, log, put, pushed, trimmed, reader } = setUp({ from: 2, to: 4 });
    await put(0, 0, 0, 0, 0, 0);
    await log.trim(`mailbox/${testId("M")}`, 5);
    reader().kick();
    await clock.run(0);
    expect([trimmed, pushed]).toEqual([["expired 2-4"], [6]]);
  });

  it("does not call lost what was acknowledged, and so let go, between two reads", async () => {
    const { clock, log, put, pushed, trimmed, reader } = setUp();
    await put(0, 0, 0, 0);
    await log.trim(`mailbox/${testId("M")}`, 1);
    let reads = 0;
    const halting: Pick<Log, "read"> = {
      read: async (stream, options) => {
        const page = await log.read(stream, options);
        if (reads++ > 0) return page;
        // A page may hold less than there is. What the device took in its last session is written down only now.
        await log.trim(`mailbox/${testId("M")}`, 3);
        return { ...page, entries: [], next: page.first, complete: false };
      },
    };
    reader({ log: halting, taken: async () => 3 }).kick();
    await clock.run(0);
    expect([trimmed, pushed]).toEqual([[], [4]]);
  });
});

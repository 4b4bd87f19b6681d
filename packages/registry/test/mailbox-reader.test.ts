import { openMemoryStores } from "@parley/core";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { keys } from "../src/keys.ts";
import type { MailboxGap } from "../src/mailbox-gaps.ts";
import { MailboxReader } from "../src/mailbox-reader.ts";

const nextTask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a device is told that took everything up to `cursor`, of a mailbox of four frames of which the first `gone` are gone. */
async function toldOf(
  cursor: number | undefined,
  gone: number,
  gap: MailboxGap | undefined,
): Promise<readonly string[]> {
  const { log } = openMemoryStores({ clock: new FakeClock() });
  for (let frame = 1; frame <= 4; frame++) await log.append(keys.mailbox("ada"), new Uint8Array([frame]));
  await log.trim(keys.mailbox("ada"), gone);
  const told: string[] = [];
  const reader = new MailboxReader({
    log,
    member: "ada",
    cursor,
    tellsEarlierGap: false,
    gap: () => Promise.resolve(gap),
    uncertainTo: 0,
    now: () => 0,
    deliver: (_bytes, offset) => void told.push(`frame ${offset}`),
    aheadFrames: 16,
    aheadBytes: 1_000_000,
    isFull: () => false,
    onceDrained: () => undefined,
    onTrimmed: (from, to, reason) => void told.push(`${reason} ${from}-${to}`),
    onError: (error) => void told.push(String(error)),
  });
  reader.kick();
  for (let turn = 0; turn < 20; turn++) await nextTask();
  reader.stop();
  return told;
}

describe("a reader of a mailbox", () => {
  it("hands out what comes after its cursor", async () => {
    expect(await toldOf(1, 0, undefined)).toEqual(["frame 2", "frame 3", "frame 4"]);
    expect(await toldOf(1, 1, undefined)).toEqual(["frame 2", "frame 3", "frame 4"]);
  });

  it("declares what expired before it was taken, and only that, before it goes on", async () => {
    expect(await toldOf(1, 3, { from: 1, to: 3 })).toEqual(["expired 2-3", "frame 4"]);
    expect(await toldOf(0, 3, { from: 1, to: 3 })).toEqual(["expired 1-3", "frame 4"]);
  });

  it("declares as lost what is gone and did not expire", async () => {
    expect(await toldOf(1, 3, { from: 2, to: 2 })).toEqual(["expired 2-2", "lost 3-3", "frame 4"]);
    expect(await toldOf(1, 3, undefined)).toEqual(["lost 2-3", "frame 4"]);
  });
});

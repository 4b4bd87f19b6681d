import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { MailboxQuota } from "../src/mailbox-quota.ts";

const bounds = { mailboxFrames: 4, mailboxBytes: 400, mailboxFramesPerSender: 3, mailboxBytesPerSender: 300 };

function outcomeOf(quota: MailboxQuota, from: string, bytes: number): unknown {
  try {
    quota.reserve(from, bytes);
    return "room";
  } catch (error) {
    return toParleyError(error).data;
  }
}

describe("the quota of a mailbox", () => {
  it("counts frames of one sender and of all, also those that are being written", () => {
    const quota = new MailboxQuota(bounds);
    for (const offset of [3, 5]) quota.hold({ offset, bytes: 10, expires: 0, from: "bob" });
    expect(outcomeOf(quota, "bob", 10)).toBe("room");
    expect(outcomeOf(quota, "bob", 10)).toEqual({ limit: "mailboxEnvelopesPerSender", oldestExpires: 0 });
    expect(outcomeOf(quota, "eve", 10)).toBe("room");
    expect(outcomeOf(quota, "eve", 10)).toEqual({ limit: "mailboxEnvelopes", oldestExpires: 0 });
    quota.giveBack("eve", 10);
    expect(outcomeOf(quota, "eve", 10)).toBe("room");
  });

  it("counts bytes at, below and above the limits", () => {
    const quota = new MailboxQuota(bounds);
    quota.hold({ offset: 1, bytes: 299, expires: 70, from: "bob" });
    expect(outcomeOf(quota, "bob", 2)).toEqual({ limit: "mailboxBytesPerSender", oldestExpires: 70 });
    expect(outcomeOf(quota, "bob", 1)).toBe("room");
    expect(outcomeOf(quota, "eve", 101)).toEqual({ limit: "mailboxBytes", oldestExpires: 70 });
    expect(outcomeOf(quota, "eve", 100)).toBe("room");
  });

  it("gives back what is released, and knows what has expired at its head", () => {
    const quota = new MailboxQuota(bounds);
    const expiries = [10, 20, 0, 15];
    for (const [index, expires] of expiries.entries())
      quota.hold({ offset: index + 1, bytes: 10, expires, from: index % 2 === 0 ? "bob" : "eve" });
    expect([quota.expiredHead(9), quota.expiredHead(10), quota.expiredHead(1000)]).toEqual([
      undefined,
      { from: 1, to: 1 },
      { from: 1, to: 2 },
    ]);
    quota.release(3);
    expect([quota.frames, quota.bytes, quota.expiredHead(1000)]).toEqual([2, 20, undefined]);
    quota.release(4);
    expect(quota.expiredHead(1000)).toEqual({ from: 4, to: 4 });
    quota.release(100);
    expect([quota.frames, quota.bytes]).toEqual([0, 0]);
  });
});

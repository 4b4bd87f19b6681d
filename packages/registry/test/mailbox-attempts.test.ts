import { describe, expect, it } from "vitest";

import { MailboxAttempts } from "../src/mailbox-attempts.ts";

function stops(attempts: MailboxAttempts, count: number, offset: number, from = 0): void {
  for (let boot = from; boot < from + count; boot++) attempts.stopped("device", `boot ${boot}`, offset);
}

describe("attempts at a frame of the mailbox", () => {
  it("are so many starts that stop at it", () => {
    const attempts = new MailboxAttempts(5);
    stops(attempts, 4, 7);
    expect(attempts.stuckAt("device")).toBeUndefined();
    stops(attempts, 1, 7, 4);
    expect(attempts.stuckAt("device")).toBe(7);
    expect(attempts.stuckAt("another")).toBeUndefined();
  });

  it("are not sessions of one start, nor stops at different frames", () => {
    const attempts = new MailboxAttempts(2);
    for (let session = 0; session < 9; session++) attempts.stopped("device", "boot", 7);
    expect(attempts.stuckAt("device")).toBeUndefined();
    stops(attempts, 1, 8, 1);
    stops(attempts, 1, 7, 2);
    expect(attempts.stuckAt("device")).toBeUndefined();
  });

  it("begin anew once the device took something", () => {
    const attempts = new MailboxAttempts(2);
    stops(attempts, 1, 7);
    attempts.took("device");
    stops(attempts, 1, 7, 1);
    expect(attempts.stuckAt("device")).toBeUndefined();
  });

  it("take one frame out of the way of a device that never takes anything, not one after the other", () => {
    const attempts = new MailboxAttempts(2);
    stops(attempts, 2, 7);
    attempts.helped("device");
    stops(attempts, 5, 8, 2);
    expect(attempts.stuckAt("device")).toBeUndefined();
    attempts.took("device");
    stops(attempts, 2, 9, 10);
    expect(attempts.stuckAt("device")).toBe(9);
  });
});

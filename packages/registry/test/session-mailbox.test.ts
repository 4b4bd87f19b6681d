import { setImmediate as nextTask } from "node:timers/promises";

import { type LogPage, openMemoryStores } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { expect, it } from "vitest";

import { defaultBounds } from "../src/bounds.ts";
import { MailboxAttempts } from "../src/mailbox-attempts.ts";
import { Mailboxes } from "../src/mailboxes.ts";
import { SessionMailbox, type SessionMailboxOptions } from "../src/session-mailbox.ts";

it("goes on at the next beat when the store failed", async () => {
  const clock = new FakeClock();
  const stores = openMemoryStores({ clock });
  const errors: unknown[] = [];
  let isBroken = true;
  let reads = 0;
  const member = "M".repeat(43);
  const options: Partial<SessionMailboxOptions> = {
    store: {
      read: (...request): Promise<LogPage> => {
        reads++;
        if (isBroken) return Promise.reject(new ParleyError("storage_unavailable"));
        return stores.log.read(...request);
      },
    },
    mailboxes: new Mailboxes({
      ...stores,
      clock,
      bounds: defaultBounds,
    }),
    attempts: new MailboxAttempts(5),
    bounds: defaultBounds,
    now: () => clock.now(),
    member,
    kind: "person",
    device: "D".repeat(43),
    cursor: undefined,
    deliver: () => undefined,
    isFull: () => false,
    isPaused: () => false,
    onError: (error) => void errors.push(error),
  };
  const mailbox = new SessionMailbox(options as SessionMailboxOptions);
  const settle = async (): Promise<number> => {
    for (let turn = 0; turn < 10; turn++) await nextTask();
    return reads;
  };
  mailbox.changed();
  expect(await settle()).toBe(1);
  expect(errors).toHaveLength(1);
  isBroken = false;
  mailbox.beat();
  expect(await settle()).toBe(2);
  mailbox.beat();
  expect(await settle()).toBe(2);
});

import { decodeRoutedFrame, limits, ParleyError } from "@parley/protocol";

import type { DeadLetters } from "../dead-letters.ts";
import type { InboxLeases } from "../inbox-leases.ts";
import type { Mailboxes } from "../mailboxes.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface MailboxServices {
  readonly mailboxes: Mailboxes;
  readonly inboxes: InboxLeases;
  readonly deadLetters: DeadLetters;
  /** The mailbox of a member has more. */
  readonly mailboxChanged: (member: string) => void;
}

/** How far a device took its member's mailbox, what it could not take, and who holds an agent's inbox. */
export function mailboxRequests({
  mailboxes,
  inboxes,
  deadLetters,
  mailboxChanged,
}: MailboxServices): RequestHandlers<RequestsOf<"mailbox" | "inbox">> {
  return {
    "mailbox.ack": async (caller, { offset }, session) => {
      if (caller.kind === "agent") await inboxes.check(session);
      await session.mailbox.acknowledge(offset);
      return {};
    },
    "mailbox.refuse": async (caller, { offset, code }, session) => {
      if (caller.kind === "agent") await inboxes.check(session);
      await session.mailbox.refuse(offset, code);
      return {};
    },
    "mailbox.dead.list": (caller, { after, limit }) => deadLetters.list(caller.member, limit ?? limits.pageSize, after),
    "mailbox.dead.remove": async (caller, { offsets }) => ({
      removed: await deadLetters.remove(caller.member, offsets),
    }),
    "mailbox.dead.redeliver": async (caller, { offset }) => {
      const bytes = await deadLetters.frame(caller.member, offset);
      const frame = decodeRoutedFrame(bytes);
      if (!frame.ok) throw new ParleyError(frame.code);
      const place = await mailboxes.append(frame.value, bytes, `dead.${offset}`);
      await deadLetters.remove(caller.member, [offset]);
      mailboxChanged(caller.member);
      return { offset: place };
    },
    "inbox.release": async (_caller, { generation }, session) => {
      await inboxes.release(session, generation);
      return {};
    },
  };
}

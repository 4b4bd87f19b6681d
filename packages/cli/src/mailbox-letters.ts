/** Dead letters of this member's mailbox, which the registry keeps sealed. */
import type { DeviceApi } from "@parley/client";
import { type DeadLetter, limits } from "@parley/protocol";

const mostPages = Math.ceil(limits.deadLetters / limits.pageSize);

/** All of them, oldest first, or those of one sender. */
export async function mailboxLetters(device: DeviceApi, sender?: string): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  let after: number | undefined;
  for (let page = 0; page < mostPages; page++) {
    const body = { limit: limits.pageSize, ...(after === undefined ? {} : { after }) };
    const reply = await device.request("mailbox.dead.list", body);
    letters.push(...reply.letters.filter(({ fromMember }) => sender === undefined || fromMember === sender));
    if (reply.next === undefined) break;
    after = reply.next;
  }
  return letters;
}

/** Drops letters for good; gives how many there were. */
export async function removeLetters(device: DeviceApi, offsets: readonly number[]): Promise<number> {
  let removed = 0;
  for (let at = 0; at < offsets.length; at += limits.pageSize) {
    const page = offsets.slice(at, at + limits.pageSize);
    removed += (await device.request("mailbox.dead.remove", { offsets: page })).removed;
  }
  return removed;
}

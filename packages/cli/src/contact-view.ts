/** Where a member stands with this one, in words. */
import type { ContactView } from "@parley/client";

import type { CommandContext } from "./command-context.ts";
import type { CommandModule } from "./command.ts";
import { nameOf } from "./delivery-table.ts";
import { withDevice } from "./open-device.ts";

export const standingText: Readonly<Record<ContactView["standing"], string>> = {
  unknown: "unknown",
  request: "waits to be accepted",
  accepted: "accepted",
  blocked: "blocked",
};

export const trustText: Readonly<Record<ContactView["trust"], string>> = {
  verified: "words compared",
  unverified: "not compared",
  changed: "ANOTHER KEY than before",
};

export const secretText: Readonly<Record<ContactView["secret"], string>> = {
  none: "none",
  random: "random",
  phrase: "phrase",
  "weak-phrase": "weak phrase",
};

export function printContact({ out }: CommandContext, contact: ContactView): void {
  out.result(contact, () => {
    const rows: readonly (readonly [string, string])[] = [
      ["name", nameOf(contact.name, contact.member)],
      ["member", contact.member],
      ["standing", standingText[contact.standing]],
      ["key", trustText[contact.trust]],
      ["shared secret", secretText[contact.secret]],
    ];
    for (const [key, value] of rows) out.line(`${key.padEnd(14)} ${value}`);
  });
}

type Decision = "accept" | "block" | "unblock";

/** A command that decides about a member and shows where it stands afterwards. */
export const deciding =
  (decision: Decision): CommandModule["run"] =>
  async (context) =>
    withDevice(context, async ({ device }) => {
      const who = context.input.argument("member");
      await device.conversations[decision](who);
      printContact(context, await device.conversations.contact(who));
      return 0;
    });

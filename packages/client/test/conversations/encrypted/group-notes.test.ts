import { openMemoryJournal } from "@parley/core";
import { expect, it } from "vitest";

import { GroupNotes } from "../../../src/conversations/encrypted/group-notes.ts";
import { GroupStore, maxInvitationCharacters } from "../../../src/conversations/encrypted/group-store.ts";

it.each([
  [maxInvitationCharacters - 1, true],
  [maxInvitationCharacters, true],
  [maxInvitationCharacters + 1, false],
])("an invitation of %i characters leaves what is known of the group as it is", async (length, isKept) => {
  const journal = openMemoryJournal();
  const notes = new GroupNotes(new GroupStore(journal, "channel"));
  await notes.noteKey("device", "key");
  const invitation = "i".repeat(length);
  await notes.noteInvitation(invitation);
  await notes.noteRefused();
  const again = new GroupNotes(new GroupStore(journal, "channel"));
  await again.load();
  expect(again.keys).toEqual({ device: "key" });
  expect(again.invitation).toBe(isKept ? invitation : undefined);
  expect(again.isRefused(isKept ? invitation : undefined)).toBe(true);
});

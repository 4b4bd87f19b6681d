import type { DeviceApi } from "@parley/client";
import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { conversationOf } from "../src/conversation-names.ts";

const device = {
  state: "connected",
  memberOf: (name: string) =>
    name === "bob" ? Promise.resolve({ member: "B" }) : Promise.reject(new ParleyError("unknown_member")),
  conversations: { contacts: () => Promise.resolve([]) },
} as unknown as DeviceApi;

describe("the name of a conversation", () => {
  it("is a member's, with @ or without, or a channel's with #", async () => {
    expect(await conversationOf(device, "bob")).toBe("@B");
    expect(await conversationOf(device, "@bob")).toBe("@B");
    expect(await conversationOf(device, "#general")).toBe("#general");
  });

  it("says how a channel is written where no member has the name", async () => {
    await expect(conversationOf(device, "general")).rejects.toThrow(
      "No member is called general; a channel is written '#general'",
    );
    await expect(conversationOf(device, "@general")).rejects.toThrow("No member has this name");
    await expect(conversationOf(device, "no name")).rejects.toThrow("No member has this name");
  });
});

import { openMemoryArchive, openMemoryJournal } from "@parley/core";
import { toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Author, channelId, FakeNode, Life, text } from "./channel-scene.ts";

const self = await Author.create("self");
const ada = await Author.create("ada");
const otherId = toBase64url(new Uint8Array(32).fill(11));

/** A device that was in an invite-only channel, and is not any more. */
async function leaving(kept: Parameters<typeof Life.begin>[3] = {}): Promise<Life> {
  const node = new FakeNode();
  const life = await Life.begin(node, self, [ada], kept);
  node.connect(life.channels);
  await life.channels.join("#general");
  node.append(await ada.post(text("between us")));
  await life.until(async () => (await life.messages()).length === 1);
  await leave(life);
  return life;
}

async function leave(life: Life): Promise<void> {
  const { node, channels } = life;
  await channels.leave(node.channel.channel);
  node.joined = false;
  node.hidden = true;
  await life.settle();
}

/** The next channel of the same name. */
async function joinNamesake(life: Life): Promise<void> {
  life.node.channel = { ...life.node.channel, channel: otherId };
  life.node.joined = true;
  life.node.hidden = false;
  await life.channels.join("#general");
}

describe("a channel that this member left", () => {
  it("goes by its last known name for reading, and by no other act", async () => {
    const { channels } = await leaving();
    expect(await channels.remembered("#general")).toBe(channelId);
    expect(await channels.remembered(`#${channelId}`)).toBe(channelId);
    expect(await channels.view("#general")).toMatchObject({
      channel: channelId,
      name: "general",
      joined: false,
      open: false,
    });
    await expect(channels.idOf("#general")).rejects.toMatchObject({ code: "unknown_channel" });
    await expect(channels.remembered("#generic")).rejects.toMatchObject({ code: "unknown_channel" });
  });

  it("keeps its name over a restart, with and without the registry", async () => {
    const kept = { archive: openMemoryArchive(), journal: openMemoryJournal() };
    const { node } = await leaving(kept);
    node.disconnect();
    const later = await Life.begin(node, self, [ada], kept);
    expect(await later.channels.remembered("#general")).toBe(channelId);
    expect(await later.channels.joined()).toEqual([]);
    node.connect(later.channels);
    expect(await later.channels.remembered("#general")).toBe(channelId);
    node.hidden = false;
    await later.channels.join("#general");
    expect(await later.channels.idOf("#general")).toBe(channelId);
  });

  it("gives way to one of the same name that this member is in, and is in doubt beside one that it is not in", async () => {
    const life = await leaving();
    await joinNamesake(life);
    expect(await life.channels.remembered("#general")).toBe(otherId);
    await leave(life);
    await expect(life.channels.remembered("general")).rejects.toMatchObject({
      code: "invalid_argument",
      data: { candidates: [`#${channelId}`, `#${otherId}`] },
    });
    expect(await life.channels.remembered(`#${channelId}`)).toBe(channelId);
  });

  it("is in doubt beside one of the same name that this member may see", async () => {
    const life = await leaving();
    life.node.channel = { ...life.node.channel, channel: otherId };
    life.node.hidden = false;
    await expect(life.channels.remembered("#general")).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

import type { ChannelView, DeviceEvent, IncomingMessage, IncomingPost } from "@parley/client";
import { ParleyError } from "@parley/protocol";
import { expect, it } from "vitest";

import { type ListenedDevice, Listening, type ListeningOptions } from "../src/listening.ts";
import { said } from "./said.ts";

const view = (name: string, change: Partial<ChannelView> = {}): ChannelView => ({
  channel: `id-${name}`,
  name,
  kind: "public",
  encrypted: false,
  topic: "",
  history: "all",
  retention: { posts: 1, bytes: 1_000_000, ageMs: 60_000 },
  created: 1,
  members: 1,
  joined: true,
  open: true,
  unread: 0,
  mentions: 0,
  last: undefined,
  trouble: undefined,
  ...change,
});

/** A device with these channels that writes down what it is asked. */
class Heard implements ListenedDevice {
  readonly member = "me";
  readonly asked: unknown[] = [];
  readonly handlers = new Map<string, (post: IncomingPost) => void | Promise<void>>();
  readonly #channels: ChannelView[];
  onEvent: (event: DeviceEvent) => void = () => undefined;
  takesMessages = false;
  /** Offset of the oldest post here; older ones are fetched three at a time. */
  oldest = 1;

  constructor(...channels: ChannelView[]) {
    this.#channels = channels;
  }

  onMessage(_handler: (message: IncomingMessage) => void | Promise<void>): () => void {
    this.takesMessages = true;
    return () => (this.takesMessages = false);
  }

  watch(listener: (event: DeviceEvent) => void): () => void {
    this.onEvent = listener;
    return () => undefined;
  }

  readonly conversations: ListenedDevice["conversations"] = {
    channels: async () => this.#channels.filter(({ joined }) => joined),
    channel: async (name) => {
      const found = this.#channels.find((each) => name === `#${each.name}` || name === `#${each.channel}`);
      if (found === undefined) throw new ParleyError("unknown_channel");
      return found;
    },
    joinChannel: async (name) => {
      this.asked.push(["join", name]);
      return { ...(await this.conversations.channel(name)), joined: true };
    },
    subscribe: async (channel, handler, options) => {
      this.asked.push(["subscribe", channel, options]);
      this.handlers.set(channel, handler);
      return () => void this.handlers.delete(channel);
    },
    messages: async () => ({ messages: [said({ sort: this.oldest })], more: false }),
    fetchOlder: async (channel) => {
      this.asked.push(["older", channel]);
      this.oldest -= 3;
      return true;
    },
  };
}

function listening(options: Partial<ListeningOptions> = {}) {
  const posts: IncomingPost[] = [];
  const handlers = { message: async () => undefined, post: async (post: IncomingPost) => void posts.push(post) };
  return { posts, heard: new Listening({ channels: [], place: "listen", ...options }, handlers) };
}

it("hears every channel that was joined when none is named, and those that are joined later", async () => {
  const device = new Heard(view("general"), view("agents", { joined: false }));
  const { heard } = listening();
  expect(await heard.begin(device)).toEqual(["#general"]);
  expect(device.asked).toEqual([["subscribe", "#id-general", { name: "listen" }]]);
  const event = { type: "channel", channel: "id-agents", name: "me", by: undefined, at: 1 } as const;
  device.onEvent({ ...event, what: "joined", member: "other" });
  device.onEvent({ ...event, what: "joined", member: "me" });
  await expect.poll(() => device.handlers.has("#id-agents"), { interval: 5 }).toBe(true);
  expect(heard.nameOf("id-agents")).toBe("agents");
  device.onEvent({ ...event, what: "kicked", member: "me" });
  expect([...device.handlers.keys()]).toEqual(["#id-general"]);
  heard.end();
  expect([device.handlers.size, device.takesMessages]).toEqual([0, false]);
});

it("joins a public channel that is named, and no other one", async () => {
  const device = new Heard(view("general", { joined: false }), view("plans", { kind: "invite", joined: false }));
  expect(await listening({ channels: ["#general"] }).heard.begin(device)).toEqual(["#general"]);
  expect(device.asked[0]).toEqual(["join", "#general"]);
  await expect(listening({ channels: ["#plans"] }).heard.begin(device)).rejects.toMatchObject({
    code: "not_in_channel",
  });
  const closed = new Heard(view("plans", { kind: "invite", joined: false, open: false }));
  await expect(listening({ channels: ["#plans"] }).heard.begin(closed)).rejects.toMatchObject({ code: "not_invited" });
});

it("begins after an offset once, with what has to be fetched for it, and then goes on from its place", async () => {
  const device = new Heard(view("general"));
  device.oldest = 8;
  const { heard } = listening({ channels: ["#general"], since: 2, place: "mine", replay: 5 });
  await heard.begin(device);
  heard.end();
  await heard.begin(device);
  expect(device.asked).toEqual([
    ["older", "#id-general"],
    ["older", "#id-general"],
    ["subscribe", "#id-general", { name: "mine", since: 2, replay: 5 }],
    ["subscribe", "#id-general", { name: "mine", replay: 5 }],
  ]);
});

it("hands out posts with the way to leave before they count as taken", async () => {
  const device = new Heard(view("general"));
  const { heard, posts } = listening();
  await heard.begin(device);
  const post = { channel: "id-general", channelName: "general", message: said(), replay: false, redelivered: false };
  await device.handlers.get("#id-general")?.(post);
  expect(posts).toEqual([post]);
});

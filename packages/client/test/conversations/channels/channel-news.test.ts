import { describe, expect, it } from "vitest";

import { Author, channelId, FakeNode, Life } from "./channel-scene.ts";

const self = await Author.create("self");

const changed = (life: Life, at: number): void => {
  life.channels.onPush({ type: "channel.event", body: { channel: channelId, what: "changed", at } });
};

describe("a channel that changes", () => {
  it("is asked for at once, and again and again no more than once a second", async () => {
    const node = new FakeNode();
    const life = await Life.begin(node, self, []);
    node.connect(life.channels);
    await life.until(() => node.following);
    await life.settle();
    node.asked.splice(0);
    const asked = (): number => node.asked.filter((type) => type === "channel.get").length;
    for (let at = 1; at <= 50; at++) {
      node.channel = { ...node.channel, topic: `topic ${at}` };
      changed(life, at);
    }
    await life.settle();
    expect(asked()).toBe(1);
    node.channel = { ...node.channel, topic: "the last" };
    changed(life, 51);
    await life.clock.run(1000);
    await life.settle();
    expect(asked()).toBe(2);
    expect((await life.channels.joined())[0]?.topic).toBe("the last");
    expect(life.events.filter(({ type }) => type === "channel")).toMatchObject([{ at: 1 }, { at: 51 }]);
    await life.clock.run(1000);
    expect(asked()).toBe(2);
    changed(life, 52);
    await life.settle();
    expect(asked()).toBe(3);
    life.channels.stop();
  });
});

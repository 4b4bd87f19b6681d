import { describe, expect, it } from "vitest";

import { Messages, numbered } from "../integration/device-fixture.ts";
import { expectTalk, ForeignScene } from "./foreign-scene.ts";
import { stacks } from "./stacks.ts";

describe.each(Object.keys(stacks))("a device on %s", (stack) => {
  it("is dialled by ours, and both talk directly", async () => {
    await using scene = await ForeignScene.start(stack);
    await expectTalk(scene.ours, scene.foreign, "direct");
  });

  it("dials ours, and both talk directly", async () => {
    await using scene = await ForeignScene.start(stack);
    await expectTalk(scene.foreign, scene.ours, "direct");
  });

  it("ends up with one link when both dial in the same tick", async () => {
    await using scene = await ForeignScene.start(stack);
    const { ours, foreign } = scene;
    await Promise.all([ours.device.connect("@foreign"), foreign.device.connect("@ours")]);
    expect(await ours.device.ping("@foreign", { paths: ["direct"] })).toMatchObject({ path: "direct" });
    expect(await foreign.device.ping("@ours", { paths: ["direct"] })).toMatchObject({ path: "direct" });
  });

  it("takes messages that change over from relay to the link, in order and once", async () => {
    await using scene = await ForeignScene.start(stack);
    const { ours, foreign } = scene;
    const [here, there] = [new Messages(ours.device), new Messages(foreign.device)];
    for (const text of numbered("message", 300))
      await Promise.all([ours.device.send("@foreign", text), foreign.device.send("@ours", text)]);
    await Promise.all([ours.device.connect("@foreign"), here.count(300), there.count(300)]);
    expect(here.texts).toEqual(numbered("message", 300));
    expect(there.texts).toEqual(numbered("message", 300));
  });
});

import { call, createAgent, createMesh, defineSkill, type Mention, type RunningAgent, runAgent } from "@parley/agent";
import type { DeviceApi } from "@parley/client";
import { openMemoryArchive, openMemoryJournal } from "@parley/core";
import { textContent } from "@parley/protocol";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { MeshScope, until } from "./device-fixture.ts";

type Heard = { readonly from: string; readonly text: string; readonly redelivered: boolean };

/** An agent in `#general` that writes down who calls it, and answers. */
function listening(heard: Heard[], onMention: (mention: Mention) => void | Promise<void> = () => undefined) {
  return createAgent({
    name: "helper",
    tags: ["translate"],
    channels: ["#general"],
    skills: [defineSkill({ id: "noop", input: z.object({}), output: z.object({}), run: () => ({}) })],
    onMention: async (mention, mesh) => {
      heard.push({ from: mention.from.name, text: mention.text, redelivered: mention.redelivered });
      await onMention(mention);
      await mesh.channel(mention.channel).post(`yes, ${mention.from.name}`, { answers: mention.post.message.id });
    },
  });
}

const run = (agent: ReturnType<typeof listening>, device: DeviceApi): Promise<RunningAgent> =>
  runAgent({ agent, device, log: () => undefined });

describe("an agent in channels", () => {
  it("posts, reads back, and follows what others post until its signal says so", async () => {
    await using scope = await MeshScope.start();
    const mesh = createMesh((await scope.join("helper", { links: false })).device);
    const ada = createMesh((await scope.join("ada", { links: false })).device);
    const general = mesh.channel("#general");
    await expect(general.post("too early")).rejects.toMatchObject({ code: "not_in_channel" });
    await expect(mesh.channel("#nowhere").join()).rejects.toMatchObject({ code: "unknown_channel" });
    await Promise.all([general.join(), ada.channel("general").join()]);
    const abort = new AbortController();
    const posts = general.subscribe({ signal: abort.signal });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { message } of posts) {
        texts.push(textContent(message.content)?.text ?? "");
        if (texts.length === 2) abort.abort();
      }
    })();
    for (const text of ["one", "two"]) await (await ada.channel("#general").post(text)).settled;
    await reading;
    expect(texts).toEqual(["one", "two"]);
    expect(await (await general.post("three")).settled).toMatchObject({ state: "stored" });
    await until(async () => (await general.history()).messages.length === 3);
    expect(new Set((await general.members()).map(({ name }) => name))).toEqual(new Set(["ada", "helper"]));
    await expect(general.post("never", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "canceled",
    });
  });

  it("hears who calls it, by name or by a tag of its skills, and nobody else", async () => {
    await using scope = await MeshScope.start();
    const { device } = await scope.join("helper", { links: false });
    const ada = (await scope.join("ada", { links: false })).device.conversations;
    const heard: Heard[] = [];
    const agent = await run(listening(heard), device);
    await ada.joinChannel("#general");
    await until(async () => (await ada.channelMembers("#general")).length === 2);
    for (const text of ["nobody", "you there, @helper?", "@all:translate this", "mail x@helper.example"])
      await (
        await ada.say("#general", { text })
      ).settled;
    await until(async () => (await ada.messages({ conversation: "#general" })).messages.length === 6);
    expect(heard).toEqual([
      { from: "ada", text: "you there, @helper?", redelivered: false },
      { from: "ada", text: "@all:translate this", redelivered: false },
    ]);
    const { messages } = await ada.messages({ conversation: "#general" });
    const answers = messages.flatMap(({ content }) => textContent(content)?.answers ?? []);
    expect(answers).toEqual([messages[1]?.id, messages[2]?.id]);
    await ada.createChannel({ name: "den", kind: "public" });
    await createMesh(device).channel("#den").join();
    await until(async () => (await ada.channelMembers("#den")).length === 2);
    await ada.say("#den", { text: "@helper here too?" });
    await until(() => heard.length === 3);
    await agent.stop();
  });

  it("hears at its next start what called it meanwhile, once, and what its handler failed at again", async () => {
    await using scope = await MeshScope.start();
    const kept = { archive: openMemoryArchive(), journal: openMemoryJournal() };
    const helper = await scope.join("helper", { links: false, ...kept });
    const ada = (await scope.join("ada", { links: false })).device.conversations;
    const heard: Heard[] = [];
    let failures = 1;
    const agent = listening(heard, () => {
      if (failures-- > 0) throw new Error("not now");
    });
    const first = await run(agent, helper.device);
    await ada.joinChannel("#general");
    await until(async () => (await ada.channelMembers("#general")).length === 2);
    await ada.say("#general", { text: "@helper one" });
    await until(() => heard.length === 2);
    await until(async () => (await ada.messages({ conversation: "#general" })).messages.length === 2);
    await first.stop();
    await helper.device.stop();
    await ada.say("#general", { text: "@helper two" });
    const again = await scope.restart(helper.joined, { links: false, ...kept });
    const second = await run(agent, again.device);
    await until(async () => (await ada.messages({ conversation: "#general" })).messages.length === 4);
    expect(heard.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ["@helper one", false],
      ["@helper one", true],
      ["@helper two", false],
    ]);
    await second.stop();
  });

  it("stops following a channel with the task that followed it", async () => {
    await using scope = await MeshScope.start();
    const { device } = await scope.join("helper", { links: false });
    const ada = (await scope.join("ada", { links: false })).device;
    const ended = Promise.withResolvers<void>();
    const follow = defineSkill({
      id: "follow",
      input: z.object({}),
      output: z.object({}),
      run: async (_, { mesh }) => {
        const general = mesh.channel("#general");
        await general.join();
        for await (const _post of general.subscribe({ name: "task" })) continue;
        ended.resolve();
        return {};
      },
    });
    const agent = await runAgent({
      agent: createAgent({ name: "helper", skills: [follow] }),
      device,
      log: () => undefined,
    });
    await expect(call(ada, follow, "@helper", {}, { timeLimitMs: 500 })).rejects.toMatchObject({ code: "timeout" });
    await ended.promise;
    await agent.stop();
  });
});

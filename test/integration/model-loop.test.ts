import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { defineSkill } from "@parley/agent";
import { standInKey } from "@parley/testkit/models";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { asked, everything, mayApprove } from "./approval-scene.ts";
import { until } from "./device-fixture.ts";
import { answers, ModelScene } from "./model-scene.ts";

const weather = defineSkill({
  id: "weather",
  description: "Tells the weather of a town",
  input: z.object({ town: z.string() }),
  output: z.object({ sky: z.string() }),
  run: ({ town }) => ({ sky: town === "Oslo" ? "snow" : "sun" }),
});
const lookUp = { calls: [{ name: "weather", input: { town: "Oslo" } }] };

describe("an agent with a model", () => {
  it("answers direct messages, and remembers the conversation over a restart", async () => {
    await using scene = await ModelScene.start(
      answers(
        {
          request: { says: ["My cat is called Mia.", '\\"kind\\":\\"direct\\"'] },
          response: { answer: { text: "Noted." } },
        },
        {
          request: { says: ["What is my cat called?"], holds: ["My cat is called Mia.", "Noted."] },
          response: { answer: { text: "Mia." } },
        },
        { request: { says: ["And mine?"], lacks: ["Mia"] }, response: { answer: { text: "I do not know." } } },
      ),
    );
    const { joined, stop } = await scene.run({ name: "thinker" });
    const [caller, other] = [await scene.scope.join("caller"), await scene.scope.join("other")];
    const heard: string[] = [];
    for (const who of [caller, other]) who.device.onMessage(({ text }) => void heard.push(text));
    await caller.device.send("@thinker", "My cat is called Mia.");
    await until(() => heard.includes("Noted."));
    await stop();
    await scene.run({ name: "thinker" }, { joined });
    await caller.device.send("@thinker", "What is my cat called?");
    await until(() => heard.includes("Mia."));
    // What one said is no other one's.
    await other.device.send("@thinker", "And mine?");
    await until(() => heard.includes("I do not know."));
    expect(scene.standIn.refused).toEqual([]);
  });

  it("begins anew with a memory that it cannot read, and keeps what it writes private", async () => {
    await using scene = await ModelScene.start(
      answers(
        { request: { says: ["one"] }, response: { answer: { text: "first" } } },
        { request: { says: ["two"], lacks: ["one"] }, response: { answer: { text: "second" } } },
      ),
    );
    await scene.run({ name: "thinker" });
    const caller = await scene.scope.join("caller");
    const ask = async (text: string): Promise<unknown> =>
      (await (await caller.device.delegate("@thinker", { skill: "ask", text, contextId: "c-1" })).outcome).output;
    expect(await ask("one")).toEqual({ answer: "first" });
    const folder = join(scene.folder, "thinker");
    const [file = ""] = readdirSync(folder);
    expect(readFileSync(join(folder, file), "utf8")).not.toContain(standInKey);
    writeFileSync(join(folder, file), "{");
    expect(await ask("two")).toEqual({ answer: "second" });
    expect(scene.lines.map(({ event }) => event)).toContain("model.memory-unreadable");
  });

  it("stops when its budget is used up, and asks nothing more", async () => {
    await using scene = await ModelScene.start(
      answers(
        { request: { says: ["How is Oslo?"] }, response: { answer: { ...lookUp, usage: { input: 700, output: 50 } } } },
        {
          request: { results: { count: 1 } },
          response: { answer: { ...lookUp, usage: { input: 900, output: 50 } } },
        },
      ),
    );
    const { joined } = await scene.run({ name: "thinker", skills: [weather] });
    const caller = await scene.scope.join("caller");
    const budgets = [{ who: ["@thinker"], tokens: { day: 1500 } }];
    const number = await scene.scope.mesh.orders.publishPolicy({ rules: [everything], budgets });
    await until(() => joined.joined.trust.orderNumbers.policy === number);
    const ask = async (): Promise<unknown> =>
      (await caller.device.delegate("@thinker", { skill: "ask", text: "How is Oslo?" })).outcome;
    await expect(ask()).rejects.toMatchObject({ code: "over_budget" });
    expect(scene.standIn.seen).toHaveLength(2);
    expect(scene.standIn.refused).toEqual([]);
  });

  it("counts money by the prices of its manifest", async () => {
    await using scene = await ModelScene.start(
      answers({ request: {}, response: { answer: { text: "Done.", usage: { input: 1000, output: 100 } } } }),
    );
    const { joined } = await scene.run({
      name: "thinker",
      model: { ...scene.anthropic, prices: { input: 3, output: 15 } },
    });
    const used: unknown[] = [];
    const report = joined.device.reportUsage.bind(joined.device);
    joined.device.reportUsage = async (of) => {
      used.push(of);
      await report(of);
    };
    const caller = await scene.scope.join("caller");
    await (
      await caller.device.delegate("@thinker", { skill: "ask", text: "Go." })
    ).outcome;
    expect(used).toEqual([{}, { tokens: 1100, money: 4500 }]);
  });

  it("ends at once with its task, and lets go of the provider", async () => {
    await using scene = await ModelScene.start(
      answers({ request: {}, response: { answer: { text: "It will never be said to its end." }, hangsAfter: 5 } }),
    );
    await scene.run({ name: "thinker" });
    const caller = await scene.scope.join("caller");
    const stop = new AbortController();
    const run = await caller.device.delegate("@thinker", { skill: "ask", text: "Go on.", signal: stop.signal });
    await until(() => scene.standIn.seen.length === 1);
    stop.abort();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    await until(() => scene.standIn.abandoned === 1);
    await until(() =>
      scene.lines.some(({ event, fields }) => event === "task.ended" && fields["state"] === "canceled"),
    );
  });

  it("has so many turns and no more: in its last one no tool works", async () => {
    const turn = { request: { tools: ["weather"] }, response: { answer: lookUp }, times: 3 };
    await using scene = await ModelScene.start(answers(turn));
    const ran: string[] = [];
    const counted = defineSkill({
      ...weather,
      description: "Counted",
      run: ({ town }) => {
        ran.push(town);
        return { sky: "snow" };
      },
    });
    await scene.run({ name: "thinker", skills: [counted], maxTurns: 3 });
    const caller = await scene.scope.join("caller");
    const run = await caller.device.delegate("@thinker", { skill: "ask", text: "How is Oslo?" });
    await expect(run.outcome).rejects.toMatchObject({ code: "turns_used_up" });
    expect(ran).toHaveLength(2);
    expect(scene.standIn.seen).toHaveLength(3);
    expect(scene.standIn.seen.map(({ request }) => request.system.includes("your last turn"))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it("asks a person before a tool that needs it, with exactly what the tool is used with", async () => {
    await using scene = await ModelScene.start(
      answers(
        { request: { says: ["How is Oslo?"] }, response: { answer: lookUp } },
        { request: { results: { count: 1, hold: ["snow"] } }, response: { answer: { text: "Snow." } } },
        { request: { says: ["Once more."] }, response: { answer: lookUp } },
        {
          request: { results: { count: 1, hold: ["approval_denied"], lack: ["snow"] } },
          response: { answer: { text: "I may not." } },
        },
      ),
    );
    const { joined } = await scene.run({ name: "thinker", skills: [weather], approvals: { weather: { quorum: 1 } } });
    const caller = await scene.scope.join("caller");
    const ada = await scene.scope.join("ada", { kind: "person" });
    const number = await scene.scope.mesh.orders.publishPolicy({ rules: [everything, mayApprove("@ada")] });
    for (const who of [joined, caller, ada]) await until(() => who.joined.trust.orderNumbers.policy === number);
    const first = await caller.device.delegate("@thinker", { skill: "ask", text: "How is Oslo?" });
    const request = await asked(ada);
    const [waiting] = await ada.device.approvals.list();
    expect(waiting?.what).toMatchObject({
      type: "action",
      action: { skill: "weather", caller: caller.device.member, parts: [{ data: { town: "Oslo" } }] },
    });
    expect(scene.lines.map(({ event }) => event)).not.toContain("model.tool");
    await ada.device.approvals.answer([request], "granted");
    expect((await first.outcome).output).toEqual({ answer: "Snow." });
    const second = await caller.device.delegate("@thinker", { skill: "ask", text: "Once more." });
    await until(async () => (await ada.device.approvals.list()).length === 1);
    const [again] = await ada.device.approvals.list();
    await ada.device.approvals.answer([again?.request ?? ""], "denied");
    expect((await second.outcome).output).toEqual({ answer: "I may not." });
    expect(scene.standIn.refused).toEqual([]);
  });

  it("refuses rules about approvals of what is neither skill nor tool", async () => {
    await using scene = await ModelScene.start(answers({ request: {}, response: {} }));
    await expect(scene.run({ name: "thinker", approvals: { wether: {} } })).rejects.toMatchObject({
      code: "invalid_manifest",
      message: expect.stringContaining("wether") as string,
    });
  });
});

describe("a provider", () => {
  it("that is busy is asked again after a pause, and then its answer counts", async () => {
    const busy = { status: 529, headers: { "retry-after-ms": "5" } };
    await using scene = await ModelScene.start(
      answers({ request: {}, response: busy, times: 2 }, { request: {}, response: { answer: { text: "Here I am." } } }),
    );
    await scene.run({ name: "thinker" });
    const caller = await scene.scope.join("caller");
    const run = await caller.device.delegate("@thinker", { skill: "ask", text: "Hello?" });
    expect((await run.outcome).output).toEqual({ answer: "Here I am." });
    expect(scene.standIn.seen).toHaveLength(3);
  });

  it("that stays busy is a failure that may be tried again, and one that refuses is not", async () => {
    const busy = { status: 429, headers: { "retry-after-ms": "5" } };
    await using scene = await ModelScene.start(
      answers(
        { request: { says: ["busy"] }, response: busy, times: 2 },
        { request: { says: ["refused"] }, response: { status: 400 } },
      ),
    );
    await scene.run({ name: "thinker", model: { ...scene.anthropic, retries: 1 } });
    const caller = await scene.scope.join("caller");
    const ask = async (text: string): Promise<unknown> =>
      (await caller.device.delegate("@thinker", { skill: "ask", text })).outcome;
    await expect(ask("busy")).rejects.toMatchObject({ code: "model_unavailable", retryable: true });
    await expect(ask("refused")).rejects.toMatchObject({ code: "model_refused", retryable: false });
    expect(scene.standIn.seen).toHaveLength(3);
  });

  it("never sees its key in a log or an answer, even where it repeats it", async () => {
    await using scene = await ModelScene.start(answers({ request: {}, response: {} }));
    await scene.run({ name: "thinker" }, { env: { KEY: "sk-wrong-and-secret" } });
    const caller = await scene.scope.join("caller");
    const run = await caller.device.delegate("@thinker", { skill: "ask", text: "Hello?" });
    const failure: unknown = await run.outcome.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "model_refused" });
    expect(scene.standIn.refused).toEqual(["Incorrect API key provided: sk-wrong-and-secret."]);
    expect(scene.lines.find(({ event }) => event === "model.failed")?.fields).toMatchObject({
      status: 401,
      says: "Incorrect API key provided: [key].",
    });
    expect(JSON.stringify([scene.lines, String(failure)])).not.toContain("secret");
  });

  it("without its key, or over an open line, is not begun with", async () => {
    await using scene = await ModelScene.start(answers({ request: {}, response: {} }));
    await expect(scene.run({ name: "one" }, { env: {} })).rejects.toMatchObject({
      code: "invalid_config",
      message: "KEY is not set; it has the key of anthropic. Put it in .env beside agent.yaml.",
    });
    const open = { ...scene.anthropic, baseUrl: "http://models.example.org/v1" };
    await expect(scene.run({ name: "two", model: open })).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("Use https") as string,
    });
  });
});

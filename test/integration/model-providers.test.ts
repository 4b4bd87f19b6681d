/** The same task with each provider: by recordings over a socket, or, with its key in the environment, really. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { defineSkill } from "@parley/agent";
import { type Recording, standInKey } from "@parley/testkit/models";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { type ModelDefinition, ModelScene } from "./model-scene.ts";

interface Case {
  readonly recording: string;
  /** At the stand-in. */
  readonly settings: ModelDefinition;
  /** Where it is below the stand-in's origin. */
  readonly path: string;
  /** For `PARLEY_TEST_<real>_KEY` and, where it has no usual place or name, `_URL` and `_MODEL`. */
  readonly real: string;
  readonly model: string;
}

const cases: readonly Case[] = [
  {
    recording: "anthropic",
    settings: { provider: "anthropic", name: "claude-stand-in" },
    path: "/v1",
    real: "ANTHROPIC",
    model: "claude-haiku-4-5",
  },
  {
    recording: "openai",
    settings: { provider: "openai", name: "gpt-stand-in" },
    path: "/v1",
    real: "OPENAI",
    model: "gpt-5-mini",
  },
  {
    recording: "openai-chat",
    settings: { provider: "openai", name: "gpt-stand-in", api: "chat" },
    path: "/v1",
    real: "OPENAI",
    model: "gpt-5-mini",
  },
  {
    recording: "openai-compatible",
    settings: { provider: "openai-compatible", name: "llama-stand-in" },
    path: "/v1",
    real: "COMPATIBLE",
    model: "",
  },
  {
    recording: "azure",
    settings: { provider: "azure", name: "deployment-stand-in" },
    path: "/openai/v1",
    real: "AZURE",
    model: "",
  },
  {
    recording: "azure-chat",
    settings: { provider: "azure", name: "deployment-stand-in", api: "chat" },
    path: "/openai/v1",
    real: "AZURE",
    model: "",
  },
  {
    recording: "google",
    settings: { provider: "google", name: "gemini-stand-in" },
    path: "/v1beta",
    real: "GOOGLE",
    model: "gemini-2.5-flash",
  },
  {
    recording: "ollama",
    settings: { provider: "ollama", name: "qwen-stand-in" },
    path: "/v1",
    real: "OLLAMA",
    model: "",
  },
];

const readRecording = (name: string): Recording =>
  JSON.parse(readFileSync(join(import.meta.dirname, "..", "fixtures", "models", `${name}.json`), "utf8")) as Recording;

/** The settings of the real provider, where its key is in the environment. */
function realOf({ settings, real, model }: Case): { settings: ModelDefinition; key: string } | undefined {
  const of = (what: string): string | undefined => process.env[`PARLEY_TEST_${real}_${what}`];
  const key = of("KEY");
  if (key === undefined || key === "") return undefined;
  const baseUrl = of("URL");
  const name = of("MODEL") ?? model;
  return { settings: { ...settings, name, ...(baseUrl === undefined ? {} : { baseUrl }) }, key };
}

const instructions =
  "You tell the weather. Call the tool weather once for each town, all in one turn, then answer in one sentence that names each town and the word that the tool gave for it.";

describe.each(cases)("a model of $recording", (each) => {
  it("streams its answer after tools that it called side by side", async () => {
    const real = realOf(each);
    await using scene = await ModelScene.start(...(real === undefined ? [readRecording(each.recording)] : []));
    const towns: string[] = [];
    const bothAsked = Promise.withResolvers<void>();
    const weather = defineSkill({
      id: "weather",
      description: "Tells the weather of a town in one word",
      input: z.object({ town: z.string() }),
      output: z.object({ sky: z.string() }),
      run: async ({ town }) => {
        towns.push(town);
        // Neither ends before the other one has begun.
        if (towns.length === 2) bothAsked.resolve();
        await bothAsked.promise;
        return { sky: town === "Oslo" ? "snow" : "sun" };
      },
    });
    const settings = real?.settings ?? { ...each.settings, baseUrl: `${scene.standIn.origin}${each.path}` };
    await scene.run(
      { name: "forecaster", skills: [weather], instructions, model: { ...settings, apiKeyEnv: "KEY" } },
      { env: { KEY: real?.key ?? standInKey } },
    );
    const caller = await scene.scope.join("caller");
    const run = await caller.device.delegate("@forecaster", {
      skill: "ask",
      input: { question: "What is the weather in Oslo and in Rome?" },
    });
    const notes: string[] = [];
    for await (const { response } of run.events)
      notes.push(...(response.statusUpdate?.status.message?.parts ?? []).map(({ text = "" }) => text));
    const { output } = await run.outcome;
    expect(scene.standIn.refused).toEqual([]);
    const { answer } = output as { readonly answer: string };
    expect(answer).toMatch(/Oslo.*snow.*Rome.*sun/isu);
    expect(notes.join("")).toContain(answer);
    expect(towns.toSorted()).toEqual(["Oslo", "Rome"]);
    expect(scene.standIn.unasked).toBe(0);
  });
});

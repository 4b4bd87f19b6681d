import { beforeAll, describe, expect, it } from "vitest";

import { errorOf, jsonOf, parley } from "../e2e/cli-process.ts";
import { type ProgramMesh, shareProgramMesh } from "./program-mesh.ts";
import { parleyCommand, Program } from "./program.ts";

const agentFile = "examples/shell-agent/agent.sh";

describe("a shell with jq", () => {
  let mesh: ProgramMesh;
  beforeAll(() =>
    shareProgramMesh((shared) => {
      mesh = shared;
    }),
  );

  it("is an agent that another member delegates to, and its skills go with it", async () => {
    const holder = await mesh.hold("counter");
    const agent = new Program("bash", [agentFile], { PARLEY: parleyCommand, PARLEY_HOME: mesh.home("counter") });
    expect(await agent.line()).toBe("ready");
    expect(await holder.json()).toEqual({ event: "serving", program: "shell-agent", skills: ["count"] });
    const ask = (input: string) => parley(["delegate", "@counter/count", input, "--home", mesh.home("ada"), "--json"]);
    for (const [text, words] of [
      ["one two", 2],
      ["", 0],
      ["$(touch gone) \"'`\n\\ ä", 5],
    ] as const)
      expect(jsonOf(await ask(JSON.stringify({ text })))).toMatchObject({ output: { words, characters: text.length } });
    expect(errorOf(await ask('{"text":1}')).code).toBe("invalid_input");
    await agent.kill("SIGTERM");
    expect(await holder.json()).toEqual({ event: "left", program: "shell-agent", skills: ["count"] });
    await expect.poll(async () => errorOf(await ask('{"text":"x"}')).code, { timeout: 20_000 }).toBe("card_mismatch");
  });

  it("checks its example's skill without a mesh", async () => {
    expect(await new Program("bash", [agentFile, "--check"], {}).ended).toEqual({ code: 0, output: "ok\n" });
  });
});

import { beforeAll, describe, expect, it } from "vitest";

import { errorOf, jsonOf, parley, start } from "../e2e/cli-process.ts";
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

  it("asks through parley pipe, which ends when everything is answered", async () => {
    const home = mesh.home("asker");
    await mesh.join("asker", ["--kind", "agent"]);
    const nobody = await parley(["pipe", "--home", home, "--wait", "1s", "--json"], { input: "" });
    expect([nobody.code, errorOf(nobody).code]).toEqual([3, "not_connected"]);
    const holder = start(["sidecar", "--home", home, "--json"]);
    expect(await holder.json()).toMatchObject({
      event: "ready",
      name: "asker",
      socket: `${home}/device.sock`,
      skills: [],
    });
    const second = await parley(["sidecar", "--home", home, "--json"]);
    expect(errorOf(second).code).toBe("device_in_use");
    const asked = [
      { id: 1, op: "list_peers", body: {} },
      { id: 2, op: "broadcast", body: { text: "all", waitMs: 1000 } },
      { id: 3, op: "subscribe", body: { events: ["peers"] } },
    ];
    const input = asked.map((line) => `${JSON.stringify(line)}\n`).join("");
    const piped = await parley(["pipe", "--home", home], { input });
    const lines = piped.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { re?: number; n?: number });
    expect([piped.code, lines[0]]).toMatchObject([0, { welcome: { name: "asker", version: 2 } }]);
    expect(lines.filter(({ re, n }) => re !== undefined && n === undefined).map(({ re }) => re)).toEqual(
      expect.arrayContaining([1, 2, 3]),
    );
    expect(lines).toContainEqual(expect.objectContaining({ re: 2, body: { members: expect.any(Number) } }));
    const wrong = await parley(["pipe", "--home", home, "--json"], { input: "no json\n" });
    expect([wrong.code, wrong.stdout]).toEqual([1, expect.stringContaining('"code":"invalid_argument"')]);
  });

  it("checks its example's skill without a mesh", async () => {
    expect(await new Program("bash", [agentFile, "--check"], {}).ended).toEqual({ code: 0, output: "ok\n" });
  });
});

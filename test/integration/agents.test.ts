import { type Agent, call, callAny, createAgent, createMesh, defineSkill, meshSkills, runAgent } from "@parley/agent";
import { skillSchemasExtension } from "@parley/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { type TestMember, TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";

const double = defineSkill({
  id: "double",
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  run: async ({ n }, { progress }) => {
    await progress("doubling for you");
    return { n: n * 2 };
  },
});

/** Delegates to whoever doubles. */
const quadruple = defineSkill({
  id: "quadruple",
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number(), by: z.string(), notes: z.array(z.string()) }),
  run: async ({ n }, { mesh }) => {
    const notes: string[] = [];
    const once = await mesh.delegate<typeof double>({
      skill: "double",
      input: { n },
      onProgress: (text) => void notes.push(text),
    });
    const twice = await mesh.call<typeof double>("double", `@${once.by}`, once.output);
    return { n: twice.n, by: once.by, notes };
  },
});

const hang = defineSkill({
  id: "hang",
  input: z.object({}),
  output: z.string(),
  run: (_, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
});

describe("agents on a mesh", () => {
  const lines: unknown[] = [];
  const received: string[] = [];
  let mesh: TestMesh;
  let caller: TestMember;
  let worker: TestMember;

  const start = (agent: Agent, { device }: TestMember) =>
    runAgent({ agent, device, log: (level, event, fields) => void lines.push({ level, event, ...fields }) });

  beforeAll(async () => {
    mesh = await TestMesh.start();
    caller = await mesh.join("caller", { kind: "person" });
    worker = await mesh.join("worker");
    const middle = await mesh.join("middle");
    const limit = { concurrentTasks: 1 };
    await start(
      createAgent({
        name: "worker",
        skills: [double, hang],
        limits: limit,
        onMessage: ({ text }) => void received.push(text),
      }),
      worker,
    );
    await start(createAgent({ name: "middle", skills: [quadruple, ...meshSkills] }), middle);
  });
  afterAll(() => mesh.stop());

  it("publish signed cards that others find by skill", async () => {
    const found = await createMesh(caller.device).findAgent("double");
    expect(found).toMatchObject({ name: "worker", live: true, self: false });
    const { card } = await caller.device.memberOf("@worker");
    expect(card?.capabilities.extensions?.[0]).toMatchObject({ uri: skillSchemasExtension });
  });

  it("call each other with types, and delegate in turn", async () => {
    const { n } = await call<typeof double>(caller.device, "double", "@worker", { n: 4 });
    expect(n).toBe(8);
    expect(await callAny(caller.device, quadruple, { n: 4 })).toEqual({
      n: 16,
      by: "worker",
      notes: ["doubling for you"],
    });
  });

  it("refuse wrong input at the caller already, naming the field", async () => {
    const wrong = createMesh(caller.device).delegate({ skill: "double", to: "@worker", input: { n: "4" } });
    await expect(wrong).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining("n: expected number, got string"),
    });
  });

  it("refuse more than they can take, and take up again after a cancel", async () => {
    const stop = new AbortController();
    const run = await caller.device.delegate("@worker", { skill: "hang", input: {}, signal: stop.signal });
    for await (const { response } of run.events) {
      if (response.task !== undefined || response.statusUpdate !== undefined) break;
    }
    await expect(call(caller.device, double, "@worker", { n: 1 })).rejects.toMatchObject({ code: "limit_reached" });
    stop.abort();
    await expect(run.outcome).rejects.toMatchObject({ code: "canceled" });
    await expect.poll(() => call(caller.device, double, "@worker", { n: 1 }).catch(() => undefined)).toEqual({ n: 2 });
  });

  it("broadcast to all, connected or not, and say what became of each", async () => {
    const away = await mesh.join("away");
    await away.device.stop();
    const states = await createMesh(caller.device).broadcast("all hands");
    const known = Object.fromEntries(states.map(({ name, state, path }) => [name, [state, path]]));
    expect(known).toMatchObject({ away: ["stored", "mailbox"] });
    expect(["delivered relay", "handled relay"]).toContain(known["worker"]?.join(" "));
    expect(known).not.toHaveProperty("caller");
    expect(received).toContain("all hands");
  });

  it("offer the mesh itself as skills where an agent lists them", async () => {
    const { output } = await createMesh(caller.device).delegate({ skill: "list_agents", to: "@middle", input: {} });
    expect(output).toMatchObject({ agents: expect.arrayContaining([expect.objectContaining({ name: "worker" })]) });
    const sent = await createMesh(caller.device).delegate({
      skill: "mesh_send",
      to: "@middle",
      input: { to: "@worker", text: "by way of middle" },
    });
    expect(sent.output).toMatchObject({ state: "delivered" });
    expect(received).toContain("by way of middle");
  });

  it("wrote down who asked for what, and none of what was said", () => {
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: "task.ended", skill: "double", from: "middle", state: "completed" }),
      ]),
    );
    expect(JSON.stringify(lines)).not.toMatch(/all hands|by way of/);
  });
});

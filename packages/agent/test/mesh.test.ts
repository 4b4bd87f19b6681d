import type { MemberView } from "@parley/client";
import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { meshSkills } from "../src/mesh-skills.ts";
import { createMesh } from "../src/mesh.ts";
import type { SkillContext } from "../src/skill-context.ts";
import { FakeDevice } from "./fake-device.ts";

function view(
  name: string,
  more: { live?: boolean; kind?: "agent" | "person"; skill?: string; load?: number } = {},
): MemberView {
  const { live = true, kind = "agent", skill = "search", load = 0 } = more;
  const card = { description: `About ${name}`, skills: [{ id: skill, name: skill, description: skill, tags: [] }] };
  const devices = live ? [{ device: "d", state: "connected", boot: "b", since: 0, load, consumer: "reading" }] : [];
  const member = name === "self" ? "m-self" : `m-${name}`;
  // Only what the mesh functions read.
  return {
    member,
    name,
    kind,
    roles: ["member"],
    card,
    devices,
    live,
    availability: undefined,
  } as unknown as MemberView;
}

function meshOf(...members: readonly MemberView[]) {
  const device = new FakeDevice();
  device.members = [...members];
  return { device, mesh: createMesh(device) };
}

describe("a skill's view of the mesh", () => {
  it("lists every agent over all pages and marks itself", async () => {
    const many = Array.from({ length: 250 }, (_, index) => view(`a${index}`, { live: index % 2 === 0 }));
    const { mesh } = meshOf(view("self"), view("ada", { kind: "person" }), ...many);
    const agents = await mesh.listAgents();
    expect(agents).toHaveLength(251);
    expect(agents[0]).toEqual({
      name: "self",
      member: "m-self",
      description: "About self",
      skills: [{ id: "search", description: "search", tags: [] }],
      live: true,
      self: true,
    });
    expect(await mesh.listAgents({ live: true })).toHaveLength(126);
  });

  it("finds the least loaded live holder, never itself", async () => {
    const { mesh } = meshOf(
      view("self"),
      view("busy", { load: 5 }),
      view("free", { load: 1 }),
      view("away", { live: false }),
    );
    await expect(mesh.findAgent("search")).resolves.toMatchObject({ name: "free" });
    const alone = meshOf(view("self"), view("away", { live: false })).mesh;
    await expect(alone.findAgent("search")).rejects.toMatchObject({ code: "no_holder" });
  });

  it("tells progress before the result of a delegation", async () => {
    const { device, mesh } = meshOf();
    device.answer = () => ({ output: 7, progress: ["one", "two"] });
    const told: string[] = [];
    const result = await mesh.delegate({ to: "@a", skill: "s", input: 1, onProgress: (text) => void told.push(text) });
    expect(told).toEqual(["one", "two"]);
    expect(result).toEqual({
      by: "a",
      member: "m-caller",
      taskId: "t",
      output: 7,
      text: "",
      path: "direct",
      tookMs: 5,
    });
  });

  it("says what became of a message within its wait", async () => {
    const { device, mesh } = meshOf();
    await expect(mesh.send("@a", "hi")).resolves.toMatchObject({ state: "delivered", path: "direct" });
    device.fate = () => "stored";
    await expect(mesh.send("@a", "hi")).resolves.toMatchObject({ state: "stored", path: "mailbox" });
    device.fate = () => "waiting";
    await expect(mesh.send("@a", "hi", { waitMs: 1 })).resolves.toMatchObject({ state: "accepted" });
  });

  it("broadcasts to every other member and says what became of each", async () => {
    const { device, mesh } = meshOf(
      view("self"),
      view("a"),
      view("b", { live: false }),
      view("c", { kind: "person" }),
      view("d"),
    );
    device.fate = (to) => (to === "m-b" ? "stored" : to === "m-d" ? new ParleyError("forbidden") : "delivered");
    const states = await mesh.broadcast("all hands", { waitMs: 50 });
    expect(states.map(({ name, state, path, error }) => [name, state, path, error?.code])).toEqual([
      ["a", "delivered", "direct", undefined],
      ["b", "stored", "mailbox", undefined],
      ["c", "delivered", "direct", undefined],
      ["d", "refused", undefined, "forbidden"],
    ]);
    expect(device.sent.every(({ text }) => text === "all hands")).toBe(true);
  });
});

describe("the built-in mesh skills", () => {
  it("are the five, each with words and schemas for a model", () => {
    expect(meshSkills.map(({ id }) => id)).toEqual([
      "list_agents",
      "find_agent",
      "delegate",
      "mesh_send",
      "mesh_broadcast",
    ]);
    for (const skill of meshSkills) {
      expect(skill.described.description).toMatch(/\w+ \w+/);
      expect(skill.inputJsonSchema["type"]).toBe("object");
    }
  });

  it("do what their names say, with outputs that fit", async () => {
    const { device, mesh } = meshOf(view("self"), view("a"));
    device.answer = () => ({ output: { n: 1 } });
    const context = { mesh, progress: () => {} } as unknown as SkillContext;
    const inputs: Readonly<Record<string, unknown>> = {
      list_agents: {},
      find_agent: { skill: "search" },
      delegate: { skill: "search", input: { q: 1 } },
      mesh_send: { to: "@a", text: "hi" },
      mesh_broadcast: { text: "hi" },
    };
    for (const skill of meshSkills) {
      const output = await skill.run(inputs[skill.id] as never, context);
      const checked = await skill.output["~standard"].validate(output);
      expect([skill.id, checked.issues]).toEqual([skill.id, undefined]);
    }
  });
});

import type { DeviceEvent } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { expect, it } from "vitest";

import { createAgent } from "../src/agent.ts";
import { declareSkill } from "../src/declared-skill.ts";
import { OfferedSkills } from "../src/offered-skills.ts";
import { checkInput, checkOutput } from "../src/skill-check.ts";
import { FakeDevice } from "./fake-device.ts";

const skill = (id: string, more: object = {}) => declareSkill({ id, ...more }, () => Promise.resolve(1));

function offered() {
  const device = new FakeDevice();
  const agent = createAgent({ name: "self", skills: [skill("own")] });
  const logged: string[] = [];
  const skills = new OfferedSkills({
    agent,
    device,
    clock: new FakeClock(),
    log: (_, event) => void logged.push(event),
  });
  return { device, skills, logged, card: () => device.card?.skills.map(({ id }) => id) };
}

it("stand on the card beside the agent's own until they are withdrawn, once", async () => {
  const { skills, card } = offered();
  const withdraw = await skills.offer([skill("add"), skill("sub")]);
  expect([card(), skills.of("add").skill.id]).toEqual([["own", "add", "sub"], "add"]);
  await withdraw();
  expect(card()).toEqual(["own"]);
  expect(() => skills.of("add")).toThrow(expect.objectContaining({ code: "not_found" }));
  const again = await skills.offer([skill("add")]);
  await withdraw();
  expect(card()).toEqual(["own", "add"]);
  await again();
});

it.each([
  ["that the agent has itself", () => [skill("own")], "already_exists"],
  ["twice in one offer", () => [skill("add"), skill("add")], "already_exists"],
  ["more than a card holds", () => Array.from({ length: limits.skills }, (_, at) => skill(`s${at}`)), "limit_reached"],
  [
    "whose schema no card carries",
    () => [skill("add", { input: { $ref: "https://example.org" } })],
    "invalid_manifest",
  ],
])("are refused %s, and nothing of the offer stays", async (_, make, code) => {
  const { skills } = offered();
  await expect(skills.offer(make())).rejects.toMatchObject({ code });
  expect(skills.ids).toEqual(["own"]);
});

it("come onto the card later where the registry is away", async () => {
  const { device, skills, logged, card } = offered();
  const publish = device.publishCard.bind(device);
  const listeners: ((event: DeviceEvent) => void)[] = [];
  device.watch = (listener) => {
    listeners.push(listener);
    return () => undefined;
  };
  device.publishCard = () => Promise.reject(new ParleyError("not_connected"));
  await skills.offer([skill("add")]);
  expect([card(), logged]).toEqual([undefined, ["agent.card-late"]]);
  device.publishCard = publish;
  for (const listener of listeners) listener({ type: "session", state: "connected" });
  await expect.poll(card).toEqual(["own", "add"]);
});

it("are checked by their JSON Schemas, both ways", async () => {
  const add = skill("add", {
    input: { type: "object", properties: { lines: { type: "array", items: { type: "string" } } } },
    output: { type: "number" },
  });
  expect(await checkInput(add, { lines: ["a"] })).toEqual({ lines: ["a"] });
  await expect(checkInput(add, { lines: ["a", 1] })).rejects.toMatchObject({
    code: "invalid_input",
    data: { path: "lines[1]" },
  });
  await expect(checkOutput(add, "1")).rejects.toMatchObject({ code: "invalid_output" });
});

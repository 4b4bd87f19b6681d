import { PassThrough } from "node:stream";

import type { AskedApproval } from "@parley/client";
import { FakeClock } from "@parley/testkit";
import { expect, it, vi } from "vitest";

import { runPlainChat } from "../src/index.ts";
import { ChatModel } from "../src/model/chat-model.ts";
import { runCommand } from "../src/model/command-runner.ts";
import { FakeDevice, idOf } from "./fake-device.ts";

const base = { from: { member: idOf("deployer"), name: "deployer" }, at: 0, expires: Date.UTC(2026, 10, 20, 10, 0) };

export const wantsYes = (request = "yes-request-1", text = "production\u001B[2J"): AskedApproval => ({
  ...base,
  request,
  what: {
    type: "action",
    action: {
      kind: "call",
      mesh: idOf("mesh"),
      nonce: "n".repeat(22),
      callee: idOf("deployer"),
      caller: idOf("grace"),
      chain: [],
      principals: [],
      skill: "deploy",
      task: "task",
      parts: [{ text }],
    },
    digest: idOf("digest"),
    quorum: 1,
    rule: undefined,
  },
});

const question: AskedApproval = {
  ...base,
  request: "question-1",
  what: { type: "question", skill: "paint", task: "task", text: "Which colour?" },
};

async function started(): Promise<{ device: FakeDevice; model: ChatModel }> {
  const clock = new FakeClock();
  const device = new FakeDevice({ now: () => clock.now() });
  device.addMember("grace", "person");
  const model = new ChatModel({ device, clock, onTrouble: () => undefined });
  device.asks(question);
  await model.start();
  return { device, model };
}

it("knows what waited before it began and what comes, until it is answered here or elsewhere", async () => {
  const { device, model } = await started();
  device.asks(wantsYes());
  expect([...model.state.asked.keys()]).toEqual(["question-1", "yes-request-1"]);
  device.emit({ type: "approval-closed", request: "yes-request-1", state: "withdrawn" });
  expect([...model.state.asked.keys()]).toEqual(["question-1"]);
  model.stop();
});

it("answers by commands, by any part of an id that leaves no doubt", async () => {
  const { device, model } = await started();
  for (const request of ["one-request", "two-request", "twofold"]) device.asks(wantsYes(request));
  await expect(runCommand(model, { name: "grant", rest: "two" })).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(runCommand(model, { name: "grant", rest: "three" })).rejects.toMatchObject({ code: "not_found" });
  await expect(runCommand(model, { name: "grant", rest: "question" })).rejects.toMatchObject({
    code: "invalid_argument",
  });
  await runCommand(model, { name: "grant", rest: "one two-" });
  await runCommand(model, { name: "deny", rest: "twofold" });
  await runCommand(model, { name: "reply", rest: "question a light blue" });
  expect(device.calls).toContain("reply a light blue");
  expect(model.state.asked.size).toBe(0);
  model.stop();
});

it("lists what waits, and shows all of one, without what would reach the terminal", async () => {
  const { device, model } = await started();
  device.asks(wantsYes());
  const list = await runCommand(model, { name: "approvals", rest: "" });
  const page = await runCommand(model, { name: "approvals", rest: "yes" });
  for (const outcome of [list, page]) {
    if (outcome.type !== "page") throw new Error("no page");
    const shown = outcome.lines.flat().map(({ text }) => text);
    expect(shown.filter((text) => text.includes("\u001B"))).toEqual([]);
  }
  expect(JSON.stringify(list)).toContain("@grace -> @deployer/deploy");
  expect(JSON.stringify(page)).toContain("production");
  expect(JSON.stringify(page)).toContain(idOf("digest"));
  model.stop();
});

it("prints in lines what comes and what became of it", async () => {
  const clock = new FakeClock();
  const device = new FakeDevice({ now: () => clock.now() });
  device.addMember("grace", "person");
  const input = new PassThrough();
  let printed = "";
  const output = { write: (text: string) => (printed += text) };
  const ended = runPlainChat({ device, input, output, clock, interactive: false });
  await vi.waitFor(() => expect(printed).toContain("connected"));
  device.asks(question);
  await vi.waitFor(() => expect(printed).toContain("! @deployer/paint asks: Which colour?  /reply question"));
  input.write("/reply question blue\n");
  await vi.waitFor(() => expect(printed).toContain("· question: answered"));
  input.end();
  await ended;
});

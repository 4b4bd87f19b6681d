import { setImmediate } from "node:timers/promises";

import { envelopeBinding, limits, ParleyError, skillPricesExtension, skillSchemasExtension } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { type AgentDefinition, createAgent } from "../src/agent.ts";
import { runAgent } from "../src/running-agent.ts";
import type { SkillContext } from "../src/skill-context.ts";
import { defineSkill } from "../src/skill.ts";
import { FakeDevice } from "./fake-device.ts";

const double = defineSkill({
  id: "double",
  description: "Twice as much",
  tags: ["math"],
  input: z.object({ n: z.number().max(100) }),
  output: z.object({ n: z.number().max(100) }),
  run: ({ n }) => ({ n: n * 2 }),
});

/** A skill whose end is in the test's hand. */
function handSkill() {
  const started = Promise.withResolvers<SkillContext>();
  const end = Promise.withResolvers<string>();
  const skill = defineSkill({
    id: "wait",
    input: z.object({}),
    output: z.string(),
    run: (_, context) => {
      started.resolve(context);
      return end.promise;
    },
  });
  return { skill, started: started.promise, end: end.resolve };
}

async function start(definition: Partial<AgentDefinition>) {
  const device = new FakeDevice();
  const clock = new FakeClock();
  const lines: { level: string; event: string; fields: Readonly<Record<string, unknown>> | undefined }[] = [];
  const agent = createAgent({ name: "self", skills: [double], ...definition });
  const running = await runAgent({
    agent,
    device,
    clock,
    log: (level, event, fields) => void lines.push({ level, event, fields }),
  });
  return { device, clock, lines, running };
}

const coded = (code: string, more: object = {}) => expect.objectContaining({ code, ...more });

describe("a running agent", () => {
  it("publishes a card with its skills and their schemas", async () => {
    const { device } = await start({ description: "Counts", tags: ["sample"], version: "2.0.0" });
    expect(device.card).toMatchObject({
      name: "self",
      description: "Counts",
      version: "2.0.0",
      supportedInterfaces: [{ protocolBinding: envelopeBinding }],
      skills: [{ id: "double", name: "double", description: "Twice as much", tags: ["math", "sample"] }],
    });
    const [extension] = device.card?.capabilities.extensions ?? [];
    expect(extension).toMatchObject({
      uri: skillSchemasExtension,
      params: { skills: { double: { input: { type: "object" }, version: "1.0.0" } } },
    });
  });

  it("says on its card what a skill costs, and nothing of one that has no price", async () => {
    const paid = defineSkill({
      id: "paid",
      price: { amount: "0.5", currency: "EUR" },
      input: z.string(),
      output: z.string(),
      run: (text) => text,
    });
    const { device } = await start({ skills: [double, paid] });
    const extensions = device.card?.capabilities.extensions ?? [];
    expect(extensions.find(({ uri }) => uri === skillPricesExtension)?.params).toEqual({
      skills: { paid: { amount: "0.5", currency: "EUR" } },
    });
    const wrong = { id: "wrong", input: z.string(), output: z.string(), run: (text: string) => text };
    expect(() => defineSkill({ ...wrong, price: { amount: "0.50", currency: "EUR" } })).toThrow(/price/);
  });

  it("goes on with the published card where the root key is elsewhere, and not when it is refused", async () => {
    const device = new FakeDevice();
    const agent = createAgent({ name: "self", skills: [double] });
    const events: string[] = [];
    const log = (_level: string, event: string): void => void events.push(event);
    device.publishCard = () => Promise.reject(new ParleyError("forbidden", { data: { lacks: "root key" } }));
    await runAgent({ agent, device, log });
    expect(events).toEqual(["agent.card-not-published", "agent.ready"]);
    device.publishCard = () => Promise.reject(new ParleyError("forbidden"));
    await expect(runAgent({ agent, device, log })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("works on tasks and checks what goes in and what comes out", async () => {
    const { device } = await start({});
    await expect((await device.give("double", { n: 4 })).result).resolves.toEqual({ n: 8 });
    await expect((await device.give("double", { n: "4" })).result).rejects.toEqual(
      coded("invalid_input", { data: { path: "n", message: expect.any(String) } }),
    );
    await expect((await device.give("double", { n: 51 })).result).rejects.toEqual(coded("invalid_output"));
    await expect(device.give("triple", {})).rejects.toEqual(coded("not_found"));
  });

  it("takes the words of a message as input when it has no data", async () => {
    const echo = defineSkill({ id: "echo", input: z.string(), output: z.string(), run: (text) => text });
    const { device } = await start({ skills: [echo] });
    await expect((await device.give("echo", undefined, "hello")).result).resolves.toBe("hello");
  });

  it("hands a skill its sender, its task's id, notes and artifacts", async () => {
    const { skill, started, end } = handSkill();
    const { device } = await start({ skills: [skill], instructions: "be kind" });
    const task = await device.give("wait", {});
    const context = await started;
    expect(context).toMatchObject({ from: { name: "caller" }, idempotencyKey: "t-1", instructions: "be kind" });
    await context.progress("half");
    await context.artifact({ text: "a" });
    await context.artifact({ data: { b: 1 }, name: "b" });
    await expect(context.artifact({})).rejects.toThrow("exactly one of");
    end("done");
    await expect(task.result).resolves.toBe("done");
    expect(task.progress).toEqual(["half"]);
    expect(task.artifacts).toEqual([
      { artifactId: "part-1", parts: [{ text: "a" }] },
      { artifactId: "part-2", name: "b", parts: [{ data: { b: 1 } }] },
    ]);
  });

  it("refuses a task above its bound and takes one again when there is room", async () => {
    const { skill, started, end } = handSkill();
    const { device, running } = await start({ skills: [skill, double], limits: { concurrentTasks: 1 } });
    const task = await device.give("wait", {});
    await started;
    expect(running.tasks).toBe(1);
    await expect(device.give("double", { n: 1 })).rejects.toEqual(coded("limit_reached"));
    end("");
    await task.result;
    await setImmediate();
    await expect((await device.give("double", { n: 1 })).result).resolves.toEqual({ n: 2 });
  });

  it("ends a task at its time limit, and keeps the slot while the skill does not listen", async () => {
    const { skill, started, end } = handSkill();
    const { device, clock, running } = await start({ skills: [skill], limits: { taskSeconds: 2 } });
    const task = await device.give("wait", {});
    const { signal } = await started;
    clock.advance(1_999);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.reason).toEqual(coded("timeout"));
    await expect(task.result).rejects.toEqual(coded("timeout"));
    expect(running.tasks).toBe(1);
    end("late");
    await setImmediate();
    expect(running.tasks).toBe(0);
  });

  it("ends a task that its caller cancels, and what it delegated with it", async () => {
    const { skill, started } = handSkill();
    const { device } = await start({ skills: [skill] });
    const task = await device.give("wait", {});
    const { mesh } = await started;
    await mesh.delegate({ to: "@other", skill: "search", input: {} });
    const passed = device.delegated[0]?.request;
    expect(passed?.timeLimitMs).toBeLessThanOrEqual(limits.taskMs);
    task.cancel();
    expect(passed?.signal?.aborted).toBe(true);
    await expect(task.result).rejects.toEqual(coded("canceled"));
  });

  it("drains: takes nothing new, waits for what ends in time, and ends the rest with a reason", async () => {
    const quick = handSkill();
    const slow = handSkill();
    const named = { ...slow.skill, id: "slow" };
    const { device, clock, running } = await start({ skills: [quick.skill, named], limits: { drainSeconds: 5 } });
    const first = await device.give("wait", {});
    const second = await device.give("slow", {});
    const { signal } = await slow.started;
    const stopped = running.stop();
    await expect(device.give("wait", {})).rejects.toEqual(coded("closed"));
    quick.end("in time");
    await expect(first.result).resolves.toBe("in time");
    await setImmediate();
    expect(signal.aborted).toBe(false);
    clock.advance(5_000);
    await expect(second.result).rejects.toEqual(coded("closed"));
    slow.end("too late");
    await stopped;
    await expect(running.stop()).resolves.toBeUndefined();
  });

  it("stops though a skill never ends", async () => {
    const { skill, started } = handSkill();
    const { device, clock, running } = await start({ skills: [skill], limits: { drainSeconds: 0 } });
    const task = await device.give("wait", {});
    await started;
    const stopped = running.stop();
    clock.advance(0);
    await expect(task.result).rejects.toEqual(coded("closed"));
    await setImmediate();
    clock.advance(1_000);
    await stopped;
  });

  it("tells the caller that a skill failed, and only its own log with which words", async () => {
    const broken = defineSkill({
      id: "broken",
      input: z.object({}),
      output: z.string(),
      run: () => {
        throw new Error("password is hunter2");
      },
    });
    const { device, lines } = await start({ skills: [broken] });
    const failure: unknown = await (await device.give("broken", {})).result.catch((error: unknown) => error);
    expect(failure).toEqual(coded("task_failed", { message: "The skill broken failed." }));
    expect(lines.find(({ event }) => event === "skill.threw")?.fields?.["error"]).toContain("password is hunter2");
  });

  it("passes a coded error of a skill on as it is", async () => {
    const busy = defineSkill({
      id: "busy",
      input: z.object({}),
      output: z.string(),
      run: () => {
        throw new ParleyError("storage_full");
      },
    });
    const { device } = await start({ skills: [busy] });
    await expect((await device.give("busy", {})).result).rejects.toEqual(coded("storage_full"));
  });

  it("logs messages and tasks without their content, and survives a handler that throws", async () => {
    const seen: string[] = [];
    const { device, lines } = await start({
      onMessage: ({ text }) => {
        seen.push(text);
        throw new Error("no");
      },
    });
    await expect(device.receive("the secret plan")).rejects.toThrow("no");
    await (
      await device.give("double", { n: 42.5 })
    ).result;
    expect(seen).toEqual(["the secret plan"]);
    expect(lines.map(({ event }) => event)).toEqual([
      "agent.ready",
      "message.received",
      "message.handler-threw",
      "task.started",
      "task.ended",
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret plan|42\.5/);
  });

  it("says when it was admitted under another name", async () => {
    const { device, lines } = await start({ name: "other" });
    expect(device.card?.name).toBe("self");
    expect(lines[0]).toMatchObject({ level: "warn", event: "agent.name-differs" });
  });

  it("does not start with schemas that readers of its card would refuse", async () => {
    const wide = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`field${index}`, z.string()]));
    const skill = defineSkill({ id: "wide", input: z.object(wide), output: z.string(), run: () => "" });
    await expect(start({ skills: [skill] })).rejects.toEqual(
      coded("invalid_manifest", { message: expect.stringContaining("skill wide, input") }),
    );
    const many = Array.from({ length: 40 }, (_, index) => ({
      ...double,
      id: `s${index}`,
      described: { ...double.described, id: `s${index}`, description: "x".repeat(2_000) },
    }));
    await expect(start({ skills: many })).rejects.toEqual(
      coded("invalid_manifest", { message: expect.stringContaining("49152 are allowed") }),
    );
    const tagged = { ...double, described: { ...double.described, tags: ["x".repeat(65)] } };
    await expect(start({ skills: [tagged] })).rejects.toEqual(
      coded("invalid_manifest", { message: expect.stringContaining("skill double, tags.0") }),
    );
  });
});

import type { Scheduled } from "@parley/client";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { createAgent } from "../src/agent.ts";
import { runAgent } from "../src/running-agent.ts";
import { nextOf, scheduleSchema } from "../src/schedule-schema.ts";
import { defineSkill } from "../src/skill.ts";
import { FakeDevice } from "./fake-device.ts";

const hour = 3_600_000;

async function start(schedule: z.input<typeof scheduleSchema>, approval?: object) {
  const [device, clock] = [new FakeDevice(), new FakeClock()];
  const inputs: unknown[] = [];
  const events: string[] = [];
  const digest = defineSkill({
    id: "digest",
    ...(approval === undefined ? {} : { approval }),
    input: z.object({ of: z.string() }),
    output: z.string(),
    run: async (input, { wakeAt, hops }) => {
      inputs.push({ ...input, hops });
      if (input.of === "later") await wakeAt(clock.now() + hour, { input: { of: "woken" } });
      return "done";
    },
  });
  const running = await runAgent({
    agent: createAgent({ name: "self", skills: [digest], schedule }),
    device,
    clock,
    log: (_level, event) => void events.push(event),
  });
  const wake = async (row: Scheduled | undefined): Promise<void> => {
    if (row === undefined) throw new Error("nothing is scheduled");
    await device.scheduled.cancel(row.id);
    await device.scheduled.run?.(row);
  };
  return { device, clock, inputs, events, running, wake, rows: () => [...device.scheduled.rows.values()] };
}

describe("an agent that wakes by itself", () => {
  it("runs a standing skill when it is due and plans the next tick from then, however late that is", async () => {
    const { clock, inputs, wake, rows } = await start([{ every: "1h", skill: "digest", input: { of: "all" } }]);
    expect(rows()).toMatchObject([{ at: clock.now() + hour }]);
    // Asleep for a week: one run, not a hundred and sixty.
    clock.advance(7 * 24 * hour);
    await wake(rows()[0]);
    expect(inputs).toEqual([{ of: "all", hops: 0 }]);
    expect(rows()).toMatchObject([{ at: clock.now() + hour }]);
  });

  it("goes on with what an earlier start planned, and forgets what the manifest does not say any more", async () => {
    const entry = { cron: "0 9 * * 1-5", timezone: "UTC", skill: "digest", input: { of: "all" } };
    const { running, rows } = await start([entry]);
    const [first] = rows();
    await running.replace(createAgent({ name: "self", skills: [], schedule: [entry] }));
    expect(rows()).toEqual([first]);
    await running.replace(createAgent({ name: "self", skills: [], schedule: [] }));
    expect(rows()).toEqual([]);
  });

  it("lets a skill ask to be woken, with the hops that led to it", async () => {
    const { device, clock, inputs, wake, rows } = await start([]);
    await (
      await device.give("digest", { of: "later" })
    ).result;
    expect(rows()).toMatchObject([{ at: clock.now() + hour, act: { skill: "digest", hops: 0 } }]);
    const [row] = rows();
    await wake(row && { ...row, act: { ...row.act, hops: 3 } as Scheduled["act"] });
    expect(inputs).toEqual([
      { of: "later", hops: 0 },
      { of: "woken", hops: 3 },
    ]);
  });

  it("does not do by itself what needs a yes, nor what its guards refuse", async () => {
    const asked = await start([{ every: 60, skill: "digest", input: { of: "all" } }], {});
    await asked.wake(asked.rows()[0]);
    expect(asked.inputs).toEqual([]);
    expect(asked.events).toContain("wake.failed");
    const far = await start([{ every: 60, skill: "digest", input: { of: "all" } }]);
    const [row] = far.rows();
    await far.wake(row && { ...row, id: "x", act: { ...row.act, hops: 9 } as Scheduled["act"] });
    expect(far.inputs).toEqual([]);
  });
});

describe("a schedule", () => {
  it("has either every or cron, in bounds", () => {
    const parse = (entry: object): boolean => scheduleSchema.safeParse([{ skill: "x", ...entry }]).success;
    expect(parse({ every: "15m" })).toBe(true);
    expect(parse({ cron: "*/5 * * * *", timezone: "Europe/Berlin" })).toBe(true);
    for (const wrong of [
      {},
      { every: "1h", cron: "0 9 * * *" },
      { every: "0.5s" },
      { every: "31d" },
      { cron: "61 * * * *" },
      { cron: "* * * * * *" },
      { cron: "0 9 * * *", timezone: "Mars/Base" },
    ])
      expect([wrong, parse(wrong)]).toEqual([wrong, false]);
  });

  it("counts a calendar in its own timezone, across a change of the clocks", () => {
    const entry = { every: undefined, cron: "0 9 * * *", timezone: "Europe/Berlin" };
    const winter = nextOf(entry, Date.UTC(2026, 2, 27, 12)) ?? 0;
    expect(new Date(winter).toISOString()).toBe("2026-03-28T08:00:00.000Z");
    expect(new Date(nextOf(entry, winter) ?? 0).toISOString()).toBe("2026-03-29T07:00:00.000Z");
  });
});

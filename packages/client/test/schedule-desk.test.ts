import { openMemoryJournal } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { KeptTable } from "../src/kept-table.ts";
import { mostScheduled, type Scheduled, type ScheduledAct, scheduledSchema } from "../src/scheduled/schedule-api.ts";
import { ScheduleDesk } from "../src/scheduled/schedule-desk.ts";

const skill: ScheduledAct = { kind: "skill", skill: "digest", hops: 2, through: [] };
const message: ScheduledAct = { kind: "send", to: "@ada", text: "good morning" };

async function scene(journal = openMemoryJournal(), clock = new FakeClock()) {
  const table = await KeptTable.open<Scheduled>({
    journal,
    name: "scheduled",
    schema: scheduledSchema,
    most: mostScheduled,
  });
  const sent: string[] = [];
  const failures: ParleyError[] = [];
  const desk = new ScheduleDesk({
    kept: { scheduled: table },
    clock,
    random: new SeededRandom(1),
    notices: { failed: () => undefined },
    send: async (to, text) => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      sent.push(`${to} ${text}`);
    },
  });
  const woken: Scheduled[] = [];
  const serve = (): (() => void) => desk.serve(async (due) => void woken.push(due));
  return { desk, clock, journal, sent, woken, failures, serve };
}

describe("what a device keeps for later", () => {
  it("is done at its time and not before, the earlier first", async () => {
    const { desk, clock, sent } = await scene();
    desk.begin();
    await desk.add(clock.now() + 60_000, message);
    await desk.add(clock.now() + 30_000, { ...message, text: "wake up" });
    await clock.run(29_999);
    expect(sent).toEqual([]);
    await clock.run(1);
    expect(sent).toEqual(["@ada wake up"]);
    await clock.run(30_000);
    expect(sent).toEqual(["@ada wake up", "@ada good morning"]);
    expect(await desk.list()).toEqual([]);
  });

  it("is done once by the next process, when it fell due while none held the device", async () => {
    const first = await scene();
    await first.desk.add(first.clock.now() + 1_000, message);
    await first.desk.add(first.clock.now() + 2_000, skill);
    first.desk.stop();
    first.clock.advance(3_600_000);
    const second = await scene(first.journal, first.clock);
    second.serve();
    second.desk.begin();
    await second.clock.run(1_000);
    expect(second.sent).toEqual(["@ada good morning"]);
    expect(second.woken).toHaveLength(1);
    const third = await scene(first.journal, first.clock);
    third.serve();
    third.desk.begin();
    await third.clock.run(1_000);
    expect([third.sent, third.woken]).toEqual([[], []]);
  });

  it("is noticed soon after a sleep, in which timers stood still", async () => {
    const { desk, clock, sent } = await scene();
    desk.begin();
    await desk.add(clock.now() + 3_600_000, message);
    await clock.run(1_000);
    clock.skew(7_200_000);
    await clock.run(15_000);
    expect(sent).toEqual(["@ada good morning"]);
  });

  it("waits for a handler when it is a skill, and runs nowhere twice when that fails", async () => {
    const { desk, clock } = await scene();
    desk.begin();
    await desk.add(clock.now(), skill);
    await clock.run(120_000);
    expect(await desk.list()).toHaveLength(1);
    let runs = 0;
    desk.serve(() => {
      runs++;
      return Promise.reject(new Error("broken"));
    });
    await clock.run(120_000);
    expect(runs).toBe(1);
    expect(await desk.list()).toEqual([]);
  });

  it("is tried again where that can help, and kept with the reason where it cannot", async () => {
    const { desk, clock, sent, failures } = await scene();
    desk.begin();
    failures.push(new ParleyError("storage_full"), new ParleyError("not_found", { message: "There is no @ada." }));
    await desk.add(clock.now(), message);
    await clock.run(59_000);
    expect(await desk.list()).toMatchObject([{ at: expect.any(Number) as number }]);
    await clock.run(120_000);
    expect(sent).toEqual([]);
    expect(await desk.list()).toMatchObject([{ failed: { code: "not_found" } }]);
    const [row] = await desk.list();
    await desk.cancel(row?.id ?? "");
    await expect(desk.cancel(row?.id ?? "")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is not done when it was cancelled, and is bounded", async () => {
    const { desk, clock, sent } = await scene();
    desk.begin();
    const { id } = await desk.add(clock.now() + 1_000, message);
    await desk.cancel(id);
    await clock.run(10_000);
    expect(sent).toEqual([]);
    for (let count = 0; count < mostScheduled; count++)
      await desk.add(clock.now() + 9_000_000, message, `row-${count}`);
    await expect(desk.add(clock.now() + 9_000_000, message)).rejects.toMatchObject({ code: "limit_reached" });
  });
});

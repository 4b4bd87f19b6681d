import { describe, expect, it } from "vitest";

import { limitOf, UsageWindows, usageWindowsSchema } from "../../src/policy/usage-windows.ts";

const minute = 60_000;
const hour = 60 * minute;
const start = 500_000 * hour;
const budget = (messages: { hour?: number; day?: number }) => ({ who: ["*"], messages });

describe("what a member used", () => {
  it("is counted for the last hour and the last day", () => {
    const windows = new UsageWindows();
    windows.add({ messages: 3 }, start);
    windows.add({ messages: 2, tokens: 10 }, start + 30 * minute);
    expect(windows.used("hour", start + 59 * minute)).toEqual({ messages: 5, tokens: 10, money: 0 });
    expect(windows.used("hour", start + hour).messages).toBe(2);
    expect(windows.used("day", start + hour).messages).toBe(5);
    expect(windows.used("day", start + 24 * hour).messages).toBe(0);
    expect(windows.isEmpty(start + 24 * hour)).toBe(true);
  });

  it("is over a budget above its limit, not at it, until enough is old", () => {
    const windows = new UsageWindows();
    windows.add({ messages: 5 }, start);
    expect(windows.over([budget({ hour: 5 })], start)).toBeUndefined();
    // One more would be too much.
    expect(windows.over([budget({ hour: 5 })], start, 1)).toMatchObject({ used: 5, until: start + hour });
    expect(windows.over([budget({ hour: 6 })], start, 1)).toBeUndefined();
    windows.add({ messages: 1 }, start + 10 * minute);
    const over = windows.over([budget({ hour: 5 })], start + 11 * minute);
    expect(over).toEqual({ kind: "messages", period: "hour", limit: 5, used: 6, until: start + hour });
    expect(windows.over([budget({ hour: 5 })], start + hour - 1)).toBeDefined();
    expect(windows.over([budget({ hour: 5 })], start + hour)).toBeUndefined();
  });

  it("is held off longest by the strictest of several budgets", () => {
    const windows = new UsageWindows();
    windows.add({ messages: 10, money: 5 }, start);
    const budgets = [budget({ hour: 9, day: 9 }), { who: ["*"], money: { hour: 1 } }];
    expect(windows.over(budgets, start)).toMatchObject({ period: "day", until: start + 24 * hour });
    expect(limitOf([...budgets, budget({ hour: 7 })], "messages", "hour")).toBe(7);
    expect(limitOf(budgets, "tokens", "hour")).toBeUndefined();
  });

  it("is never below a limit of nothing", () => {
    expect(new UsageWindows().over([budget({ hour: 0 })], start)).toBeUndefined();
    expect(new UsageWindows().over([budget({ hour: 0 })], start, 1)).toMatchObject({ until: start + hour });
  });

  it("survives being written down, and a clock that is set back", () => {
    const windows = new UsageWindows();
    windows.add({ messages: 3 }, start + 10 * minute);
    windows.add({ messages: 2 }, start);
    const again = new UsageWindows(usageWindowsSchema.parse(JSON.parse(JSON.stringify(windows))));
    expect(again.used("hour", start + 10 * minute).messages).toBe(5);
  });

  it("takes no more room the longer it is used", () => {
    const windows = new UsageWindows();
    for (let at = start; at < start + 50 * hour; at += minute) windows.add({ messages: 1 }, at);
    expect(usageWindowsSchema.safeParse(windows.toJSON()).success).toBe(true);
    expect(windows.used("day", start + 50 * hour).messages).toBeGreaterThanOrEqual(23 * 60);
  });
});

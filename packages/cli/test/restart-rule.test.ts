import { SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { firstPauseMs, mostDeaths, mostPauseMs, RestartRule, steadyMs } from "../src/supervisor/restart-rule.ts";

const rule = (): RestartRule => new RestartRule(new SeededRandom(1));
const died = { livedMs: 10, how: "exit code 1" };

describe("after the end of an agent's process", () => {
  it("comes another start, each later than the one before, up to a bound", () => {
    const each = rule();
    // A process that cannot reach the registry gets better by itself: it is never held.
    const pauses = Array.from({ length: 20 }, () => each.after({ ...died, code: "unreachable" })).map((after) =>
      after.next === "start" ? after.afterMs : Number.NaN,
    );
    expect(pauses[0]).toBeLessThanOrEqual(firstPauseMs);
    expect(pauses[0]).toBeGreaterThanOrEqual(firstPauseMs / 2);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(mostPauseMs);
    expect(pauses.slice(10).every((pause) => pause >= mostPauseMs / 2)).toBe(true);
  });

  it("one that dies at once again and again is held back, with what it said last", () => {
    const each = rule();
    for (let death = 1; death < mostDeaths; death++) expect(each.after(died)).toMatchObject({ next: "start" });
    const last = each.after({ ...died, code: "invalid_manifest", message: "agent.yaml:1:1: name is missing" });
    expect(last).toMatchObject({
      next: "hold",
      reason: expect.stringContaining("name is missing (invalid_manifest)") as string,
    });
  });

  it("one that lived long enough has worked: the count begins anew", () => {
    const each = rule();
    for (let death = 1; death < mostDeaths; death++) each.after(died);
    expect(each.after({ ...died, livedMs: steadyMs })).toMatchObject({ next: "start" });
    const other = rule();
    for (let death = 1; death < mostDeaths; death++) other.after(died);
    expect(other.after({ ...died, livedMs: steadyMs - 1 })).toMatchObject({ next: "hold" });
  });

  it.each(["stopped", "device_in_use", "unreachable", "not_admitted"])("%s passes and is waited for", (code) => {
    const each = rule();
    for (let end = 0; end < 3 * mostDeaths; end++) {
      expect(each.after({ ...died, code })).toMatchObject({ next: "start" });
    }
  });

  it.each(["revoked", "internal", "no-code-of-ours"])("%s does not, and is held back", (code) => {
    const each = rule();
    for (let end = 1; end < mostDeaths; end++) each.after({ ...died, code });
    expect(each.after({ ...died, code })).toMatchObject({ next: "hold" });
  });
});

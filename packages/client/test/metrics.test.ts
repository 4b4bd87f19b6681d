import { describe, expect, it } from "vitest";

import { DeviceMetrics } from "../src/metrics.ts";

describe("the counters of a device", () => {
  it("count by the labels that the table names, in the order of the table", () => {
    const metrics = new DeviceMetrics();
    metrics.count("links_closed", { reason: "idle" });
    metrics.count("links_opened", { path: "direct" });
    metrics.count("links_opened", { path: "direct", member: "somebody" }, 2);
    metrics.count("links_opened", { path: "turn" });
    expect(metrics.samples()).toEqual([
      { name: "links_opened", labels: { path: "direct" }, value: 3 },
      { name: "links_opened", labels: { path: "turn" }, value: 1 },
      { name: "links_closed", labels: { reason: "idle" }, value: 1 },
    ]);
  });

  it("have at most 64 series each; what would be more counts as other", () => {
    const metrics = new DeviceMetrics();
    for (let index = 0; index < 100; index++) metrics.count("gaps", { reason: `r${index}` });
    metrics.count("gaps", { reason: "r5" });
    const samples = metrics.samples();
    expect(samples).toHaveLength(65);
    expect(samples.find(({ labels }) => labels["reason"] === "r5")?.value).toBe(2);
    expect(samples.find(({ labels }) => labels["reason"] === "other")?.value).toBe(36);
  });
});

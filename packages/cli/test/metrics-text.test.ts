import { describe, expect, it } from "vitest";

import { prometheusText } from "../src/metrics-text.ts";

describe("counters for Prometheus", () => {
  it("stand under their help and type, in the order of the table", () => {
    const text = prometheusText([
      { name: "links_closed", labels: { reason: "idle" }, value: 1 },
      { name: "links_opened", labels: { path: "direct" }, value: 3 },
      { name: "links_opened", labels: { path: "turn" }, value: 2 },
    ]);
    expect(text).toBe(
      [
        "# HELP parley_device_links_opened_total Links whose other side has proven itself.",
        "# TYPE parley_device_links_opened_total counter",
        'parley_device_links_opened_total{path="direct"} 3',
        'parley_device_links_opened_total{path="turn"} 2',
        "# HELP parley_device_links_closed_total Open links that ended.",
        "# TYPE parley_device_links_closed_total counter",
        'parley_device_links_closed_total{reason="idle"} 1',
        "",
      ].join("\n"),
    );
  });

  it("keep what a label holds within its quotes", () => {
    expect(prometheusText([{ name: "gaps", labels: { reason: 'a"b\\c\nd' }, value: 1 }])).toContain(
      '{reason="a\\"b\\\\c\\nd"} 1',
    );
  });

  it("are none where nothing was counted", () => {
    expect(prometheusText([])).toBe("");
  });
});

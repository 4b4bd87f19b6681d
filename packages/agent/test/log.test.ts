import { describe, expect, it } from "vitest";

import { createLog, type LogOptions } from "../src/log.ts";

function linesOf(options: Omit<LogOptions, "write">) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...options, write: (line) => void lines.push(line) }) };
}

describe("createLog", () => {
  it("writes one JSON object per line", () => {
    const { lines, log } = linesOf({});
    log("info", "task.started", { skill: "search", nested: { n: 1 } });
    log("debug", "unseen");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      event: "task.started",
      skill: "search",
      nested: { n: 1 },
    });
  });

  it("never writes secrets or content, whoever passes them", () => {
    const { lines, log } = linesOf({ level: "debug" });
    log("debug", "x", {
      token: "hunter2",
      inner: { apiKey: "hunter2" },
      input: "hunter2",
      output: { a: "hunter2" },
      text: "hunter2",
    });
    expect(lines.join("")).not.toContain("hunter2");
  });

  it("writes readable single lines that nothing can forge", () => {
    const { lines, log } = linesOf({ pretty: true });
    log("warn", "message.received", { from: "librarian", reason: "two\nlines \u001B[31m", tookMs: 5 });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d warn {2}message\.received from=librarian reason="two\\nlines \\u001b\[31m" tookMs=5\n$/,
    );
  });

  it("uses colours only when asked to", () => {
    const { lines, log } = linesOf({ pretty: true, colour: true });
    log("info", "ready");
    expect(lines[0]).toContain("\u001B[36m");
  });
});

import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { AgentLog, lastLines, logFiles, logLineCharacters } from "../src/supervisor/agent-log.ts";

const time = Date.UTC(2026, 0, 1);

function logPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "agent.log");
}

const said = (log: AgentLog, text: string): void => log.write({ time, from: "out", text });
const bytesOf = (text: string): number => `2026-01-01T00:00:00.000Z out ${text}\n`.length;

describe("an agent's log", () => {
  it("gives back the last lines, with their time and where they came from", () => {
    const path = logPath();
    const log = new AgentLog(path);
    log.write({ time, from: "out", text: "one" });
    log.write({ time: time + 1, from: "err", text: "two" });
    log.write({ time: time + 2, from: "supervisor", text: "three" });
    expect(log.last(2)).toEqual([
      { time: time + 1, from: "err", text: "two" },
      { time: time + 2, from: "supervisor", text: "three" },
    ]);
    expect(lastLines(path, 0)).toEqual([]);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("begins another file when the next line would not fit, and keeps a bounded number of them", () => {
    const path = logPath();
    const log = new AgentLog(path, 2 * bytesOf("x"));
    said(log, "1");
    said(log, "2");
    expect(existsSync(`${path}.1`)).toBe(false);
    for (let line = 3; line <= 30; line++) said(log, String(line % 10));
    expect(existsSync(`${path}.${logFiles - 1}`)).toBe(true);
    expect(existsSync(`${path}.${logFiles}`)).toBe(false);
    expect(log.last(100)).toHaveLength(2 * logFiles);
    expect(log.last(3).map(({ text }) => text)).toEqual(["8", "9", "0"]);
  });

  it("goes on with the file that an earlier process left", () => {
    const path = logPath();
    const first = new AgentLog(path);
    said(first, "before");
    first.close();
    const second = new AgentLog(path);
    said(second, "after");
    expect(second.last(10).map(({ text }) => text)).toEqual(["before", "after"]);
  });

  it("cuts a line that is too long, and lets none forge another one", () => {
    const log = new AgentLog(logPath());
    said(log, "x".repeat(logLineCharacters));
    said(log, "x".repeat(logLineCharacters + 1));
    said(log, "real\n2026-01-01T00:00:00.000Z supervisor forged");
    const [fits, cut, forged] = log.last(3);
    expect(fits?.text).toHaveLength(logLineCharacters);
    expect(cut?.text).toMatch(/x… \(cut\)$/);
    expect(forged).toMatchObject({ from: "out", text: expect.stringContaining("forged") as string });
  });

  it("leaves lines out where they cannot be written, and goes on afterwards", () => {
    const log = new AgentLog(join(logPath(), "not", "there"));
    expect(() => said(log, "lost")).not.toThrow();
    const seen: string[] = [];
    log.follow(({ text }) => seen.push(text));
    said(log, "followed");
    expect(seen).toEqual(["followed"]);
  });

  it("passes over lines that are not its own", () => {
    const path = logPath();
    writeFileSync(path, "nonsense\n2026-01-01T00:00:00.000Z out fine\n2026-01-01T00:00:00.000Z out half");
    expect(lastLines(path, 10).map(({ text }) => text)).toEqual(["fine"]);
  });
});

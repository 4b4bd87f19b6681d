import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { DemoProcess } from "./demo-process.ts";

/** An agent drains within ten seconds. */
const endMs = 20_000;

const one = (event: string, more: object = {}) => expect.objectContaining({ event, ...more });

describe("npm start", () => {
  it("lets two agents in, and one delegates to the other over a direct link", async () => {
    const cwd = DemoProcess.folder();
    const { code, lines, errors } = await new DemoProcess(cwd, "--once", "--topic", "who may admit a member").end();
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(lines.slice(0, 2)).toEqual([
      one("registry", { reused: false, origin: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) }),
      one("operator", { claimed: true }),
    ]);
    expect(lines).toEqual(
      expect.arrayContaining([
        one("agent", { name: "librarian", admitted: true, skills: ["read", "search"] }),
        one("agent", { name: "reporter", admitted: true, skills: ["report"] }),
        one("asked", { from: "operator", to: "reporter", topic: "who may admit a member" }),
        one("progress", { text: expect.stringMatching(/^@librarian: searching \d+ sections/) }),
        one("delegated", {
          from: "reporter",
          to: "librarian",
          skill: "search",
          path: "direct",
          tookMs: expect.any(Number),
        }),
        one("delegated", { from: "reporter", to: "librarian", skill: "read", path: "direct" }),
        one("delegated", { from: "operator", to: "reporter", skill: "report", path: "direct" }),
        one("report", {
          markdown: expect.stringMatching(/^# Who may admit a member\n[\s\S]+\[1\][\s\S]+## Sources/),
          sources: expect.arrayContaining([expect.stringMatching(/^[\w./-]+\.md:\d+$/)]),
        }),
      ]),
    );
    expect(lines.at(-1)).toEqual({ event: "stopped" });
  });

  it("keeps private what it stores, and goes on with the same mesh the next time", async () => {
    const cwd = DemoProcess.folder();
    const first = await new DemoProcess(cwd, "--once").end();
    expect(first.code).toBe(0);
    const home = join(cwd, ".parley", "demo", "operator");
    expect(statSync(home).mode & 0o077).toBe(0);
    expect(statSync(join(home, "identity.json")).mode & 0o077).toBe(0);
    const identity = readFileSync(join(home, "identity.json"), "utf8");
    const second = await new DemoProcess(cwd, "--once").end();
    expect(second).toMatchObject({ code: 0, errors: "" });
    expect(second.lines).toEqual(
      expect.arrayContaining([
        one("registry", { reused: true }),
        one("operator", { claimed: false }),
        one("agent", { name: "librarian", admitted: false }),
        one("report"),
      ]),
    );
    expect(readFileSync(join(home, "identity.json"), "utf8")).toBe(identity);
  });

  it("refuses a second start beside a running one, and stops all of its processes", async () => {
    const cwd = DemoProcess.folder();
    const demo = new DemoProcess(cwd);
    await demo.event("up");
    const lock = join(cwd, ".parley", "demo", "running.lock");
    expect(readFileSync(lock, "utf8")).toBe(`${demo.pid}\n`);
    const second = await new DemoProcess(cwd, "--once").end();
    expect(second).toMatchObject({ code: 1, lines: [], errors: expect.stringContaining(`process ${demo.pid}`) });
    const agents = childrenOf(demo.pid);
    expect(agents).toHaveLength(2);
    demo.signal("SIGTERM");
    const { code, lines, errors } = await demo.end();
    expect({ code, errors, last: lines.at(-1) }).toEqual({ code: 0, errors: "", last: { event: "stopped" } });
    expect(agents.filter(isAlive)).toEqual([]);
    expect(existsSync(lock)).toBe(false);
  });

  it("leaves no agent behind when it is killed, and starts again", async () => {
    const cwd = DemoProcess.folder();
    const demo = new DemoProcess(cwd);
    await demo.event("up");
    const agents = childrenOf(demo.pid);
    demo.signal("SIGKILL");
    await demo.end();
    await expect.poll(() => agents.filter(isAlive), { timeout: endMs }).toEqual([]);
    expect(await new DemoProcess(cwd, "--once").end()).toMatchObject({ code: 0, errors: "" });
  });
});

function childrenOf(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = existsSync(path)
    ? readFileSync(path, "utf8")
    : execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" });
  return text.trim().split(/\s+/).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

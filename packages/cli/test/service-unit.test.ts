import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { launchdPlist, type ServicePlan, systemdUnit } from "../src/supervisor/service-unit.ts";

function odd(): ServicePlan {
  const root = mkdtempSync(join(tmpdir(), "parley-unit-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, `50% of "my" <agents> & $HOME`);
  mkdirSync(folder);
  return {
    name: "agents-sample",
    description: "Parley agents, 100% of them",
    command: [process.execPath, "--disable-warning=ExperimentalWarning", "main.ts", "run", "--all", folder],
    folder,
    stopSeconds: 330,
    logPath: join(root, "parley.log"),
  };
}

const isThere = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

describe("a unit file", () => {
  it("for systemd takes a folder of any name, and systemd finds nothing wrong with it", () => {
    const plan = odd();
    const unit = systemdUnit(plan);
    expect(unit).toContain("KillMode=mixed");
    expect(unit).toContain(String.raw`50%% of \"my\" <agents> & $$HOME`);
    if (!isThere("systemd-analyze")) return;
    const path = join(plan.folder, "..", "parley-sample.service");
    writeFileSync(path, unit);
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], { encoding: "utf8" });
    expect({ status, own: stderr.split("\n").filter((line) => line.includes("parley-sample")) }).toEqual({
      status: 0,
      own: [],
    });
  });

  it("for launchd says the same as XML that a parser reads back", () => {
    const plan = odd();
    const script = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
    const text = execFileSync("python3", ["-c", script], { input: launchdPlist(plan), encoding: "utf8" });
    expect(JSON.parse(text)).toMatchObject({
      Label: "parley.agents-sample",
      ProgramArguments: plan.command,
      WorkingDirectory: plan.folder,
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ExitTimeOut: 330,
    });
  });
});

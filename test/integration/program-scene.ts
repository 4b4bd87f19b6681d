import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAgent, runAgent, type RunningAgent } from "@parley/agent";
import { DeviceSocket } from "@parley/sidecar";
import { onTestFinished } from "vitest";

import { ProgramHost } from "../../packages/cli/src/sidecar/program-host.ts";
import { RawCaller } from "../../packages/sidecar/test/raw-caller.ts";
import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";

/** A member whose device programs use, as `parley sidecar` lets them. */
export interface ProgramScene {
  readonly running: RunningAgent;
  /** A program that has greeted. */
  readonly program: () => Promise<RawCaller>;
  /** One that serves a skill. */
  readonly serving: (skill: object) => Promise<RawCaller>;
}

export async function openPrograms({ device }: TestMember): Promise<ProgramScene> {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  const path = join(folder, "device.sock");
  const host = new ProgramHost({ mostHops: 8 });
  const socket = await DeviceSocket.open({ device, path, host });
  const agent = createAgent({ name: device.name, skills: [] });
  const running = await runAgent({ agent, device, log: () => undefined, leavesMessages: true });
  host.begin(running);
  onTestFinished(async () => {
    await running.stop();
    await socket.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const program = (): Promise<RawCaller> => RawCaller.greeted(path, 2);
  const serving = async (skill: object): Promise<RawCaller> => {
    const caller = await program();
    await caller.ask(1, "serve", { skills: [skill] });
    return caller;
  };
  return { running, program, serving };
}

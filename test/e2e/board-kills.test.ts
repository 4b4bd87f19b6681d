import { expect, it, vi } from "vitest";

import { runBoard } from "../chaos/board-run.ts";
import { temporaryFolder } from "./cli-process.ts";

vi.setConfig({ testTimeout: 240_000 });

it("tasks on the board each come to one end while worker, asker and registry are killed", async () => {
  const folder = temporaryFolder();
  const bounds = { tasks: 100, workers: 3, everyMs: 1500, mostKills: 6 };
  const run = await runBoard({ seed: 42, ...bounds, folder, onProgress: () => undefined });
  expect(run.wrongs).toEqual([]);
  expect(Object.values(run.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  expect(run.completed).toBeGreaterThan(90);
});

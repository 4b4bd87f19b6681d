import { expect, it, vi } from "vitest";

import { runBoard } from "../chaos/board-run.ts";
import { temporaryFolder } from "./cli-process.ts";

vi.setConfig({ testTimeout: 240_000 });

it("tasks on the board each come to one end while worker, asker and registry are killed", async () => {
  const folder = temporaryFolder();
  const run = await runBoard({ seed: 42, tasks: 120, workers: 3, everyMs: 1000, folder, onProgress: () => undefined });
  expect(run.wrongs).toEqual([]);
  expect(Object.values(run.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  expect(run.completed).toBeGreaterThan(100);
});

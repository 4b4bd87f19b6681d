import { expect, it } from "vitest";

import { type BoardLine, boardInputOf } from "./board-settings.ts";
import { type BoardEvidence, judgeBoard } from "./board-verdict.ts";
import type { ScheduleLine } from "./evidence.ts";

const seed = 1;
const { attempts } = boardInputOf(0, seed);
const submitted: BoardLine = { t: "submitted", at: 10, n: 0, task: "t" };
const ended: BoardLine = { t: "ended", at: 100, n: 0, task: "t", by: "worker-1" };
const final = {
  t: "final",
  at: 200,
  n: 0,
  task: "t",
  state: "completed",
  starts: 1,
  attempts,
  generation: 1,
  acts: ["submitted", "completed"],
} as const;
const life: BoardLine = { t: "life", at: 5, life: 1 };
const leased = (generation: number, at = 20): BoardLine => ({ t: "leased", at, task: "t", generation });
const kill = (process: string, at: number): ScheduleLine => ({ t: "ended", at, process, life: 1, by: "kill" });

function judged(change: Partial<BoardEvidence>): readonly string[] {
  const workers = new Map([["worker-1", [life, leased(1)]]]);
  return judgeBoard({ tasks: 1, seed, asker: [submitted, ended, final], workers, schedule: [], ...change }).wrongs;
}

it("finds nothing wrong with a task that was done once, or again after a kill", () => {
  expect(judged({})).toEqual([]);
  const again = { ...final, starts: 2, generation: 2 };
  const workers = new Map([
    ["worker-1", [life, leased(1)]],
    ["worker-2", [life, leased(2, 60)]],
  ]);
  expect(judged({ asker: [submitted, ended, again], workers, schedule: [kill("worker-1", 30)] })).toEqual([]);
});

it.each([
  ["that has no end", { asker: [submitted] }],
  ["that its asker never heard of", { asker: [submitted, final] }],
  ["with two ids", { asker: [submitted, { ...ended, task: "other" }, final] }],
  [
    "that was completed twice",
    { asker: [submitted, ended, { ...final, acts: ["submitted", "completed", "completed"] }] },
  ],
  [
    "that was begun again though nobody was killed",
    { asker: [submitted, ended, { ...final, starts: 2, generation: 2 }] },
  ],
  ["that was begun too often", { asker: [submitted, ended, { ...final, starts: attempts + 1 }] }],
  ["that hangs", { asker: [submitted, ended, { ...final, state: "open", acts: ["submitted"] }] }],
  [
    "whose reason is not true",
    {
      asker: [
        submitted,
        { ...ended, code: "worker_lost" },
        { ...final, state: "failed", reason: "worker_lost", acts: ["submitted"] },
      ],
    },
  ],
  ["of which two things were told", { asker: [submitted, ended, { ...ended, code: "expired" }, final] }],
] as [string, Partial<BoardEvidence>][])("finds a task %s", (_, change) => {
  expect(judged(change)).not.toEqual([]);
});

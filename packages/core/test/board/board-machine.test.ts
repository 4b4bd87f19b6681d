import { boardStates, type ErrorCode } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  type BoardMove,
  boardTable,
  type BoardTask,
  hasBoardTaskEnded,
  moveBoardTask,
  newBoardTask,
} from "../../src/index.ts";

const at = 1000;
const deadline = 100_000;
const holders = ["one", "two"].map((device) => ({ member: `m-${device}`, device, boot: `${device}-1` }));
const codes: readonly ErrorCode[] = ["task_failed", "timeout", "invalid_input", "canceled"];

const device = fc.constantFrom("one", "two", "three");
/** Mostly the present lease, sometimes an older or a later one. */
const generation = fc.integer({ min: -1, max: 1 });
const time = fc.integer({ min: 0, max: 120_000 });
const pauseMs = fc.integer({ min: 0, max: 60_000 });

type Draft = BoardMove & { readonly offset?: number };
const move: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ act: fc.constant("lease" as const), at: time, holder: fc.constantFrom(...holders) }),
  },
  fc.record({ act: fc.constant("renew" as const), at: time, generation, device }),
  fc.record({
    act: fc.constant("return" as const),
    at: time,
    generation,
    device,
    begun: fc.boolean(),
    code: fc.constantFrom(...codes),
  }),
  { weight: 2, arbitrary: fc.record({ act: fc.constant("lapse" as const), at: time, generation, pauseMs }) },
  fc.record({ act: fc.constant("complete" as const), at: time, generation, device }),
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant("fail" as const),
      at: time,
      generation,
      device,
      code: fc.constantFrom(...codes),
      pauseMs,
    }),
  },
  fc.record({ act: fc.constant("cancel" as const), at: time }),
  fc.record({ act: fc.constant("block" as const), at: time }),
  fc.record({ act: fc.constant("expire" as const), at: time }),
  fc.record({
    act: fc.constant("retry" as const),
    at: time,
    attempts: fc.integer({ min: 1, max: 4 }),
    deadline: fc.constant(deadline),
  }),
  fc.record({ act: fc.constant("acknowledge" as const), at: time }),
);

/** Generations are drawn beside the present one. */
const placed = (draft: Draft, task: BoardTask): BoardMove =>
  "generation" in draft ? { ...draft, generation: task.generation + draft.generation } : draft;

/** What the table says of a move, said once more in other words. */
function expected(task: BoardTask, wanted: BoardMove): ErrorCode | "happens" {
  const row = boardTable[wanted.act];
  if (row.by === "worker" && "device" in wanted) {
    const holds = task.state === "leased" && task.holder?.device === wanted.device;
    if (!holds || wanted.generation !== task.generation) return "lease_ended";
  }
  if (!row.from.includes(task.state)) return wanted.act === "cancel" ? "task_not_cancelable" : "conflict";
  if (wanted.act === "lapse" && wanted.generation !== task.generation) return "lease_ended";
  if (wanted.act === "lease" && (wanted.at < task.readyAt || wanted.at >= task.deadline)) return "conflict";
  if (wanted.act === "expire" && wanted.at < task.deadline) return "conflict";
  return "happens";
}

describe("the state machine of a task on the board", () => {
  it("does of random moves what its table allows, refuses the others with a code, and keeps its promises", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(move, { maxLength: 60 }), (attempts, moves) => {
        let task = newBoardTask({ attempts, readyAt: 0, deadline });
        let [leases, completions, budget] = [0, 0, attempts];
        for (const draft of moves) {
          const wanted = placed(draft, task);
          const before = task;
          const moved = moveBoardTask(before, wanted);
          expect(moved.ok ? "happens" : moved.code).toBe(expected(before, wanted));
          if (!moved.ok) continue;
          task = moved.task;
          expect(boardTable[wanted.act].to).toContain(task.state);
          if (wanted.act === "lease") leases++;
          if (wanted.act === "complete") completions++;
          if (wanted.act === "retry") budget = before.starts + wanted.attempts;
          // Each lease has its number, and is held by one device while it lasts.
          expect(task.generation).toBe(leases);
          expect(task.state === "leased").toBe(task.holder !== undefined && task.state !== "completed");
          // Nobody works on it more often than it may be begun.
          expect(task.starts).toBeLessThanOrEqual(budget);
          expect(task.starts).toBeGreaterThanOrEqual(0);
          // It ends once, and with a reason unless it was completed.
          expect(task.ended !== undefined).toBe(hasBoardTaskEnded(task.state));
          expect(hasBoardTaskEnded(task.state) && task.reason === undefined).toBe(task.state === "completed");
          // A task that was completed stays so.
          expect(before.state === "completed" && task.state !== "completed").toBe(false);
        }
        expect(completions).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });

  it("reaches every state, and has a row that leads out of each that is not the last", () => {
    const reached = new Set(Object.values(boardTable).flatMap(({ to }) => to));
    expect([...reached].toSorted()).toEqual([...boardStates].toSorted());
    const left = boardStates.filter((state) =>
      Object.entries(boardTable).some(([act, { from }]) => act !== "acknowledge" && from.includes(state)),
    );
    expect(left).toEqual(boardStates.filter((state) => state !== "completed"));
  });

  const leased = (): BoardTask => {
    const [holder] = holders;
    const moved = moveBoardTask(newBoardTask({ attempts: 2, readyAt: 0, deadline }), {
      act: "lease",
      at,
      holder: holder ?? { member: "", device: "", boot: "" },
    });
    if (!moved.ok) throw new Error(moved.code);
    return moved.task;
  };
  const after = (task: BoardTask, wanted: BoardMove): BoardTask => {
    const moved = moveBoardTask(task, wanted);
    if (!moved.ok) throw new Error(moved.code);
    return moved.task;
  };

  it("opens a task again after a lost lease, not before a pause, and makes it a dead letter when it has no start left", () => {
    const open = after(leased(), { act: "lapse", at, generation: 1, pauseMs: 500 });
    expect(open).toMatchObject({ state: "open", starts: 1, readyAt: at + 500, reason: "worker_lost" });
    const holder = { member: "m", device: "one", boot: "b" };
    expect(moveBoardTask(open, { act: "lease", at: at + 499, holder })).toEqual({ ok: false, code: "conflict" });
    const second = after(open, { act: "lease", at: at + 500, holder });
    expect(after(second, { act: "lapse", at, generation: 2, pauseMs: 500 })).toMatchObject({
      state: "failed",
      starts: 2,
      reason: "worker_lost",
    });
  });

  it("refuses what comes under an older lease, of another device, or after the end", () => {
    const open = after(leased(), { act: "lapse", at, generation: 1, pauseMs: 0 });
    const again = after(open, { act: "lease", at, holder: { member: "m", device: "two", boot: "b" } });
    for (const under of [
      { generation: 1, device: "one" },
      { generation: 2, device: "one" },
      { generation: 1, device: "two" },
    ])
      expect(moveBoardTask(again, { act: "complete", at, ...under })).toEqual({ ok: false, code: "lease_ended" });
    const done = after(again, { act: "complete", at, generation: 2, device: "two" });
    expect(moveBoardTask(done, { act: "complete", at, generation: 2, device: "two" }).ok).toBe(false);
  });

  it("counts no start for what was given back before it began, and one for what had begun", () => {
    const under = { generation: 1, device: "one", at, code: "closed" } as const;
    expect(after(leased(), { act: "return", begun: false, ...under })).toMatchObject({ state: "open", starts: 0 });
    expect(after(leased(), { act: "return", begun: true, ...under })).toMatchObject({ state: "open", starts: 1 });
  });

  it("tries nothing again that would fail again", () => {
    const failed = after(leased(), {
      act: "fail",
      at,
      generation: 1,
      device: "one",
      code: "invalid_input",
      pauseMs: 0,
    });
    expect(failed).toMatchObject({ state: "failed", reason: "invalid_input", starts: 1 });
  });
});

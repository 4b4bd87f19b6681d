import {
  isParleyError,
  isTerminal,
  mayMove,
  ParleyError,
  type TaskState,
  taskMoves,
  taskStates,
} from "@parley/protocol";
import { array, assert, asyncProperty, constantFrom, property } from "fast-check";
import { describe, expect, it } from "vitest";

import type { Peer } from "../../src/peer.ts";
import { TaskFold } from "../../src/tasks/task-fold.ts";
import { acts, makeTask, TaskModel } from "./task-model.ts";

/** Whether something is done, and not refused with a code. */
function isTaken(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (isParleyError(error)) return false;
    throw error;
  }
}

describe("the table of a task's states", () => {
  it("lets nothing follow an end, and an end follow everything else", () => {
    for (const from of taskStates) {
      const followed = taskStates.some((to) => mayMove(from, to));
      const ends = mayMove(from, "TASK_STATE_FAILED") && mayMove(from, "TASK_STATE_CANCELED");
      expect({ from, followed, ends }).toEqual({ from, followed: !isTerminal(from), ends: !isTerminal(from) });
    }
  });

  it("has each move once, and says of each who may cause it", () => {
    expect(new Set(taskMoves.map(({ from, to }) => `${from} ${to}`)).size).toBe(taskMoves.length);
    for (const { from, to, by } of taskMoves) {
      expect(by.length).toBeGreaterThan(0);
      for (const cause of by) expect(mayMove(from, to, cause)).toBe(true);
    }
    expect(mayMove("TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "caller")).toBe(false);
    expect(mayMove("TASK_STATE_WORKING", "TASK_STATE_CANCELED", "approver")).toBe(false);
  });
});

describe("a task", () => {
  it("goes only where the table lets it, whatever its skill, its caller and its time do", async () => {
    await assert(
      asyncProperty(array(constantFrom(...acts), { maxLength: 30 }), async (steps) => {
        const model = new TaskModel();
        for (const step of steps) await model.act(step);
        model.check();
      }),
      { numRuns: 500 },
    );
  });

  it("is folded by its caller as far as the table lets it, and refused from there on", () => {
    assert(
      property(array(constantFrom(...taskStates), { maxLength: 12 }), (states) => {
        const fold = new TaskFold();
        let state: TaskState = "TASK_STATE_WORKING";
        fold.apply({ task: { id: "t", status: { state } } });
        for (const next of states) {
          const event = { statusUpdate: { taskId: "t", status: { state: next } } };
          const isLegal = mayMove(state, next);
          expect(isTaken(() => fold.apply(event))).toBe(isLegal);
          if (isLegal) state = next;
          expect(fold.state).toBe(state);
        }
      }),
    );
  });

  it("tells whoever comes while its end is being written down of that end once", async () => {
    const { held, told, clock } = makeTask();
    await clock.run(1);
    const written = Promise.withResolvers<void>();
    held.beforeEnd = () => written.promise;
    void held.complete({ done: true });
    held.follow({ peer: {} as Peer, call: 2, paths: undefined }, undefined);
    written.resolve();
    await written.promise;
    await clock.run(1);
    const ends = told.filter(({ call }) => call === 2).map(({ event, end }) => [event?.task?.status.state, end]);
    expect(ends.at(-1)).toEqual(["TASK_STATE_COMPLETED", true]);
    expect(told.filter(({ call, event }) => call === 2 && event?.statusUpdate !== undefined)).toEqual([]);
  });

  it("has a call that follows it again as one follower", async () => {
    const { held, told, clock } = makeTask();
    await clock.run(1);
    const again = { peer: {} as Peer, call: 2, paths: undefined };
    held.follow(again, undefined);
    held.follow({ ...again }, undefined);
    void held.complete(undefined);
    await clock.run(1);
    expect(told.filter(({ call, end }) => call === 2 && end === true)).toHaveLength(1);
  });

  it("that has ended takes no artifact and no other task's place", () => {
    const fold = new TaskFold();
    fold.apply({ task: { id: "t", status: { state: "TASK_STATE_COMPLETED" } } });
    const artifact = { artifactId: "a", parts: [{ text: "late" }] };
    expect(() => fold.apply({ artifactUpdate: { taskId: "t", artifact } })).toThrow(ParleyError);
    expect(() => fold.apply({ task: { id: "t", status: { state: "TASK_STATE_WORKING" } } })).toThrow(ParleyError);
    expect(() => fold.apply({ task: { id: "u", status: { state: "TASK_STATE_COMPLETED" } } })).toThrow(ParleyError);
  });

  it("has as much time after a wait as before it", () => {
    const { held, clock } = makeTask(10_000);
    clock.advance(4000);
    const { deadline } = held.time;
    const [one, other] = [held.hold("TASK_STATE_AUTH_REQUIRED", ""), held.hold("TASK_STATE_AUTH_REQUIRED", "")];
    clock.advance(50_000);
    one();
    clock.advance(50_000);
    other();
    expect(held.time.deadline).toBe(deadline + 100_000);
    clock.advance(5999);
    expect(held.signal.aborted).toBe(false);
    clock.advance(1);
    expect(held.signal.reason).toMatchObject({ code: "timeout" });
  });

  it("lets nobody wait for an answer that was asked for by a skill that is stopped", async () => {
    const { held } = makeTask();
    const asked = held.askCaller("which?", 1000);
    held.abort(new ParleyError("canceled"));
    await expect(asked).rejects.toMatchObject({ code: "canceled" });
  });
});

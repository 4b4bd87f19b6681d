import { systemRandom } from "@parley/core";
import {
  type CallEvent,
  isTerminal,
  limits,
  mayMove,
  type Message,
  ParleyError,
  type TaskState,
  taskMoves,
  taskStates,
} from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Peer } from "../../src/peer.ts";
import { HeldTask } from "../../src/tasks/held-task.ts";
import { TaskFold } from "../../src/tasks/task-fold.ts";
import { TaskRecord } from "../../src/tasks/task-record.ts";

const message: Message = { messageId: "m", role: "ROLE_USER", parts: [{ text: "do it" }] };
const follower = { peer: {} as Peer, call: 1, paths: undefined };

interface Made {
  readonly held: HeldTask;
  readonly told: CallEvent[];
  readonly clock: FakeClock;
}

function make(timeLimitMs = 60_000): Made {
  const clock = new FakeClock();
  const told: CallEvent[] = [];
  const held = new HeldTask(
    {
      clock,
      random: systemRandom,
      owner: "owner",
      contextId: "context",
      skill: "work",
      timeLimitMs,
      record: new TaskRecord(message),
      leave: (parts) => Promise.resolve([...parts]),
      tell: async (_, event) => void told.push(structuredClone(event)),
    },
    follower,
  );
  return { held, told, clock };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

/** What a test's task may be made to do, legal or not. */
const acts = [
  "turn",
  "progress",
  "artifact",
  "auth",
  "release",
  "ask",
  "say",
  "complete",
  "fail",
  "code",
  "cancel",
  "hour",
] as const;

class Model {
  readonly #made = make();
  readonly #releases: (() => void)[] = [];
  /** What is expected. */
  #auths = 0;
  #isAsked = false;
  #state: TaskState = "TASK_STATE_WORKING";
  #isAborted = false;

  async act(act: (typeof acts)[number]): Promise<void> {
    const { held, clock } = this.#made;
    const wasEnded = isTerminal(this.#state);
    switch (act) {
      case "turn":
        clock.advance(1);
        break;
      case "progress":
        await held.progress("on");
        break;
      case "artifact":
        await held.artifact({ artifactId: "a", parts: [{ text: "a" }] });
        break;
      case "auth":
        this.#releases.push(held.hold("TASK_STATE_AUTH_REQUIRED", "waits"));
        this.#auths++;
        if (!wasEnded) this.#state = "TASK_STATE_AUTH_REQUIRED";
        break;
      case "release":
        this.#release();
        break;
      case "ask":
        this.#ask(wasEnded);
        break;
      case "say":
        this.#say(wasEnded);
        break;
      case "complete":
        void held.complete({ done: true });
        if (!wasEnded) this.#state = "TASK_STATE_COMPLETED";
        break;
      case "fail":
      case "code":
        held.fail(new ParleyError(act === "fail" ? "task_failed" : "too_large"));
        if (!wasEnded) this.#state = "TASK_STATE_FAILED";
        break;
      case "cancel":
      case "hour":
        this.#stop(act);
        break;
    }
    await settle();
    if (act === "say" && this.#isAsked && !wasEnded && !this.#isAborted) this.#answered();
    expect(held.state).toBe(this.#state);
    expect(held.time.isPaused && !held.ended).toBe(
      !isTerminal(this.#state) && (this.#auths > 0 || this.#isAsked) && !held.ended,
    );
  }

  #release(): void {
    const release = this.#releases.shift();
    if (release === undefined) return;
    release();
    // Twice is as good as once.
    release();
    this.#auths--;
    if (!isTerminal(this.#state)) this.#state = this.#waitingState();
  }

  /** Of two waits the one that began first is told when another one ends. */
  #waitingState(): TaskState {
    if (this.#auths > 0 && this.#isAsked) return this.#made.held.state;
    if (this.#auths > 0) return "TASK_STATE_AUTH_REQUIRED";
    return this.#isAsked ? "TASK_STATE_INPUT_REQUIRED" : "TASK_STATE_WORKING";
  }

  #ask(wasEnded: boolean): void {
    const { held } = this.#made;
    const asked = held.askCaller("which?", limits.approvalLifeMs);
    asked.catch(() => undefined);
    if (this.#isAsked || this.#isAborted || wasEnded) return;
    this.#isAsked = true;
    this.#state = "TASK_STATE_INPUT_REQUIRED";
  }

  #say(wasEnded: boolean): void {
    const { held } = this.#made;
    if (wasEnded) return;
    if (this.#isAsked) held.words.take(message);
    else expect(() => held.words.take(message)).toThrow(ParleyError);
  }

  #answered(): void {
    this.#isAsked = false;
    this.#state = this.#waitingState();
  }

  #stop(act: "cancel" | "hour"): void {
    const { held, clock } = this.#made;
    if (act === "cancel") held.abort(new ParleyError("canceled"));
    else clock.advance(limits.approvalLifeMs + 120_000);
    // A skill that listens ends with the reason.
    const reason = held.signal.aborted ? (held.signal.reason as ParleyError) : undefined;
    if (reason === undefined || isTerminal(this.#state)) return;
    held.fail(reason);
    this.#state = reason.code === "canceled" ? "TASK_STATE_CANCELED" : "TASK_STATE_FAILED";
  }

  /** What was told is what may be told: numbered without a gap, each state after one that it may follow, and nothing after the end. */
  check(): void {
    const { told, held } = this.#made;
    expect(told.map(({ number }) => number)).toEqual(told.map((_, index) => index + 1));
    const fold = new TaskFold();
    for (const [index, { event, end, error }] of told.entries()) {
      if (event !== undefined) fold.apply(event);
      if (end === true || error !== undefined) expect(index).toBe(told.length - 1);
    }
    if (!held.ended) return;
    const last = told.at(-1);
    expect(last?.end === true || last?.error !== undefined).toBe(true);
    if (last?.error === undefined) expect(fold.state).toBe(held.state);
    // Whoever asks for it again gets the same task.
    held.follow({ ...follower, call: 2 }, 0);
    expect(told.filter(({ call }) => call === 2).map(({ number }) => number)).toEqual(
      told.filter(({ call }) => call === 1).map(({ number }) => number),
    );
  }
}

describe("the table of a task's states", () => {
  it("lets nothing follow an end, and an end follow everything else", () => {
    for (const from of taskStates)
      for (const to of taskStates) {
        if (isTerminal(from)) expect(mayMove(from, to)).toBe(false);
        else if (to === "TASK_STATE_FAILED" || to === "TASK_STATE_CANCELED") expect(mayMove(from, to)).toBe(true);
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
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...acts), { maxLength: 30 }), async (steps) => {
        const model = new Model();
        for (const step of steps) await model.act(step);
        model.check();
      }),
      { numRuns: 500 },
    );
  });

  it("is folded by its caller as far as the table lets it, and refused from there on", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...taskStates), { maxLength: 12 }), (states) => {
        const fold = new TaskFold();
        let state: TaskState = "TASK_STATE_WORKING";
        fold.apply({ task: { id: "t", status: { state } } });
        for (const next of states) {
          const event = { statusUpdate: { taskId: "t", status: { state: next } } };
          if (mayMove(state, next)) {
            fold.apply(event);
            state = next;
          } else expect(() => fold.apply(event)).toThrow(ParleyError);
          expect(fold.state).toBe(state);
        }
      }),
    );
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
    const { held, clock } = make(10_000);
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
    const { held } = make();
    const asked = held.askCaller("which?", 1000);
    held.abort(new ParleyError("canceled"));
    await expect(asked).rejects.toMatchObject({ code: "canceled" });
  });
});

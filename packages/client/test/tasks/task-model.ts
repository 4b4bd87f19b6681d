/** What a task is expected to do, for random moves: compared after each of them with what a held task really does. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";

import { systemRandom } from "@parley/core";
import { type CallEvent, isTerminal, limits, type Message, ParleyError, type TaskState } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";

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

export function makeTask(timeLimitMs = 60_000): Made {
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
export const acts = [
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

export class TaskModel {
  readonly #made = makeTask();
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
    equal(held.state, this.#state);
    const waits = this.#auths > 0 || this.#isAsked;
    equal(held.time.isPaused && !held.ended, waits && !isTerminal(this.#state));
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
    else throws(() => held.words.take(message), ParleyError);
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
    deepEqual(
      told.map(({ number }) => number),
      told.map((_, index) => index + 1),
    );
    const fold = new TaskFold();
    for (const [index, { event, end, error }] of told.entries()) {
      if (event !== undefined) fold.apply(event);
      if (end === true || error !== undefined) equal(index, told.length - 1);
    }
    if (!held.ended) return;
    const last = told.at(-1);
    ok(last?.end === true || last?.error !== undefined);
    if (last?.error === undefined) equal(fold.state, held.state);
    // Whoever asks for it again gets the same task.
    held.follow({ ...follower, call: 2 }, 0);
    const numbersOf = (to: number): unknown => told.filter(({ call }) => call === to).map(({ number }) => number);
    deepEqual(numbersOf(2), numbersOf(1));
  }
}

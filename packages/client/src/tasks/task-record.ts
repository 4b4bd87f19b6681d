/** What happened in a task, as far as its timeline tells: kept in memory as it comes, hashed and signed when somebody wants it. */
import { limits, type Message, type TaskState } from "@parley/protocol";
import { z } from "zod";

/** One act; times are milliseconds since 1970. */
export const recordedActSchema = z.discriminatedUnion("act", [
  z.object({ act: z.literal("state"), at: z.number(), state: z.string(), code: z.string().optional() }),
  /** An approval by which it was begun, or an answer of somebody who was asked. */
  z.object({ act: z.literal("approval"), at: z.number(), request: z.string(), grants: z.array(z.string()) }),
  /** It was begun again after a restart of the agent. */
  z.object({ act: z.literal("resumed"), at: z.number(), starts: z.number() }),
  /** States that are not told one by one. */
  z.object({ act: z.literal("omitted"), at: z.number(), count: z.number() }),
]);
export type RecordedAct = z.infer<typeof recordedActSchema>;

const none: readonly never[] = [];

export class TaskRecord {
  /** What was asked. */
  readonly message: Message;
  /** Digests of the delegations by which it was asked are made of these. */
  readonly chain: readonly string[];
  /** Of the message, about. */
  readonly bytes: number;
  #acts: RecordedAct[];
  #answers: Message[] | undefined;
  #last: TaskState = "TASK_STATE_WORKING";

  constructor(
    message: Message,
    {
      chain = none,
      acts,
      bytes = 0,
    }: { chain?: readonly string[] | undefined; acts?: readonly RecordedAct[]; bytes?: number } = {},
  ) {
    this.message = message;
    this.chain = chain;
    this.bytes = bytes;
    this.#acts = acts === undefined ? [] : [...acts];
  }

  /** What the caller said to what it was asked. */
  get answers(): readonly Message[] {
    return this.#answers ?? none;
  }

  answered(message: Message): void {
    if (this.answers.length < limits.contextMessages) (this.#answers ??= []).push(message);
  }

  get acts(): readonly RecordedAct[] {
    return this.#acts;
  }

  /** It is in another state now. */
  state(state: TaskState, at: number, code?: string): void {
    if (state === this.#last) return;
    this.#last = state;
    this.#add({ act: "state", at, state, ...(code === undefined ? {} : { code }) });
  }

  approval(request: string, grants: readonly string[], at: number): void {
    this.#add({ act: "approval", at, request, grants: [...grants] });
  }

  resumed(starts: number, at: number): void {
    this.#add({ act: "resumed", at, starts });
  }

  /** Bounded: what is too much in the middle is counted only. */
  #add(act: RecordedAct): void {
    this.#acts.push(act);
    if (this.#acts.length <= limits.taskTimelineEntries - 2) return;
    const at = this.#acts.length >> 1;
    const [first, second] = this.#acts.splice(at, 2);
    const count = [first, second].reduce((sum, each) => sum + (each?.act === "omitted" ? each.count : 1), 0);
    this.#acts.splice(at, 0, { act: "omitted", at: first?.at ?? act.at, count });
  }
}

import type { ActToApprove, LogLine, Principal, Resumed, SelfReport, Sender } from "@parley/client";
import type { CallStep, Message, Part } from "@parley/protocol";

import type { Mesh } from "./mesh.ts";
import type { WakeAt } from "./wake-ups.ts";

/** Something that a skill hands over beside its result, or before it. */
export interface SkillArtifact {
  /** The same id again with `append` adds a chunk. Default: a number. */
  readonly artifactId?: string;
  readonly name?: string;
  readonly description?: string;
  /** Exactly one of `text`, `data` and `parts`. */
  readonly text?: string;
  readonly data?: unknown;
  readonly parts?: readonly Part[];
}

/** What a skill works with besides its input. */
export interface SkillContext {
  /** Aborted when the caller cancels, the time is up or the agent stops; its reason is a coded error. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970 at which the time is up; later by as long as somebody was waited for. */
  readonly deadline: number;
  /** What was said in the conversation (`contextId`) before this task, oldest first, in bounds: the caller's words and this agent's results. */
  readonly history: readonly Message[];
  /** What the caller says besides, for one reader. Only a skill that reads them lets the caller send any. */
  readonly messages: AsyncIterable<Message>;
  /** Set where a resumable skill is begun again after a restart of the agent: which time this is, and what it kept last. */
  readonly resumed: Resumed | undefined;
  /** Keeps where the work is, for a resumable skill. Durable when resolved; `unsupported_operation` in others. */
  readonly checkpoint: (value: unknown) => Promise<void>;
  /** Who asks, verified: structure beside the text, never part of it. */
  readonly from: Sender;
  /** For whom the caller acts, by delegations that this agent checked; undefined when it asks for itself. */
  readonly actsFor: Principal | undefined;
  /** How many messages or calls of agents led to this call, by the caller's word. */
  readonly hops: number;
  /** The skills at work, outermost first, this one the last: what `mesh` says with each call of its own. */
  readonly through: readonly CallStep[];
  /** Delegations by which this agent may act further for `actsFor`; `mesh` uses them where it is asked to. */
  readonly mandate: readonly string[] | undefined;
  /** What the caller sent, as it came: in the input control and invisible characters are visible, unless the manifest says `raw`. */
  readonly raw: { readonly input: unknown; readonly text: string };
  /** The conversation that the caller means, by its word: the same for several tasks that belong together. */
  readonly contextId: string;
  /** The task's id: the same when a task is handed out again after a crash. */
  readonly idempotencyKey: string;
  /** Tells the caller how far the work is. Resolves when there is room for more: a slow caller slows the skill. */
  readonly progress: (text: string) => Promise<void>;
  /** Hands something over at once, in the same way. What no envelope can carry is left at the registry first, sealed. */
  readonly artifact: (
    artifact: SkillArtifact,
    options?: { readonly append?: boolean; readonly lastChunk?: boolean },
  ) => Promise<void>;
  /**
   * Says what a model that the skill asked has cost: tokens, and money in millionths of the mesh's unit. Counted against this agent's
   * budget and shown as self-reported. Rejects with `over_budget` once that is used up, when it was counted.
   */
  readonly usage: (used: SelfReport) => Promise<void>;
  /**
   * Asks the caller something in the middle of the task, or with `of` (`"@name"`) a person, and waits for the words that answer: an
   * hour, unless `withinMs` says another. The time limit does not run meanwhile. Rejects with `approval_expired`, or as `signal` does.
   */
  readonly ask: (question: string, options?: { readonly of?: string; readonly withinMs?: number }) => Promise<string>;
  /**
   * Waits until a person says yes to something that the skill is about to do, with exactly this input: those whom the policy lets
   * approve `act` as if it were a skill, never the caller. The time limit does not run meanwhile. Rejects with `approval_denied`,
   * `approval_expired`, or as `signal` does.
   */
  readonly approve: (act: ActToApprove) => Promise<void>;
  /**
   * Runs this skill, or another one of this agent, at a time: kept on disk, so also after a restart, once. In milliseconds since 1970.
   * Resolves with an id by which it can be cancelled.
   */
  readonly wakeAt: WakeAt;
  /** Structured log line; leave content and secrets out. */
  readonly log: LogLine;
  /** The other members. Delegations end with this task. */
  readonly mesh: Mesh;
  /** Text of the agent's `AGENT.md`, for skills that instruct a model. */
  readonly instructions: string | undefined;
}

import {
  type AllowedPaths,
  broadcast,
  type BroadcastState,
  type DelegationTerms,
  type Delivery,
  type DeviceApi,
  everyMember,
  HeldLease,
  knownWithin,
  type LeaseOptions,
  type MemberView,
  type SendOptions,
  type TaskEvent,
  type TaskOutcome,
  type TaskRun,
  settleMs,
} from "@parley/client";
import { type CallStep, limits, ParleyError, type Path } from "@parley/protocol";

import { channelOf, type MeshChannel } from "./mesh-channel.ts";
import type { AnySkill, SkillInput, SkillOutput } from "./skill.ts";
import { followWaits, type QuestionHandler, type TaskWaits } from "./task-waits.ts";

/** A member as a skill or a model chooses among them. */
export interface AgentSummary {
  /** Without the `@`. */
  readonly name: string;
  readonly member: string;
  readonly description: string;
  readonly skills: readonly { readonly id: string; readonly description: string; readonly tags: readonly string[] }[];
  /** One of its devices is connected. */
  readonly live: boolean;
  /** It is the agent that asks. */
  readonly self: boolean;
}

export interface AgentQuery {
  readonly skill?: string;
  readonly tag?: string;
  readonly text?: string;
  /** Only those with a connected device. */
  readonly live?: boolean;
}

/** What to ask for. With a skill's type (`Delegation<typeof search>`) id and input are held to it. */
export interface Delegation<Of extends AnySkill = AnySkill> {
  readonly skill: Of["id"];
  /** `@name`, name or member id. Default: the least loaded live holder of the skill. */
  readonly to?: string;
  readonly input?: SkillInput<Of>;
  readonly text?: string;
  readonly timeLimitMs?: number;
  readonly paths?: AllowedPaths;
  readonly signal?: AbortSignal;
  /** Calls in the name of whoever the task at hand is done for, by the mandate that came with it. Throws `bad_delegation` without one. */
  readonly onBehalf?: boolean;
  /** Lets the other agent call these skills in turn, in the same name as this call. */
  readonly mandate?: DelegationTerms;
  /** Each progress note of the other agent. */
  readonly onProgress?: (text: string) => void | Promise<void>;
  /**
   * Answers what the other agent asks in the course of its task. By default whoever asked this agent is asked in turn; outside of a task
   * a delegation that is asked something ends.
   */
  readonly onQuestion?: QuestionHandler;
  /** Goes on with a conversation: the other agent remembers, in bounds, what was said under this id. */
  readonly contextId?: string;
}

export interface DelegationResult<Output = unknown> {
  /** The other agent's name. */
  readonly by: string;
  readonly member: string;
  readonly taskId: string;
  /** Names the conversation: see `contextId` of a delegation. */
  readonly contextId: string | undefined;
  readonly output: Output;
  readonly text: string;
  readonly path: Path;
  readonly tookMs: number;
}

/** Options of a typed call. */
export type CallOptions = Pick<Delegation, "timeLimitMs" | "paths" | "signal" | "onProgress">;

/** The other members, as an agent's code reaches them. */
export interface Mesh {
  /** Every agent that fits, this one included. */
  listAgents(query?: AgentQuery): Promise<readonly AgentSummary[]>;
  /** The least loaded live holder of a skill, never the caller. Throws `no_holder`. */
  findAgent(skill: string): Promise<AgentSummary>;
  /** Gives work to another agent and waits for the result. Throws what the task ended with. */
  delegate<Of extends AnySkill = AnySkill>(delegation: Delegation<Of>): Promise<DelegationResult<SkillOutput<Of>>>;
  /** `delegate` for the output alone: `mesh.call<typeof search>("search", "@librarian", { query })`. Without `to`, any live holder. */
  call<Of extends AnySkill>(
    skill: Of | Of["id"],
    to: string | undefined,
    input: SkillInput<Of>,
    options?: CallOptions,
  ): Promise<SkillOutput<Of>>;
  /** Sends a direct message and says what became of it within `waitMs` (ten seconds by default). */
  send(to: string, text: string, options?: SendOptions & { readonly waitMs?: number }): Promise<Delivery>;
  /** Sends to every other member that policy allows, linked or not, and says what became of each within `waitMs`. */
  broadcast(
    text: string,
    options?: { readonly waitMs?: number; readonly kind?: "agent" | "person" },
  ): Promise<readonly BroadcastState[]>;
  /** What this agent agreed on with others. */
  readonly agreements: DeviceApi["agreements"];
  /** A channel by `#name`, name or `#<id>`: post, read back, follow. Nobody is asked before something is done with it. */
  channel(name: string): MeshChannel;
  /**
   * Takes the advisory lease of a resource, `file:src/main.ts` for one, and renews it until it is given back: `await using lease =
   * await mesh.lease(name)` does that at the end of the block, and the end of the task's time in any case. Throws `lease_held`.
   */
  lease(resource: string, options?: Pick<LeaseOptions, "forMs" | "note" | "waitMs" | "signal">): Promise<HeldLease>;
  /** Makes something that calls these skills under a key of its own, in this agent's name; others see it beside the agent. */
  subAgent(label: string, terms: DelegationTerms): Promise<AgentsSubAgent>;
}

/** A part of an agent that acts by a delegation of it. */
interface AgentsSubAgent extends Pick<Mesh, "delegate"> {
  readonly id: string;
  readonly label: string;
  /** Takes its delegation back: what others do for it ends within a second. */
  end(): Promise<void>;
}

export interface MeshOptions {
  /** Ends every delegation with it, and every loop over posts. */
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970 by which delegations have to be done. */
  readonly deadline?: number;
  /** Of the task: what is waited for lends its slot, and stops its time where a person is asked. */
  readonly waits?: TaskWaits;
  /** Delegations that came with the task. */
  readonly mandate?: readonly string[] | undefined;
  /** What it is done for: everything sent and asked carries one hop more. */
  readonly cause?: Cause;
}

/** What came, and made the program do what it does. */
export interface Cause {
  readonly hops: number;
  /** The skills at work, this one the last. */
  readonly through: readonly CallStep[];
  /** Hops that this agent sends at most. */
  readonly mostHops: number;
  /** Names and ids of the conversation in which it came. What is said there is an answer and no hop more. */
  readonly conversation?: readonly string[];
}

/** Hops of what is done for this, said to somebody if so. Throws `too_many_hops`. */
function nextHops(cause: Cause | undefined, to?: string): number {
  if (cause === undefined) return 0;
  const isAnswer = to !== undefined && cause.conversation?.includes(to.replace(/^[@#]/, "")) === true;
  const hops = isAnswer ? cause.hops : cause.hops + 1;
  if (hops <= cause.mostHops) return hops;
  throw new ParleyError("too_many_hops", {
    message: `${hops} messages or calls of agents led to this one; this agent sends no more than ${cause.mostHops}.`,
  });
}

/** Wraps a device. `options` tie what is done through it to a task. */
export function createMesh(device: DeviceApi, options: MeshOptions = {}): Mesh {
  const delegate = (delegation: Delegation): Promise<DelegationResult> =>
    runDelegation((to, request) => device.delegate(to, request), delegation, options);
  return {
    listAgents: async (query = {}) =>
      (await everyMember(device, { ...query, kind: "agent" })).map((member) => summarise(member, device)),
    findAgent: (skill) => findHolder(device, skill),
    delegate,
    call: async (skill, to, input, callOptions = {}) => {
      const id = typeof skill === "string" ? skill : skill.id;
      const { output } = await delegate({ ...callOptions, skill: id, input, ...(to === undefined ? {} : { to }) });
      // The other agent's word: its library checked it against the skill's schema, this side's against the card's.
      return output;
    },
    send: async (to, text, { waitMs = settleMs, ...sendOptions } = {}) => {
      const sent = await device.send(to, text, { ...sendOptions, hops: nextHops(options.cause, to) });
      await knownWithin(device, [sent], waitMs);
      return sent.state();
    },
    broadcast: async (text, { waitMs, kind } = {}) =>
      broadcast(device, text, { waitMs, kind, hops: nextHops(options.cause) }),
    agreements: device.agreements,
    channel: (name) => channelOf(device, name, options.signal, () => nextHops(options.cause, name)),
    lease: (resource, leaseOptions = {}) => holdLease(device, resource, leaseOptions, options),
    subAgent: async (label, terms) => {
      const sub = await device.delegations.subAgent(label, terms);
      return {
        id: sub.id,
        label,
        delegate: (delegation: Delegation): Promise<DelegationResult> =>
          runDelegation((to, request) => sub.delegate(to, request), delegation, options),
        end: () => sub.end(),
      };
    },
  };
}

/** With the task that it is taken in, it ends. */
async function holdLease(
  device: DeviceApi,
  resource: string,
  leaseOptions: LeaseOptions,
  { signal: task, deadline }: MeshOptions,
): Promise<HeldLease> {
  const signals = [leaseOptions.signal, task].filter((each) => each !== undefined);
  const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  const held = await HeldLease.take(device, resource, { ...leaseOptions, signal });
  const end = (): void => void held.release().catch(() => undefined);
  const left = deadline === undefined ? undefined : AbortSignal.timeout(Math.max(1, deadline - Date.now()));
  for (const each of [task, left]) each?.addEventListener("abort", end, { once: true });
  return held;
}

function summarise(view: MemberView, device: DeviceApi): AgentSummary {
  const { name, member, card, live } = view;
  const skills = card?.skills ?? [];
  return {
    name,
    member,
    description: card?.description ?? "",
    skills: skills.map(({ id, description, tags }) => ({ id, description, tags })),
    live,
    self: member === device.member,
  };
}

async function findHolder(device: DeviceApi, skill: string): Promise<AgentSummary> {
  const holders = (await everyMember(device, { skill, live: true, kind: "agent" })).filter(
    ({ member }) => member !== device.member,
  );
  const load = (view: MemberView): number =>
    Math.min(...view.devices.filter(({ state }) => state === "connected").map((place) => place.load));
  const [best] = holders.toSorted((a, b) => load(a) - load(b));
  if (best === undefined)
    throw new ParleyError("no_holder", { message: `No other live agent offers the skill ${skill}.` });
  return summarise(best, device);
}

async function runDelegation(
  through: DeviceApi["delegate"],
  delegation: Delegation,
  options: MeshOptions,
): Promise<DelegationResult> {
  const { to, onProgress, onQuestion, signal, timeLimitMs, onBehalf = false, ...rest } = delegation;
  if (onBehalf && options.mandate === undefined)
    throw new ParleyError("bad_delegation", { message: "The task came without a mandate to act for anybody." });
  const left = options.deadline === undefined ? undefined : Math.max(1, options.deadline - Date.now());
  const limit = timeLimitMs === undefined || left === undefined ? (timeLimitMs ?? left) : Math.min(timeLimitMs, left);
  const signals = [signal, options.signal].filter((each) => each !== undefined);
  const either = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  const request = {
    ...rest,
    ...(onBehalf && options.mandate !== undefined ? { chain: options.mandate } : {}),
    ...(options.cause === undefined ? {} : { hops: nextHops(options.cause), through: options.cause.through }),
    ...(limit === undefined ? {} : { timeLimitMs: Math.min(limit, limits.taskMs) }),
    ...(either === undefined ? {} : { signal: either }),
  };
  const wait = async (): Promise<{ run: TaskRun; outcome: TaskOutcome }> => {
    const run = await through(to, request);
    // Notes that came before the end are told before the end is.
    const told = followWaits(run, options.waits, onQuestion, onProgress);
    const outcome = await run.outcome;
    await told;
    return { run, outcome };
  };
  const { run, outcome } = await (options.waits === undefined ? wait() : options.waits.lent(wait));
  return {
    by: run.to.name,
    member: run.to.member,
    taskId: outcome.task.id,
    contextId: outcome.task.contextId,
    output: outcome.output,
    text: outcome.text,
    path: outcome.path,
    tookMs: outcome.tookMs,
  };
}

/** The words of a progress note; undefined for other events. */
export function progressOf({ response }: TaskEvent): string | undefined {
  const status = response.statusUpdate?.status;
  if (status?.state !== "TASK_STATE_WORKING" || status.message === undefined) return undefined;
  const text = status.message.parts.map((part) => part.text ?? "").join("");
  return text === "" ? undefined : text;
}

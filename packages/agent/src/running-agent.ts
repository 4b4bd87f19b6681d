import type { DeviceApi, IncomingMessage, IncomingTask, LogLine } from "@parley/client";
import { type Clock, systemClock } from "@parley/core";
import {
  type AgentCard,
  type ApprovalNeed,
  isParleyError,
  type Part,
  ParleyError,
  toParleyError,
} from "@parley/protocol";

import { cardOf } from "./agent-card.ts";
import { AgentChannels, type Mention } from "./agent-channels.ts";
import type { Agent } from "./agent.ts";
import { createMesh } from "./mesh.ts";
import { checkInput, checkOutput } from "./skill-check.ts";
import type { SkillArtifact, SkillContext } from "./skill-context.ts";
import type { AnySkill } from "./skill.ts";
import { TaskSlots } from "./task-slots.ts";

export interface RunAgentOptions {
  readonly agent: Agent;
  /** Started or not; it is not stopped here. */
  readonly device: DeviceApi;
  readonly log: LogLine;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** An agent at work. */
export interface RunningAgent {
  /** Tasks at work now. */
  readonly tasks: number;
  /**
   * Takes no more work, waits `limits.drainSeconds` of the manifest for what is at work, and ends the rest with
   * `closed`. The device stays up, so that results still go out. Safe to call twice.
   */
  stop(): Promise<void>;
}

/** Publishes the agent's card, takes its tasks and hands its messages to their handler. */
export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const { agent, device, log } = options;
  const card = cardOf(agent, device);
  if (device.name !== agent.manifest.name) {
    log("warn", "agent.name-differs", { manifest: agent.manifest.name, admitted: device.name });
  }
  const runtime = new AgentRuntime(options);
  device.serve(
    (task) => runtime.work(task),
    ({ skill }) => runtime.admit(skill),
  );
  const leave = device.onMessage((message) => runtime.receive(message));
  await publish(card, options);
  const channels = new AgentChannels({
    device,
    wanted: agent.manifest.channels,
    onMention: agent.onMention && ((mention) => runtime.called(mention)),
    log,
  });
  await channels.begin();
  log("info", "agent.ready", { name: device.name, skills: agent.skills.map(({ id }) => id) });
  let stopping: Promise<void> | undefined;
  return {
    get tasks() {
      return runtime.tasks;
    },
    stop: () => {
      channels.stop();
      return (stopping ??= runtime.stop().then((ended) => {
        leave();
        log("info", "agent.stopped", { ended });
      }));
    },
  };
}

/** A device without the member's root key goes on with the card that is published, and says so when its own differs. */
async function publish(card: AgentCard, { device, log }: RunAgentOptions): Promise<void> {
  try {
    await device.publishCard(card);
  } catch (error) {
    const { code, message, data } = toParleyError(error);
    if (code !== "forbidden" || data?.["lacks"] !== "root key") throw error;
    log("warn", "agent.card-not-published", { code, message });
  }
}

class AgentRuntime {
  readonly #options: RunAgentOptions;
  readonly #clock: Clock;
  readonly #skills: ReadonlyMap<string, AnySkill>;
  readonly #slots: TaskSlots;

  constructor(options: RunAgentOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#skills = new Map(options.agent.skills.map((skill) => [skill.id, skill]));
    this.#slots = new TaskSlots(this.#clock, options.agent.manifest.limits.concurrentTasks);
  }

  get tasks(): number {
    return this.#slots.size;
  }

  /** Refuses a task before it starts, or says what a person has to allow first. */
  admit(id: string): ApprovalNeed | undefined {
    const { approval } = this.#skillOf(id);
    this.#slots.check();
    const { approvals } = this.#options.agent.manifest;
    const ruled = Object.hasOwn(approvals, id) ? approvals[id] : undefined;
    if (ruled === undefined) return approval;
    const { quorum, within: withinMs } = ruled;
    return strictest(approval, {
      ...(quorum === undefined ? {} : { quorum }),
      ...(withinMs === undefined ? {} : { withinMs }),
    });
  }

  stop(): Promise<number> {
    return this.#slots.drain(this.#options.agent.manifest.limits.drainSeconds * 1000);
  }

  async work(task: IncomingTask): Promise<unknown> {
    const { agent, log } = this.#options;
    const skill = this.#skillOf(task.skill);
    const started = this.#clock.monotonic();
    const facts = { task: task.id, skill: skill.id, from: task.from.name, path: task.path };
    log("info", "task.started", facts);
    const end = (fields: Readonly<Record<string, unknown>>): void =>
      log(fields["code"] === undefined ? "info" : "warn", "task.ended", {
        ...facts,
        ...fields,
        tookMs: Math.round(this.#clock.monotonic() - started),
      });
    try {
      const limitMs = agent.manifest.limits.taskSeconds * 1000;
      const output = await this.#slots.run(limitMs, task.signal, (signal) => this.#run(skill, task, signal));
      end({ state: "completed" });
      return output;
    } catch (thrown) {
      const error = codedFailure(thrown, skill);
      end({ state: error.code === "canceled" ? "canceled" : "failed", code: error.code });
      if (error.cause !== undefined) log("error", "skill.threw", { ...facts, error: stackOf(error.cause) });
      throw error;
    }
  }

  async receive(message: IncomingMessage): Promise<void> {
    const { agent, device, log } = this.#options;
    const facts = { id: message.id, from: message.from.name, path: message.path, characters: message.text.length };
    log("info", "message.received", message.redelivered ? { ...facts, redelivered: true } : facts);
    try {
      await agent.onMessage?.(message, createMesh(device));
    } catch (thrown) {
      log("error", "message.handler-threw", { ...facts, error: stackOf(thrown) });
      // It becomes a dead letter, which can be handed out again.
      throw thrown;
    }
  }

  async called(mention: Mention): Promise<void> {
    const { agent, device, log } = this.#options;
    const { channelName: channel, from, text, post, redelivered } = mention;
    const facts = { id: post.message.id, channel, from: from.name, characters: text.length };
    log("info", "mention.received", redelivered ? { ...facts, redelivered } : facts);
    try {
      await agent.onMention?.(mention, createMesh(device));
    } catch (thrown) {
      log("error", "mention.handler-threw", { ...facts, error: stackOf(thrown) });
      throw thrown;
    }
  }

  async #run(skill: AnySkill, task: IncomingTask, signal: AbortSignal): Promise<unknown> {
    const input = await checkInput(skill, inputOf(task));
    // Its schema has just made it what `run` takes.
    const output = await skill.run(input as never, this.#contextOf(task, signal));
    return checkOutput(skill, output);
  }

  #contextOf(task: IncomingTask, signal: AbortSignal): SkillContext {
    const { agent, device, log } = this.#options;
    const deadline = Math.min(task.deadline, this.#clock.now() + agent.manifest.limits.taskSeconds * 1000);
    let artifacts = 0;
    return {
      signal,
      deadline,
      from: task.from,
      idempotencyKey: task.id,
      instructions: agent.instructions,
      progress: async (text) => {
        if (!signal.aborted) await task.progress(text);
      },
      artifact: async (artifact, options) => {
        signal.throwIfAborted();
        const artifactId = artifact.artifactId ?? `part-${++artifacts}`;
        await task.artifact({ artifactId, ...describe(artifact), parts: partsOf(artifact) }, options);
      },
      ask: async (question, { of, withinMs } = {}) => {
        const member = of === undefined ? undefined : (await device.memberOf(of)).member;
        return task.ask(question, {
          ...(member === undefined ? {} : { of: member }),
          ...(withinMs === undefined ? {} : { withinMs }),
        });
      },
      log: (level, event, fields) => log(level, event, { skill: task.skill, task: task.id, ...fields }),
      mesh: createMesh(device, { signal, deadline }),
    };
  }

  #skillOf(id: string): AnySkill {
    const skill = this.#skills.get(id);
    if (skill !== undefined) return skill;
    throw new ParleyError("not_found", { message: `@${this.#options.device.name} has no skill ${id.slice(0, 80)}.` });
  }
}

/** Of what the skill and agent.yaml ask for, the larger quorum and the shorter time. */
function strictest(one: ApprovalNeed | undefined, other: ApprovalNeed): ApprovalNeed {
  const withinMs = Math.min(one?.withinMs ?? Infinity, other.withinMs ?? Infinity);
  return {
    quorum: Math.max(one?.quorum ?? 1, other.quorum ?? 1),
    ...(withinMs === Infinity ? {} : { withinMs }),
  };
}

/** A skill's input: the data of the message, else its words, else an empty object. */
function inputOf({ input, text }: IncomingTask): unknown {
  if (input !== undefined) return input;
  return text === "" ? {} : text;
}

function describe({ name, description }: SkillArtifact): { name?: string; description?: string } {
  return { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }) };
}

function partsOf({ text, data, parts }: SkillArtifact): Part[] {
  if ([text, data, parts].filter((each) => each !== undefined).length !== 1) {
    throw new ParleyError("invalid_argument", { message: "An artifact has exactly one of text, data and parts." });
  }
  if (text !== undefined) return [{ text }];
  if (parts !== undefined) return [...parts];
  return [{ data }];
}

/** What a skill throws by itself stays on this machine: the caller learns that it failed, not with which words. */
function codedFailure(thrown: unknown, skill: AnySkill): ParleyError {
  if (isParleyError(thrown)) return toParleyError(thrown);
  return new ParleyError("task_failed", { message: `The skill ${skill.id} failed.`, cause: thrown });
}

/** Characters of a stack in a log. */
const maxStack = 4_000;

function stackOf(thrown: unknown): string {
  return (thrown instanceof Error ? (thrown.stack ?? thrown.message) : typeof thrown).slice(0, maxStack);
}

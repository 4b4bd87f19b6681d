import type { DeviceApi, IncomingMessage, IncomingTask, LogLine, Sender } from "@parley/client";
import { type Clock, systemClock } from "@parley/core";
import {
  type ApprovalNeed,
  type CallStep,
  isParleyError,
  type Part,
  ParleyError,
  textContent,
  toParleyError,
} from "@parley/protocol";

import { cardOf } from "./agent-card.ts";
import { AgentChannels, type Mention } from "./agent-channels.ts";
import type { Agent, MessageHandler } from "./agent.ts";
import { AgentGuards, type GuardedMention } from "./guards/agent-guards.ts";
import { withFloor } from "./guards/floor.ts";
import { neutralText, neutralValue } from "./guards/neutral.ts";
import { type HandledMessage, withHandlerContext } from "./handler-context.ts";
import { type Cause, createMesh } from "./mesh.ts";
import { OfferedSkills } from "./offered-skills.ts";
import { approvalOf, checkAccess } from "./skill-admission.ts";
import { checkInput, checkOutput } from "./skill-check.ts";
import type { SkillArtifact, SkillContext } from "./skill-context.ts";
import type { AnySkill } from "./skill.ts";
import { type TaskSlot, TaskSlots } from "./task-slots.ts";
import { TaskWaits } from "./task-waits.ts";
import { wakerOf, WakeUps } from "./wake-ups.ts";

export interface RunAgentOptions {
  readonly agent: Agent;
  /** Started or not; it is not stopped here. */
  readonly device: DeviceApi;
  readonly log: LogLine;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Direct messages are left where they are until somebody listens. Default false: the agent's own handler takes them. */
  readonly leavesMessages?: boolean;
}

/** A task that asks to be let in. */
interface Admitting {
  readonly skill: string;
  readonly from: Sender;
  readonly hops: number;
}

/** What a task is worked on with, to its end. */
interface SkillWork {
  readonly agent: Agent;
  readonly skill: AnySkill;
}

/** An agent at work. */
export interface RunningAgent {
  /** Tasks at work now. */
  readonly tasks: number;
  /** Ids of its skills, its own and those that are offered besides. */
  readonly skills: readonly string[];
  /** Adds skills of programs, and takes them away again when the returned function is called: see `OfferedSkills.offer`. */
  offer(skills: readonly AnySkill[]): Promise<() => Promise<void>>;
  /** Hands direct messages, as the guards let them through, to this handler until the returned function is called. */
  listen(handler: MessageHandler): () => void;
  /**
   * Goes on with another version of the agent: publishes its card, and takes what comes by it. Tasks at work end with the one
   * that they began with. Throws, and goes on as before, when the card is not valid. Channels, links and guards stay.
   */
  replace(agent: Agent): Promise<void>;
  /**
   * Takes no more work, waits `limits.drainSeconds` of the manifest for what is at work, and ends the rest with
   * `closed`. The device stays up, so that results still go out. Safe to call twice.
   */
  stop(): Promise<void>;
}

/** Publishes the agent's card, takes its tasks and hands its messages to their handler. */
export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const { agent, device, log, leavesMessages = false } = options;
  cardOf(agent, device);
  if (device.name !== agent.manifest.name) {
    log("warn", "agent.name-differs", { manifest: agent.manifest.name, admitted: device.name });
  }
  const runtime = new AgentRuntime(options);
  await runtime.guards.begin();
  device.serve(
    (task) => runtime.work(task),
    (task) => runtime.admit(task),
    { resumable: (skill) => runtime.isResumable(skill) },
  );
  const listen = (handler: MessageHandler | undefined): (() => void) =>
    device.onMessage((message) => runtime.receive(message, handler), { ready: (from) => runtime.guards.ready(from) });
  const leave = leavesMessages ? () => undefined : listen(agent.onMessage);
  await runtime.skills.publish();
  await runtime.wakeUps.begin();
  const channels = new AgentChannels({
    device,
    wanted: agent.manifest.channels,
    onMention: agent.onMention && ((mention) => runtime.called(mention)),
    neutral: agent.manifest.guards.text === "neutral",
    log,
  });
  await channels.begin();
  log("info", "agent.ready", { name: device.name, skills: agent.skills.map(({ id }) => id) });
  let stopping: Promise<void> | undefined;
  return {
    get tasks() {
      return runtime.tasks;
    },
    get skills() {
      return runtime.skills.ids;
    },
    offer: (skills) => runtime.skills.offer(skills),
    listen,
    replace: async (next) => {
      await runtime.replace(next);
      log("info", "agent.replaced", { skills: runtime.skills.ids });
    },
    stop: () => {
      channels.stop();
      runtime.skills.stop();
      runtime.wakeUps.stop();
      return (stopping ??= runtime.stop().then((ended) => {
        leave();
        // After nobody reads any more: what waits for a guard stays in the inbox.
        runtime.guards.stop();
        log("info", "agent.stopped", { ended });
      }));
    },
  };
}

class AgentRuntime {
  readonly #options: RunAgentOptions;
  readonly #clock: Clock;
  readonly skills: OfferedSkills;
  readonly #slots: TaskSlots;
  readonly guards: AgentGuards;
  readonly wakeUps: WakeUps;
  /** Handlers of messages at work: how each is ended. */
  readonly #atWork = new Set<(reason: ParleyError) => void>();

  constructor(options: RunAgentOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.skills = new OfferedSkills({ ...options, clock: this.#clock });
    this.#slots = new TaskSlots(this.#clock, options.agent.manifest.limits.concurrentTasks);
    const { device, agent, log } = options;
    this.guards = new AgentGuards({ device, manifest: agent.manifest, clock: this.#clock, log });
    this.wakeUps = new WakeUps({
      device,
      clock: this.#clock,
      log,
      schedule: () => this.#agent.manifest.schedule,
      admit: (task) => this.admit(task),
      work: (task) => this.work(task),
      taskMs: () => this.#agent.manifest.limits.taskSeconds * 1000,
    });
  }

  get tasks(): number {
    return this.#slots.size;
  }

  async replace(agent: Agent): Promise<void> {
    await this.skills.replace(agent);
    await this.wakeUps.refit();
    this.#slots.most = agent.manifest.limits.concurrentTasks;
  }

  /** Refuses a task before it starts, or says what a person has to allow first. */
  admit({ skill, from, hops }: Admitting): ApprovalNeed | undefined | Promise<ApprovalNeed | undefined> {
    const gated = this.skills.of(skill);
    const { manifest } = this.#agent;
    this.guards.checkCall({ from, hops });
    this.#slots.check(isNested(hops));
    gated.gate.check();
    const asked = checkAccess(gated, from, this.#options.device);
    return asked === undefined ? approvalOf(gated, manifest) : asked.then(() => approvalOf(gated, manifest));
  }

  isResumable(skill: string): boolean {
    return this.skills.has(skill) && this.skills.of(skill).skill.resumable;
  }

  async stop(): Promise<number> {
    const ended = await this.#slots.drain(this.#agent.manifest.limits.drainSeconds * 1000);
    for (const end of this.#atWork) end(new ParleyError("closed", { message: "The agent is stopping." }));
    return ended;
  }

  async work(task: IncomingTask): Promise<unknown> {
    const { device, log } = this.#options;
    const agent = this.#agent;
    const gated = this.skills.of(task.skill);
    const { skill, gate } = gated;
    // Who may call may have changed while a person was asked.
    await checkAccess(gated, task.from, device);
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
      const limitMs = gate.timeMs(agent.manifest.limits.taskSeconds * 1000);
      const output = await this.#slots.run(
        limitMs,
        task.signal,
        (signal, slot) => gate.during(() => this.#run({ agent, skill }, task, signal, slot)),
        isNested(task.hops),
      );
      end({ state: "completed" });
      return output;
    } catch (thrown) {
      const error = codedFailure(thrown, skill);
      end({ state: error.code === "canceled" ? "canceled" : "failed", code: error.code });
      if (error.cause !== undefined) log("error", "skill.threw", { ...facts, error: stackOf(error.cause) });
      throw error;
    }
  }

  async receive(message: IncomingMessage, handler: MessageHandler | undefined): Promise<void> {
    const { log } = this.#options;
    const facts = { id: message.id, from: message.from.name, path: message.path, characters: message.text.length };
    log("info", "message.received", message.redelivered ? { ...facts, redelivered: true } : facts);
    if (!(await this.#takes(message, facts))) return;
    const { text: raw } = message;
    const text = this.#neutral ? neutralText(raw) : raw;
    const { member, name } = message.from;
    const cause = { ...this.#causeOf(message.hops), conversation: [member, name] };
    const handled = { id: message.id, from: message.from, hops: message.hops, raw, conversation: member };
    try {
      await this.#handle({ ...handled, what: "message" }, cause, (context) =>
        handler?.({ ...message, text, raw }, context.mesh, context),
      );
    } catch (thrown) {
      log("error", "message.handler-threw", { ...facts, error: stackOf(thrown) });
      // It becomes a dead letter, which can be handed out again.
      throw thrown;
    }
  }

  /** Whether a message is for the program. Throws with what it becomes a dead letter for. */
  async #takes(message: IncomingMessage, facts: Readonly<Record<string, unknown>>): Promise<boolean> {
    try {
      return await this.guards.takes(message);
    } catch (error) {
      this.#options.log("warn", "message.left", { ...facts, code: toParleyError(error).code });
      throw error;
    }
  }

  async called(mention: Mention): Promise<void> {
    const { device, log } = this.#options;
    const { channel, byName, post } = mention;
    if (!(await this.guards.takesMention(guarded(mention)))) return;
    if (byName || !this.#agent.manifest.floor) return this.#answer(mention);
    await withFloor({ device, log }, { channel: channel.slice(1), post: post.message.id }, () => this.#answer(mention));
  }

  async #answer(mention: Mention): Promise<void> {
    const { log } = this.#options;
    const agent = this.#agent;
    const { channelName: channel, from, text, post, redelivered } = mention;
    const facts = { id: post.message.id, channel, from: from.name, characters: text.length };
    log("info", "mention.received", redelivered ? { ...facts, redelivered } : facts);
    const cause = { ...this.#causeOf(mention.hops), conversation: [mention.channel.slice(1), channel] };
    const { hops, raw } = mention;
    const conversation = `${mention.channel}/${textContent(post.message.content)?.thread ?? ""}`;
    try {
      await this.#handle({ id: post.message.id, from, hops, raw, conversation, what: "mention" }, cause, (context) =>
        agent.onMention?.(mention, context.mesh, context),
      );
    } catch (thrown) {
      log("error", "mention.handler-threw", { ...facts, error: stackOf(thrown) });
      throw thrown;
    }
  }

  #handle(
    message: HandledMessage,
    cause: Cause,
    handle: (context: SkillContext) => void | Promise<void> | undefined,
  ): Promise<void> {
    const { device, log } = this.#options;
    const { instructions, manifest } = this.#agent;
    const limitMs = manifest.limits.taskSeconds * 1000;
    return withHandlerContext(
      { device, clock: this.#clock, log, instructions, limitMs, atWork: this.#atWork },
      message,
      (signal) => createMesh(device, { cause, signal }),
      (context) => handle(context),
    );
  }

  async #run(work: SkillWork, task: IncomingTask, signal: AbortSignal, slot: TaskSlot): Promise<unknown> {
    const { skill } = work;
    const given = inputOf(task);
    const input = await checkInput(skill, this.#neutral ? neutralValue(given) : given);
    // Its schema has just made it what `run` takes.
    const output = await skill.run(input as never, this.#contextOf(work, task, signal, slot));
    return checkOutput(skill, output);
  }

  #contextOf({ agent }: SkillWork, task: IncomingTask, signal: AbortSignal, slot: TaskSlot): SkillContext {
    const { device, log } = this.#options;
    const waits = new TaskWaits(task, slot);
    let artifacts = 0;
    return {
      signal,
      get deadline() {
        return Math.min(task.deadline, slot.deadline);
      },
      history: task.history,
      messages: task.messages,
      resumed: task.resumed,
      checkpoint: (value) => task.checkpoint(value),
      from: task.from,
      actsFor: task.actsFor,
      hops: task.hops,
      through: [...task.through, { member: device.member, skill: task.skill }],
      mandate: task.mandate,
      raw: { input: task.input, text: task.text },
      contextId: task.contextId,
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
      usage: (used) => device.reportUsage(used),
      ask: async (question, { of, withinMs } = {}) => {
        const member = of === undefined ? undefined : (await device.memberOf(of)).member;
        return waits.ask(question, {
          ...(member === undefined ? {} : { of: member }),
          ...(withinMs === undefined ? {} : { withinMs }),
        });
      },
      approve: (act) => waits.asked(() => task.approve(act)),
      wakeAt: wakerOf(device, task),
      log: (level, event, fields) => log(level, event, { skill: task.skill, task: task.id, ...fields }),
      mesh: createMesh(device, {
        signal,
        get deadline() {
          return Math.min(task.deadline, slot.deadline);
        },
        waits,
        mandate: task.mandate,
        cause: this.#causeOf(task.hops, [...task.through, { member: device.member, skill: task.skill }]),
      }),
    };
  }

  get #agent(): Agent {
    return this.skills.agent;
  }

  get #neutral(): boolean {
    return this.#agent.manifest.guards.text === "neutral";
  }

  #causeOf(hops: number, through: readonly CallStep[] = []): Cause {
    return { hops, through, mostHops: this.#agent.manifest.guards.hops };
  }
}

/** Whether a call is made for another one's task: that one has lent its slot. */
const isNested = (hops: number): boolean => hops > 0;

/** A post that calls the agent, as guards look at it. */
function guarded({ channel, channelName, post, via, hops, byName }: Mention): GuardedMention {
  const { id, author, content } = post.message;
  const client = via && { id: `${author}/${via.id}`, name: via.name, edge: via.edge, standing: via.standing };
  const thread = textContent(content)?.thread;
  return { id, conversation: channel, name: `#${channelName}`, thread, author, byName, hops, client };
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

/** What an agent does by itself at a time: skills that asked to be woken, and the schedule of its manifest. */
import { createHash } from "node:crypto";

import type { DeviceApi, IncomingTask, LogLine, Scheduled, ScheduledAct, Sender } from "@parley/client";
import type { Clock } from "@parley/core";
import { type ApprovalNeed, type CallStep, ParleyError, toParleyError } from "@parley/protocol";

import { nextOf, type ScheduleEntry } from "./schedule-schema.ts";

/** What to do at that time: this skill again, unless it names another one. */
interface WakeUp {
  readonly skill?: string;
  readonly input?: unknown;
  readonly text?: string;
}

/** Keeps a skill for later. Resolves with an id by which `parley scheduled cancel` forgets it. */
export type WakeAt = (time: number | Date, wakeUp?: WakeUp) => Promise<string>;

export interface WakeUpsOptions {
  readonly device: DeviceApi;
  readonly clock: Clock;
  readonly log: LogLine;
  readonly schedule: () => readonly ScheduleEntry[];
  /** As for a task of somebody else. */
  readonly admit: (task: IncomingTask) => ApprovalNeed | undefined | Promise<ApprovalNeed | undefined>;
  readonly work: (task: IncomingTask) => Promise<unknown>;
  readonly taskMs: () => number;
}

const standing = "standing/";

export function wakerOf(
  device: DeviceApi,
  cause: { readonly skill: string | undefined; readonly hops: number; readonly through: readonly CallStep[] },
): WakeAt {
  return async (time, { skill = cause.skill, input, text } = {}) => {
    if (skill === undefined)
      throw new ParleyError("invalid_argument", { message: "Name the skill that is to run at that time." });
    const at = typeof time === "number" ? time : time.getTime();
    if (!Number.isFinite(at)) throw new ParleyError("invalid_argument", { message: "This is no time to be woken at." });
    return (await device.scheduled.add(at, actOf(skill, { input, text }, cause))).id;
  };
}

export class WakeUps {
  readonly #options: WakeUpsOptions;
  readonly #atWork = new Set<AbortController>();
  #leave: () => void = () => undefined;

  constructor(options: WakeUpsOptions) {
    this.#options = options;
  }

  /** Takes what is due, a tick that was missed included, once. */
  async begin(): Promise<void> {
    await this.refit();
    this.#leave = this.#options.device.scheduled.serve((due) => this.#wake(due));
  }

  /** The schedule is another one, or the first. */
  async refit(): Promise<void> {
    const { device, clock, schedule } = this.#options;
    const wanted = new Map(schedule().map((entry) => [idOf(entry), entry]));
    const kept = (await device.scheduled.list()).filter(({ id }) => id.startsWith(standing));
    for (const { id } of kept) if (!wanted.has(id)) await device.scheduled.cancel(id);
    for (const [id, entry] of wanted) if (!kept.some((row) => row.id === id)) await this.#plan(id, entry, clock.now());
  }

  stop(): void {
    this.#leave();
    for (const each of this.#atWork)
      each.abort(new ParleyError("closed", { message: "The agent stopped before it was done." }));
  }

  async #plan(id: string, entry: ScheduleEntry, now: number): Promise<void> {
    const at = nextOf(entry, now);
    if (at === undefined) return;
    const { input, prompt: text } = entry;
    await this.#options.device.scheduled.add(at, actOf(entry.skill, { input, text }, { hops: 0, through: [] }), id);
  }

  async #wake(due: Scheduled): Promise<void> {
    const { clock, log, schedule, admit, work } = this.#options;
    const { act, id } = due;
    if (act.kind !== "skill") return;
    const facts = { skill: act.skill, wake: id, lateMs: clock.now() - due.at };
    const entry = id.startsWith(standing) ? schedule().find((each) => idOf(each) === id) : undefined;
    if (id.startsWith(standing)) {
      if (entry === undefined) return;
      await this.#plan(id, entry, clock.now());
    }
    log("info", "wake.due", facts);
    const ending = new AbortController();
    this.#atWork.add(ending);
    try {
      const task = this.#taskOf(due, act, ending.signal);
      if ((await admit(task)) !== undefined)
        throw new ParleyError("approval_required", {
          message: "This skill needs a yes first; nobody asked for it now.",
        });
      await work(task);
    } catch (error) {
      log("warn", "wake.failed", { ...facts, code: toParleyError(error).code });
    } finally {
      this.#atWork.delete(ending);
    }
  }

  #taskOf(
    { id, at }: Scheduled,
    { skill, input, text = "", hops, through }: Extract<ScheduledAct, { kind: "skill" }>,
    signal: AbortSignal,
  ): IncomingTask {
    const { device, clock, taskMs } = this.#options;
    const from: Sender = {
      member: device.member,
      device: device.device,
      name: device.name,
      kind: "agent",
      roles: [],
      trust: "contact",
      verified: true,
    };
    const nobody = (): Promise<never> =>
      Promise.reject(
        new ParleyError("unsupported_operation", { message: "Nobody asked for this; ask somebody by name." }),
      );
    const task = `wake-${id}-${at}`.replaceAll("/", "-");
    return {
      id: task,
      contextId: task,
      skill,
      message: {
        messageId: task,
        role: "ROLE_USER",
        parts: [...(input === undefined ? [] : [{ data: input }]), ...(text === "" ? [] : [{ text }])],
      },
      input,
      text,
      history: [],
      messages: (async function* none() {})(),
      resumed: undefined,
      checkpoint: nobody,
      hold: () => () => undefined,
      from,
      hops,
      through,
      path: "mailbox",
      actsFor: undefined,
      mandate: undefined,
      signal,
      deadline: clock.now() + taskMs(),
      progress: async () => undefined,
      artifact: async () => undefined,
      ask: async (question, { of, withinMs } = {}) =>
        of === undefined ? nobody() : device.approvals.question({ of, text: question, task, skill, withinMs }, signal),
      approve: (wanted) => device.approvals.ask(wanted, { caller: device.member, task }, signal),
    };
  }
}

function actOf(
  skill: string,
  { input, text }: { readonly input: unknown; readonly text: string | undefined },
  { hops, through }: { readonly hops: number; readonly through: readonly CallStep[] },
): ScheduledAct {
  return {
    kind: "skill",
    skill,
    hops,
    through: [...through],
    // As JSON: what cannot be kept on disk is refused there.
    ...(input === undefined ? {} : { input: JSON.parse(JSON.stringify(input)) }),
    ...(text === undefined ? {} : { text }),
  };
}

/** The same entry has the same id in every start: what it missed is known. */
function idOf(entry: ScheduleEntry): string {
  return standing + createHash("sha256").update(JSON.stringify(entry)).digest("base64url").slice(0, 16);
}

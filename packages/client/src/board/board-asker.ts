import {
  type BoardEntry,
  type BoardSealer,
  boardTaskId,
  type Clock,
  type MeshTrust,
  type Random,
  readBoardEntry,
  sha256,
  signBoardAct,
  signBoardTask,
} from "@parley/core";
import {
  type BoardAct,
  type BoardFacts,
  type BoardInput,
  limits,
  ParleyError,
  type PushBody,
  type RequestBody,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import type { Gate } from "../gate.ts";
import { checkHops } from "../guards/hops.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { Notices } from "../notices.ts";
import type { OwnDevices } from "../own-devices.ts";
import { nextChance } from "../session-wait.ts";
import type { Session } from "../session.ts";
import type { UsageMeter } from "../usage-meter.ts";
import type { BoardPage, BoardQuery, BoardRequest } from "./board-api.ts";
import { BoardBatch } from "./board-batch.ts";
import type { BoardHolders } from "./board-holders.ts";

export interface BoardAskerOptions {
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly session: Session;
  readonly gate: Gate;
  readonly meter: UsageMeter;
  readonly clock: Clock;
  readonly random: Random;
  readonly notices: Notices;
  readonly sealer: BoardSealer;
  readonly holders: BoardHolders;
  readonly outgoing: Outgoing;
}

type Submitted = RequestBody<"board.submit">["tasks"][number];

const defaults = { priority: 4, attempts: 3, timeLimitMs: 300_000, lifeMs: 86_400_000 };
const encoder = new TextEncoder();

/** The asker's side of the board: puts tasks there, and says what is to become of them. */
export class BoardAsker {
  readonly #options: BoardAskerOptions;
  readonly #submits: BoardBatch<Submitted, BoardFacts>;

  constructor(options: BoardAskerOptions) {
    this.#options = options;
    this.#submits = new BoardBatch({
      clock: options.clock,
      most: limits.boardBatch,
      send: async (tasks) => {
        const { outcomes } = await options.session.request("board.submit", { tasks: [...tasks] });
        return outcomes.map(
          ({ facts, error }) =>
            facts ?? new ParleyError(error?.code ?? "internal", error && { message: error.message }),
        );
      },
    });
  }

  async submit(request: BoardRequest): Promise<BoardFacts> {
    const { gate, meter } = this.#options;
    const { signal } = request;
    checkHops(request.hops);
    await meter.ready;
    gate.checkSilence();
    const submitted = await this.#again(signal, () => this.#make(request));
    meter.sent();
    return this.#again(signal, () => this.#submits.add(submitted));
  }

  async list({ states, ...query }: BoardQuery): Promise<BoardPage> {
    const body = { ...query, ...(states === undefined ? {} : { states: [...states] }) };
    const { tasks, next } = await this.#options.session.request("board.list", body);
    return { tasks, next };
  }

  /** Says what is to become of a task. Once more where somebody else said something meanwhile. */
  async act(task: string, act: BoardAct & { readonly type: "canceled" | "retried" }): Promise<BoardFacts> {
    const { session, own, trust } = this.#options;
    const { member, device } = own.identity;
    for (let tries = 1; ; tries++) {
      const { view } = await session.request("board.get", { task });
      const before = await readBoardEntry(view.entries.at(-1) ?? "");
      const speaker = { mesh: trust.mesh, by: member, signer: device, iat: this.#now(before) };
      const { compact } = await signBoardAct(speaker, before, act);
      try {
        return (await session.request("board.act", { task, entry: compact })).facts;
      } catch (error) {
        if (toParleyError(error).code !== "timeline_broken" || tries >= mostTries) throw error;
      }
    }
  }

  /** A member with the skill would work on it: seals it to that one, too. */
  async onWanted({ task, member }: PushBody<"board.wanted">): Promise<void> {
    const { session, sealer, holders, own } = this.#options;
    const { view } = await session.request("board.get", { task });
    const { act } = (await readBoardEntry(view.entries[0] ?? "")).statement;
    if (view.own === undefined || view.asker !== own.identity.member || act.type !== "submitted") return;
    const holder = await holders.admits(member, act.skill, act.acts === true);
    if (holder === undefined) return;
    const contentKey = await sealer.unwrap(view.own, own.identity.member);
    await session.request("board.share", { task, wraps: [await sealer.wrap(contentKey, holder.verified)] });
  }

  async #make(request: BoardRequest): Promise<Submitted> {
    const { own, trust, random, sealer, holders } = this.#options;
    const { member, device } = own.identity;
    const { skill, key, after, notBefore, chain } = request;
    const task = key === undefined ? toBase64url(random.bytes(16)) : await boardTaskId(trust.mesh, member, key);
    const acts = chain !== undefined;
    const { contentKey, own: ownWrap, wraps } = await holders.keyFor(skill, acts);
    const content = encoder.encode(JSON.stringify(this.#inputOf(task, request)));
    if (content.length > limits.boardInputBytes - 64)
      throw new ParleyError("too_large", { message: "The input is larger than the board takes; attach it as a file." });
    const input = await sealer.sealInput(content, contentKey, task, skill);
    const now = this.#now();
    const { compact } = await signBoardTask({ mesh: trust.mesh, by: member, signer: device, iat: now }, task, {
      type: "submitted",
      skill,
      input: await sha256(input),
      priority: request.priority ?? defaults.priority,
      ...(notBefore === undefined ? {} : { notBefore }),
      deadline: request.deadline ?? Math.max(now, notBefore ?? 0) + defaults.lifeMs,
      attempts: request.attempts ?? defaults.attempts,
      timeLimitMs: request.timeLimitMs ?? defaults.timeLimitMs,
      ...(after === undefined || after.length === 0 ? {} : { after: [...after] }),
      ...(key === undefined ? {} : { key }),
      ...(acts ? { acts: true as const } : {}),
    });
    return { statement: compact, input, own: ownWrap, wraps: [...wraps] };
  }

  #inputOf(messageId: string, { input, text, hops, through, chain }: BoardRequest): BoardInput {
    const { outgoing } = this.#options;
    const parts = [
      ...(input === undefined ? [] : [{ data: outgoing.value(input) }]),
      ...(text === undefined ? [] : [{ text: outgoing.text(text) }]),
    ];
    return {
      message: { messageId, role: "ROLE_USER", parts: parts.length === 0 ? [{ data: {} }] : parts },
      ...(hops === undefined ? {} : { hops }),
      ...(through === undefined ? {} : { through: [...through] }),
      ...(chain === undefined ? {} : { chain: [...chain] }),
    };
  }

  /** Never before what it follows on. */
  #now(before?: BoardEntry): number {
    return Math.round(Math.max(this.#options.session.registryTime, before?.statement.iat ?? 0));
  }

  /** Until the registry answers: what was asked twice is there once. */
  async #again<Value>(signal: AbortSignal | undefined, work: () => Promise<Value>): Promise<Value> {
    for (;;) {
      if (signal?.aborted === true) throw toParleyError(signal.reason);
      try {
        return await work();
      } catch (error) {
        if (!outages.has(toParleyError(error).code)) throw error;
        await orAborted(nextChance(this.#options), signal);
      }
    }
  }
}

const mostTries = 8;
/** The registry is away, or has too much to do. */
const outages: ReadonlySet<string> = new Set([
  "unreachable",
  "closed",
  "timeout",
  "draining",
  "rate_limited",
  "storage_unavailable",
]);

function orAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(toParleyError(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

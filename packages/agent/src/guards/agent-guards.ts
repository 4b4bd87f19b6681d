/**
 * What stands between what comes and an agent's program: attention, strangers, pace, hops and loops. What may not reach the
 * program now waits where it is kept, in the inbox or in its channel; what may never is refused with a code.
 */
import type { AttentionMode, DeviceApi, IncomingMessage, LogLine, Sender, Standing } from "@parley/client";
import type { Clock, Timer } from "@parley/core";
import { isParleyError, ParleyError } from "@parley/protocol";

import type { ManifestContent } from "../manifest-schema.ts";
import type { JudgedMessage } from "./loops.ts";
import { Loops } from "./loops.ts";
import { Pace } from "./pace.ts";

export interface AgentGuardsOptions {
  readonly device: DeviceApi;
  readonly manifest: ManifestContent;
  readonly clock: Clock;
  readonly log: LogLine;
}

/** A post that calls the agent, as far as guards look at it. */
export interface GuardedMention extends JudgedMessage {
  /** Its author's id. */
  readonly author: string;
  /** It names this agent, not a role or a tag. */
  readonly byName: boolean;
  readonly hops: number;
  readonly client:
    | {
        readonly id: string;
        readonly name: string;
        readonly edge: string;
        readonly standing: "proven" | "unproven" | "keyless";
      }
    | undefined;
}

export class AgentGuards {
  readonly #options: AgentGuardsOptions;
  readonly #pace: Pace;
  readonly #loops: Loops;
  readonly #waiting = new Set<() => void>();
  readonly #told = new Set<string>();
  #mode: AttentionMode;
  #until: Timer | undefined;
  #unwatch: () => void = () => undefined;
  #stopped = false;

  constructor(options: AgentGuardsOptions) {
    const { device, manifest, clock, log } = options;
    this.#options = options;
    this.#mode = manifest.attention;
    this.#pace = new Pace(manifest.guards.perMinute);
    const quietMs = manifest.guards.quietMinutes * 60_000;
    this.#loops = new Loops({ device, quietMs, now: () => clock.now(), log });
  }

  get mode(): AttentionMode {
    return this.#mode;
  }

  /** Before anything is taken. */
  async begin(): Promise<void> {
    const { device, manifest } = this.#options;
    this.#unwatch = device.watch((event) => {
      if (event.type === "attention") void this.#refit();
      if (event.type === "contact") this.#wake();
      if (event.type === "loop" && event.state === "resumed") this.#loops.resume(event.loop.conversation);
    });
    if (manifest.redact) await device.guards.redact(true);
    await this.#refit();
    await this.#loops.begin();
  }

  /** Ends every wait: what waits stays where it is. The program takes no more by then. */
  stop(): void {
    this.#stopped = true;
    this.#unwatch();
    this.#until?.cancel();
    this.#wake();
  }

  /** Resolves when the next message of a member may reach the program. Rejects with `closed` when it stops first. */
  async ready(from: Pick<Sender, "member" | "name" | "trust">): Promise<void> {
    for (;;) {
      this.#checkOpen();
      const { waits } = await this.#standingOf(from.member);
      if (waits) this.#tell(from.member, "guard.stranger-waits", { from: from.name });
      else if (this.#mode !== "do-not-disturb" || from.trust === "operator") {
        const waitMs = this.#pace.take(from.member, this.#options.clock.monotonic());
        if (waitMs === 0) return;
        this.#tell(`pace ${from.member}`, "guard.pace", { from: from.name });
        await this.#pause(waitMs);
        continue;
      }
      await this.#pause();
    }
  }

  /** Throws why a message never reaches the program: it becomes a dead letter with this code. False for what is not for it. */
  async takes({ id, from, hops, thread, notice }: IncomingMessage): Promise<boolean> {
    if (notice !== undefined) return false;
    this.#checkHops(hops);
    const { isBlocked } = await this.#standingOf(from.member);
    if (isBlocked) throw new ParleyError("blocked");
    const judged = { id, conversation: `@${from.member}`, name: `@${from.name}`, thread };
    // A person's word is looked at only where it lets something go on.
    if (from.kind === "person" && !this.#loops.isStopped(judged)) return true;
    if ((await this.#isLoop(judged)) && from.kind === "agent") throw new ParleyError("loop_stopped");
    return true;
  }

  /** Whether a post that calls the agent reaches its program; waits as `ready` does. What does not stays unread. */
  async takesMention(mention: GuardedMention): Promise<boolean> {
    const { device, log, manifest } = this.#options;
    const facts = { id: mention.id, channel: mention.name };
    const leave = (code: string): false => {
      log("info", "mention.left", { ...facts, code });
      return false;
    };
    if (mention.hops > manifest.guards.hops) return leave("too_many_hops");
    const { client } = mention;
    const standing = await this.#standingOf(mention.author, true);
    if (standing.isBlocked) return leave("blocked");
    if (standing.waits) return leave("request_pending");
    if (client !== undefined && !(await device.guards.hold(client))) return leave("request_pending");
    await this.#readyFor(mention, standing);
    // One that calls many is not waited for: others answer it.
    const isOpen = this.#mode === "open" || (this.#mode === "do-not-disturb" && standing.trust === "operator");
    if (!isOpen && !mention.byName) return leave("do_not_disturb");
    const isLoop = await this.#isLoop(mention);
    return isLoop && (standing.kind === "agent" || client !== undefined) ? leave("loop_stopped") : true;
  }

  /** Throws why a call is not taken now, or never. */
  checkCall({ from, hops }: { readonly from: Sender; readonly hops: number }): void {
    this.#checkHops(hops);
    if (this.#mode === "do-not-disturb" && from.trust !== "operator") throw new ParleyError("do_not_disturb");
    const waitMs = this.#pace.take(from.member, this.#options.clock.monotonic());
    if (waitMs > 0)
      throw new ParleyError("rate_limited", {
        message: `@${from.name} calls this agent too often; wait ${Math.ceil(waitMs / 1000)} s.`,
        data: { retryInMs: waitMs },
      });
  }

  async #readyFor({ conversation, byName }: GuardedMention, { trust }: Standing): Promise<void> {
    for (;;) {
      this.#checkOpen();
      if (this.#mode !== "do-not-disturb" || trust === "operator" || !byName) {
        const waitMs = this.#pace.take(conversation, this.#options.clock.monotonic());
        if (waitMs === 0) return;
        await this.#pause(waitMs);
      } else await this.#pause();
    }
  }

  async #isLoop(message: JudgedMessage): Promise<boolean> {
    if (!this.#options.manifest.guards.loops) return false;
    return (await this.#loops.verdict(message)) !== undefined;
  }

  #checkHops(hops: number): void {
    const most = this.#options.manifest.guards.hops;
    if (hops > most)
      throw new ParleyError("too_many_hops", { message: `This agent takes what ${most} others passed on.` });
  }

  /** A member that cannot be asked about now is one of whom nothing more is known. */
  async #standingOf(member: string, asks = false): Promise<Standing> {
    try {
      return await this.#options.device.guards.standingOf(member, { asks });
    } catch (error) {
      if (!isParleyError(error)) throw error;
      return { kind: "agent", roles: [], trust: "member", verified: false, waits: false, isBlocked: false, tags: [] };
    }
  }

  async #refit(): Promise<void> {
    const { device, manifest, clock, log } = this.#options;
    const { mode, until } = await device.guards.attention();
    const before = this.#mode;
    this.#mode = mode ?? manifest.attention;
    this.#until?.cancel();
    this.#until =
      until === undefined ? undefined : clock.setTimer(Math.max(0, until - clock.now()) + 1, () => void this.#refit());
    if (before !== this.#mode) log("info", "attention", { mode: this.#mode });
    this.#wake();
    if (before !== this.#mode || this.#mode === "do-not-disturb")
      await device
        .setAvailability(this.#mode === "do-not-disturb" ? "do-not-disturb" : "available")
        .catch(() => log("warn", "attention.not-told"));
  }

  /** Until something changes that may let go on, or for so long. */
  #pause(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        timer?.cancel();
        this.#waiting.delete(go);
        resolve();
      };
      const timer = ms === undefined ? undefined : this.#options.clock.setTimer(ms, go);
      this.#waiting.add(go);
    });
  }

  #wake(): void {
    for (const go of this.#waiting) go();
  }

  #checkOpen(): void {
    if (this.#stopped) throw new ParleyError("closed", { message: "The agent is stopping." });
  }

  /** Said once for each, and again when so many others came in between. */
  #tell(key: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#told.has(key)) return;
    if (this.#told.size >= 1024) this.#told.clear();
    this.#told.add(key);
    this.#options.log("warn", event, fields);
  }
}

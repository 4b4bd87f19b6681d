/** One agent under a supervisor: its process, and what follows when that ends. */
import type { Clock, Random, Timer } from "@parley/core";
import { toParleyError } from "@parley/protocol";

import type { AgentChild, ChildEvents } from "./agent-child.ts";
import type { AgentLog } from "./agent-log.ts";
import type { AgentUse } from "./agent-use.ts";
import { lastError, readyOf } from "./printed-line.ts";
import { RestartRule } from "./restart-rule.ts";

/**
 * `starting` until the process says that it is ready; `waiting` for the next start; `held` after too many ends, until somebody
 * asks; `stopping` and `stopped` because somebody asked.
 */
export type AgentState = "starting" | "running" | "waiting" | "held" | "stopping" | "stopped";

/** What starts a process: the folder's agent, or a stand-in. */
export interface AgentLaunch {
  readonly start: (events: ChildEvents) => AgentChild;
  /** How long a process may take from SIGTERM to its end. */
  readonly drainMs: number;
  /** Name in the manifest; undefined where it cannot be read. */
  readonly agent: string | undefined;
}

export interface SupervisedAgentOptions {
  readonly name: string;
  readonly log: AgentLog;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked before each start, so that a changed manifest counts; waits for what an earlier supervisor left. */
  readonly launch: () => Promise<AgentLaunch>;
  /** Told of each process when it has started, and of its end with undefined. */
  readonly onProcess: (pid: number | undefined) => void;
}

/** How an agent stands. Times in milliseconds since 1970. */
export interface AgentView {
  readonly name: string;
  readonly agent?: string;
  readonly state: AgentState;
  readonly pid?: number;
  /** Starts after the first one, since the supervisor began. */
  readonly restarts: number;
  /** Since when the process is up. */
  readonly since?: number;
  /** When it is started again. */
  readonly nextAt?: number;
  /** Percent of one processor, in the last measured time. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  readonly tasks?: number;
  /** Why it is not running. */
  readonly reason?: string;
}

interface Running {
  readonly child: AgentChild;
  readonly since: number;
  readonly startedAt: number;
  readonly drainMs: number;
  ended: boolean;
}

/** From a start to the first word; small machines take their time. */
const readyMs = 120_000;

export class SupervisedAgent {
  readonly name: string;
  readonly #options: SupervisedAgentOptions;
  readonly #rule: RestartRule;
  #state: AgentState = "stopped";
  #running: Running | undefined;
  #agent: string | undefined;
  #starts = 0;
  #timer: Timer | undefined;
  #nextAt: number | undefined;
  #reason: string | undefined;
  #error: { readonly code: string; readonly message: string } | undefined;
  #use: (AgentUse & { readonly at: number; readonly cpu?: number }) | undefined;
  /** The start or stop that is under way. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: SupervisedAgentOptions) {
    this.name = options.name;
    this.#options = options;
    this.#rule = new RestartRule(options.random);
  }

  get view(): AgentView {
    const { child, since } = this.#running ?? {};
    const up = this.#running?.ended === false ? { pid: child?.pid ?? 0, since: since ?? 0 } : {};
    const use =
      this.#use === undefined || this.#running === undefined
        ? {}
        : {
            memoryBytes: this.#use.memoryBytes,
            tasks: this.#use.tasks,
            ...(this.#use.cpu === undefined ? {} : { cpu: this.#use.cpu }),
          };
    return {
      name: this.name,
      state: this.#state,
      restarts: Math.max(0, this.#starts - 1),
      ...(this.#agent === undefined ? {} : { agent: this.#agent }),
      ...up,
      ...use,
      ...(this.#nextAt === undefined ? {} : { nextAt: this.#nextAt }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Starts it, unless it runs. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running !== undefined) return;
      this.#rule.forget();
      await this.#begin();
    });
  }

  /** Ends its process and waits for that; it is not started again by itself. */
  stop(): Promise<void> {
    return this.#inTurn(() => this.#end("stopped"));
  }

  restart(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#end("starting");
      this.#rule.forget();
      await this.#begin();
    });
  }

  /** Asks the process how busy it is; the answer shows in the next view. */
  ask(): void {
    this.#running?.child.ask();
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #begin(): Promise<void> {
    this.#clearWait();
    this.#state = "starting";
    this.#error = undefined;
    this.#use = undefined;
    try {
      this.#launch(await this.#options.launch());
    } catch (thrown) {
      const { code, message } = toParleyError(thrown);
      this.#error = { code, message };
      this.#goOn(0, "it could not be started");
    }
  }

  #launch({ start, drainMs, agent }: AgentLaunch): void {
    const { clock, onProcess } = this.#options;
    this.#agent = agent ?? this.#agent;
    this.#starts++;
    const child = start({ line: (from, text) => this.#take(from, text), use: (use) => this.#used(use) });
    const running = { child, drainMs, since: clock.now(), startedAt: clock.monotonic(), ended: false };
    this.#running = running;
    if (child.pid !== 0) onProcess(child.pid);
    this.#timer = clock.setTimer(readyMs, () => this.#giveUp(running));
    void child.ended.then((how) => this.#ended(running, how));
  }

  #giveUp(running: Running): void {
    if (running.ended || this.#state !== "starting") return;
    this.#say(`it did not become ready within ${readyMs / 1000} s and is ended`);
    running.child.signal("SIGKILL");
  }

  async #end(state: AgentState): Promise<void> {
    const { clock } = this.#options;
    this.#clearWait();
    this.#reason = undefined;
    const running = this.#running;
    if (running !== undefined) {
      this.#state = "stopping";
      running.child.signal("SIGTERM");
      const late = clock.setTimer(running.drainMs, () => running.child.signal("SIGKILL"));
      await running.child.ended;
      late.cancel();
      this.#gone(running);
    }
    this.#state = state;
  }

  #gone(running: Running): void {
    if (running.ended) return;
    running.ended = true;
    this.#running = undefined;
    this.#options.onProcess(undefined);
  }

  #ended(running: Running, how: string): void {
    const asked = this.#state === "stopping" || running.ended;
    this.#gone(running);
    this.#say(asked ? `stopped: ${how}` : `ended by itself: ${how}`);
    if (!asked) this.#goOn(this.#options.clock.monotonic() - running.startedAt, how);
  }

  #goOn(livedMs: number, how: string): void {
    this.#clearWait();
    const after = this.#rule.after({ livedMs, how, ...this.#error });
    if (after.next === "hold") {
      this.#state = "held";
      this.#reason = after.reason;
      this.#say(`held back: ${after.reason}; parley restart ${this.name} starts it again`);
      return;
    }
    this.#state = "waiting";
    this.#reason = this.#error === undefined ? how : `${this.#error.message} (${this.#error.code})`;
    this.#nextAt = this.#options.clock.now() + after.afterMs;
    this.#timer = this.#options.clock.setTimer(after.afterMs, () => {
      void this.#inTurn(async () => {
        if (this.#state === "waiting") await this.#begin();
      });
    });
  }

  #take(from: "out" | "err", text: string): void {
    this.#options.log.write({ time: this.#options.clock.now(), from, text });
    if (from === "err") this.#error = lastError(text) ?? this.#error;
    const ready = from === "out" && this.#state === "starting" ? readyOf(text) : undefined;
    if (ready === undefined) return;
    this.#clearWait();
    this.#state = "running";
    this.#reason = undefined;
    this.#error = undefined;
    this.ask();
  }

  #used(use: AgentUse): void {
    const at = this.#options.clock.monotonic();
    const before = this.#use;
    const wasMs = before?.cpuMs ?? 0;
    const wasAt = before?.at ?? this.#running?.startedAt ?? at;
    const cpu = at > wasAt ? { cpu: Math.max(0, ((use.cpuMs - wasMs) / (at - wasAt)) * 100) } : {};
    this.#use = { ...use, at, ...cpu };
  }

  #say(text: string): void {
    this.#options.log.write({ time: this.#options.clock.now(), from: "supervisor", text });
  }

  #clearWait(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#nextAt = undefined;
  }
}

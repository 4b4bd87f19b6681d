/** The skills of a running agent: its own, and those that programs offer for as long as they are there; the card follows. */
import type { DeviceApi, LogLine } from "@parley/client";
import type { Clock } from "@parley/core";
import { limits, ParleyError, toParleyError } from "@parley/protocol";

import { cardOf } from "./agent-card.ts";
import type { Agent } from "./agent.ts";
import type { GatedSkill } from "./skill-admission.ts";
import { SkillGate } from "./skill-rules.ts";
import type { AnySkill } from "./skill.ts";

export interface OfferedSkillsOptions {
  readonly agent: Agent;
  readonly device: DeviceApi;
  readonly log: LogLine;
  readonly clock: Clock;
}

export class OfferedSkills {
  readonly #options: OfferedSkillsOptions;
  readonly #skills = new Map<string, GatedSkill>();
  #agent: Agent;
  /** One card after the other. */
  #published: Promise<void> = Promise.resolve();
  /** The card that is published is not the newest. */
  #isLate = false;
  #unwatch: (() => void) | undefined;

  constructor(options: OfferedSkillsOptions) {
    this.#options = options;
    this.#agent = options.agent;
    this.#add(options.agent.skills);
  }

  /** As it is now. */
  get agent(): Agent {
    return this.#agent;
  }

  /** Another version of the agent, with what programs offer besides. Throws, and changes nothing, when its card cannot be published. */
  async replace(agent: Agent): Promise<void> {
    const [before, skills] = [this.#agent, [...this.#skills]];
    const own = new Set(before.skills.map(({ id }) => id));
    const offered = skills.filter(([id]) => !own.has(id)).map(([id]) => id);
    const taken = agent.skills.find(({ id }) => offered.includes(id));
    if (taken !== undefined)
      throw new ParleyError("already_exists", { message: `The skill ${taken.id} is offered here already.` });
    for (const id of own) this.#skills.delete(id);
    this.#agent = agent;
    this.#add(agent.skills);
    try {
      this.#card();
      await this.#publishSoon();
    } catch (error) {
      this.#agent = before;
      this.#skills.clear();
      for (const [id, gated] of skills) this.#skills.set(id, gated);
      throw error;
    }
  }

  #add(skills: readonly AnySkill[]): void {
    const { rules } = this.#agent.manifest.skills;
    for (const skill of skills)
      this.#skills.set(skill.id, { skill, gate: new SkillGate(skill, rules, this.#options.clock) });
  }

  get ids(): readonly string[] {
    return [...this.#skills.keys()];
  }

  has(id: string): boolean {
    return this.#skills.has(id);
  }

  /** Throws `not_found`. */
  of(id: string): GatedSkill {
    const skill = this.#skills.get(id);
    if (skill !== undefined) return skill;
    throw new ParleyError("not_found", { message: `@${this.#options.device.name} has no skill ${id.slice(0, 80)}.` });
  }

  /** Publishes the card as it is now. A device without the member's root key goes on with the one that is published, and says so. */
  async publish(): Promise<void> {
    const { device, log } = this.#options;
    const next = this.#published.then(() => device.publishCard(this.#card()));
    this.#published = next.catch(() => undefined);
    try {
      await next;
    } catch (error) {
      const { code, message, data } = toParleyError(error);
      if (code !== "forbidden" || data?.["lacks"] !== "root key") throw error;
      log("warn", "agent.card-not-published", { code, message });
    }
    this.#takeFromBoard(this.ids);
  }

  /**
   * Adds skills until the returned function is called; resolves when the card has them. Throws `already_exists` for one
   * that somebody offers already, `limit_reached`, `invalid_manifest`. Where the registry is away the card follows once
   * it is back.
   */
  async offer(skills: readonly AnySkill[]): Promise<() => Promise<void>> {
    const taken = skills.find(
      ({ id }, index) => this.#skills.has(id) || skills.slice(0, index).some((e) => e.id === id),
    );
    if (taken !== undefined)
      throw new ParleyError("already_exists", { message: `The skill ${taken.id} is offered here already.` });
    if (this.#skills.size + skills.length > limits.skills)
      throw new ParleyError("limit_reached", { message: `An agent has at most ${limits.skills} skills.` });
    this.#add(skills);
    const withdraw = async (): Promise<void> => {
      const held = skills.filter(({ id }) => this.#skills.get(id) !== undefined);
      for (const { id } of held) this.#skills.delete(id);
      if (held.length > 0) await this.#publishSoon();
    };
    try {
      this.#card();
      await this.#publishSoon();
    } catch (error) {
      for (const { id } of skills) this.#skills.delete(id);
      throw error;
    }
    let withdrawn: Promise<void> | undefined;
    return () => (withdrawn ??= withdraw());
  }

  stop(): void {
    // Others take what is left there.
    this.#takeFromBoard([]);
    this.#unwatch?.();
  }

  #takeFromBoard(skills: readonly string[]): void {
    const { agent, device } = this.#options;
    const { board, limits: bounds } = agent.manifest;
    if (board) device.board.work({ skills, slots: bounds.concurrentTasks });
  }

  /** What cannot be published for want of a registry is published in its next session. */
  async #publishSoon(): Promise<void> {
    const { device, log } = this.#options;
    try {
      await this.publish();
    } catch (error) {
      const { code, retryable } = toParleyError(error);
      if (!retryable) throw error;
      log("warn", "agent.card-late", { code });
      this.#isLate = true;
      this.#unwatch ??= device.watch((event) => {
        if (event.type !== "session" || event.state !== "connected" || !this.#isLate) return;
        this.#isLate = false;
        this.#publishSoon().catch((late: unknown) =>
          log("error", "agent.card-not-published", { code: toParleyError(late).code }),
        );
      });
    }
  }

  #card() {
    const skills = [...this.#skills.values()].map(({ skill }) => skill);
    return cardOf({ ...this.#agent, skills }, this.#options.device);
  }
}

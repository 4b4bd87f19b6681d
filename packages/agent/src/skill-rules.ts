/** Who may call a skill and how much of it is done at once: what the skill says, and what agent.yaml says of it. */
import type { Sender, Standing } from "@parley/client";
import { type Clock, isNamed, RateGate } from "@parley/core";
import { limits as bounds, ParleyError, policySubjectSchema } from "@parley/protocol";
import { z } from "zod";

/** `access`: who may call, as in the policy of the mesh. Only ever narrower than that. */
export const skillAccessSchema = z.array(policySubjectSchema).min(1).max(bounds.policySubjects);

export const skillLimitsSchema = z.strictObject({
  /** Tasks at once. */
  concurrent: z.int().min(1).max(bounds.taskCalls).optional(),
  /** Tasks that begin within a minute, and at once after a pause. */
  perMinute: z.int().min(1).max(1_000_000).optional(),
  /** Seconds for one task. */
  timeSeconds: z
    .number()
    .min(0.1)
    .max(bounds.taskMs / 1000)
    .optional(),
});
export type SkillLimits = z.infer<typeof skillLimitsSchema>;

/** What agent.yaml says of one skill. */
export const skillRuleSchema = z.strictObject({
  access: skillAccessSchema.optional(),
  limits: skillLimitsSchema.optional(),
});
export type SkillRule = z.infer<typeof skillRuleSchema>;

/** A skill, as far as rules look at it. */
interface RuledSkill {
  readonly id: string;
  readonly access: readonly string[] | undefined;
  readonly limits: SkillLimits | undefined;
}

/** What holds for a skill: both lists of who may call it, and the limits of agent.yaml before its own. */
export function ruleOf(skill: RuledSkill, rules: Readonly<Record<string, SkillRule>>) {
  const ruled = Object.hasOwn(rules, skill.id) ? rules[skill.id] : undefined;
  return {
    access: [skill.access, ruled?.access].filter((list) => list !== undefined),
    limits: { ...skill.limits, ...withoutUndefined(ruled?.limits ?? {}) },
  };
}

/** Counts one skill's tasks while an agent runs. */
export class SkillGate {
  readonly #id: string;
  readonly #access: readonly (readonly string[])[];
  readonly #limits: SkillLimits;
  readonly #pace: RateGate | undefined;
  readonly #clock: Clock;
  #atWork = 0;

  constructor(skill: RuledSkill, rules: Readonly<Record<string, SkillRule>>, clock: Clock) {
    const { access, limits } = ruleOf(skill, rules);
    this.#id = skill.id;
    this.#access = access;
    this.#limits = limits;
    this.#clock = clock;
    this.#pace = limits.perMinute === undefined ? undefined : new RateGate({ perMinute: limits.perMinute, most: 1 });
  }

  /** Milliseconds that a task of it may take, at most `mostMs`. */
  timeMs(mostMs: number): number {
    return Math.min(mostMs, (this.#limits.timeSeconds ?? Infinity) * 1000);
  }

  /** Whether anybody is kept out. */
  get isOpen(): boolean {
    return this.#access.length === 0;
  }

  /** Throws `forbidden` for a caller that is not among those who may. */
  checkAccess(caller: Pick<Sender, "name" | "kind" | "roles">, { tags }: Pick<Standing, "tags">): void {
    const { name } = caller;
    const known = new Map(tags.map((tag) => [tag, new Set([name])]));
    if (this.#access.every((list) => isNamed(caller, list, known))) return;
    throw new ParleyError("forbidden", { message: `The agent lets @${name} not call its skill ${this.#id}.` });
  }

  /** Throws `limit_reached` or `rate_limited` when one more would be too many. */
  check(): void {
    const { concurrent = Infinity } = this.#limits;
    if (this.#atWork >= concurrent)
      throw new ParleyError("limit_reached", {
        message: `The agent works on ${concurrent} tasks of its skill ${this.#id}, its limit; try again soon.`,
      });
    const waitMs = this.#pace?.waitMs("", this.#clock.monotonic()) ?? 0;
    if (waitMs > 0)
      throw new ParleyError("rate_limited", {
        message: `The agent begins ${this.#limits.perMinute} tasks of its skill ${this.#id} a minute, its limit; try again in ${Math.ceil(waitMs / 1000)} s.`,
        data: { afterMs: Math.ceil(waitMs) },
      });
  }

  /** Counts a task from its begin to its end. Throws as `check` does. */
  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.check();
    this.#pace?.take("", this.#clock.monotonic());
    this.#atWork++;
    try {
      return await work();
    } finally {
      this.#atWork--;
    }
  }
}

function withoutUndefined(limits: SkillLimits): SkillLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

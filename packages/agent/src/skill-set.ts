/** An agent as it works now: its skills by id, each with its rules. Loaded anew, it is another set. */
import type { DeviceApi, Sender } from "@parley/client";
import type { Clock } from "@parley/core";
import { type ApprovalNeed, ParleyError } from "@parley/protocol";

import type { Agent } from "./agent.ts";
import { SkillGate } from "./skill-rules.ts";
import type { AnySkill } from "./skill.ts";

export class SkillSet {
  readonly agent: Agent;
  readonly #device: DeviceApi;
  readonly #skills: ReadonlyMap<string, { readonly skill: AnySkill; readonly gate: SkillGate }>;

  constructor(agent: Agent, device: DeviceApi, clock: Clock) {
    this.agent = agent;
    this.#device = device;
    const { rules } = agent.manifest.skills;
    this.#skills = new Map(
      agent.skills.map((skill) => [skill.id, { skill, gate: new SkillGate(skill, rules, clock) }]),
    );
  }

  /** Throws `not_found`. */
  of(id: string): { readonly skill: AnySkill; readonly gate: SkillGate } {
    const found = this.#skills.get(id);
    if (found !== undefined) return found;
    throw new ParleyError("not_found", { message: `@${this.#device.name} has no skill ${id.slice(0, 80)}.` });
  }

  /** Throws `forbidden` for a caller that the skill does not let in. Asks nobody where every caller is let in. */
  checkAccess(id: string, from: Sender): Promise<void> | undefined {
    const { gate } = this.of(id);
    if (gate.isOpen || from.member === this.#device.member) return undefined;
    return this.#device.guards.standingOf(from.member).then((standing) => gate.checkAccess(from, standing));
  }

  /** What a person has to allow first: by the skill and by agent.yaml the larger quorum and the shorter time. */
  approvalOf(id: string): ApprovalNeed | undefined {
    const { approval } = this.of(id).skill;
    const { approvals } = this.agent.manifest;
    const ruled = Object.hasOwn(approvals, id) ? approvals[id] : undefined;
    if (ruled === undefined) return approval;
    const { quorum, within: withinMs } = ruled;
    return strictest(approval, {
      ...(quorum === undefined ? {} : { quorum }),
      ...(withinMs === undefined ? {} : { withinMs }),
    });
  }
}

function strictest(one: ApprovalNeed | undefined, other: ApprovalNeed): ApprovalNeed {
  const withinMs = Math.min(one?.withinMs ?? Infinity, other.withinMs ?? Infinity);
  return {
    quorum: Math.max(one?.quorum ?? 1, other.quorum ?? 1),
    ...(withinMs === Infinity ? {} : { withinMs }),
  };
}

/** What stands before a task of a skill: who may call it, and what a person has to allow first. */
import type { DeviceApi, Sender } from "@parley/client";
import type { ApprovalNeed } from "@parley/protocol";

import type { ManifestContent } from "./manifest-schema.ts";
import type { SkillGate } from "./skill-rules.ts";
import type { AnySkill } from "./skill.ts";

/** A skill and the gate before it. */
export interface GatedSkill {
  readonly skill: AnySkill;
  readonly gate: SkillGate;
}

/** Rejects with `forbidden` for a caller that the skill does not let in. Asks nobody where every caller is let in. */
export function checkAccess({ gate }: GatedSkill, from: Sender, device: DeviceApi): Promise<void> | undefined {
  if (gate.isOpen || from.member === device.member) return undefined;
  return device.guards.standingOf(from.member).then((standing) => gate.checkAccess(from, standing));
}

/** Of what the skill and agent.yaml ask for, the larger quorum and the shorter time. */
export function approvalOf({ skill }: GatedSkill, { approvals }: ManifestContent): ApprovalNeed | undefined {
  const ruled = Object.hasOwn(approvals, skill.id) ? approvals[skill.id] : undefined;
  if (ruled === undefined) return skill.approval;
  const { quorum, within: withinMs } = ruled;
  return strictest(skill.approval, {
    ...(quorum === undefined ? {} : { quorum }),
    ...(withinMs === undefined ? {} : { withinMs }),
  });
}

function strictest(one: ApprovalNeed | undefined, other: ApprovalNeed): ApprovalNeed {
  const withinMs = Math.min(one?.withinMs ?? Infinity, other.withinMs ?? Infinity);
  return {
    quorum: Math.max(one?.quorum ?? 1, other.quorum ?? 1),
    ...(withinMs === Infinity ? {} : { withinMs }),
  };
}

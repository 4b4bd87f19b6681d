import { type AnySkill, loadAgent, type SkillRule, skillRuleOf } from "@parley/agent";

import { agentPathOf } from "../agent-path.ts";
import type { CommandModule } from "../command.ts";

/** Lists what an agent's files offer, with the rules of each skill. */
export const run: CommandModule["run"] = async ({ input, out, cwd }) => {
  const { skills, manifest } = await loadAgent(agentPathOf(cwd, input.optionalArgument("agent")));
  const listed = skills.map((skill) =>
    described(skill, manifest.skills.rules, Object.hasOwn(manifest.approvals, skill.id)),
  );
  out.result({ agent: manifest.name, skills: listed, disabled: manifest.skills.disable }, () => {
    out.table(
      ["SKILL", "VERSION", "TAGS", "WHO MAY CALL", "LIMITS", "WHAT IT DOES"],
      listed.map(({ id, version, tags, access, approval, limits, description }) => [
        id,
        version,
        tags.join(", "),
        [...access.map((list) => list.join(" ")), ...(approval ? ["after approval"] : [])].join("; ") || "*",
        limitsText(limits),
        description,
      ]),
      { cutLast: true },
    );
    if (manifest.skills.disable.length > 0) out.line(`disabled: ${manifest.skills.disable.join(", ")}`);
  });
  return 0;
};

function described(skill: AnySkill, rules: Readonly<Record<string, SkillRule>>, asked: boolean) {
  const { id, version, described: card, trials } = skill;
  return {
    id,
    version,
    description: card.description,
    tags: card.tags,
    ...skillRuleOf(skill, rules),
    approval: asked || skill.approval !== undefined,
    trials: trials.length,
    input: skill.inputJsonSchema,
    output: skill.outputJsonSchema,
  };
}

function limitsText({ concurrent, perMinute, timeSeconds }: NonNullable<SkillRule["limits"]>): string {
  return [
    ...(concurrent === undefined ? [] : [`${concurrent} at once`]),
    ...(perMinute === undefined ? [] : [`${perMinute} a minute`]),
    ...(timeSeconds === undefined ? [] : [`${timeSeconds} s`]),
  ].join(", ");
}

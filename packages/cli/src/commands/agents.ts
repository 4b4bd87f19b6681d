import type { MemberView } from "@parley/client";
import type { MeshTrust } from "@parley/core";
import { skillIdSchema, ParleyError, visible } from "@parley/protocol";

import { priceText } from "../agreement-terms.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { findAll } from "../member-pages.ts";
import { loadOf, memberJson, priceOf, schemasOf, skillsOf, standingOf } from "../member-table.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const skill = input.text("skill");
  if (skill !== undefined && !skillIdSchema.safeParse(skill).success)
    throw new ParleyError("invalid_argument", {
      message: "--skill must be the id of a skill: letters, digits, '-', '_' and '.'.",
    });
  return withDevice(context, async ({ device, trust: trustNow }) => {
    const query = skill === undefined ? { kind: "agent" as const } : { kind: "agent" as const, skill, live: true };
    const found = (await findAll(device, query, out)).filter(
      ({ member }) => skill === undefined || member !== device.member,
    );
    const trust = await trustNow();
    out.result({ agents: found.map((member) => memberJson(member, trust)) }, () =>
      skill === undefined ? printAgents(context, found, trust) : printHolders(context, skill, found),
    );
    return 0;
  });
};

function printAgents({ out }: CommandContext, found: readonly MemberView[], trust: MeshTrust): void {
  if (found.length === 0)
    return out.line("No agents yet: `parley init` writes one, `parley pair` and `parley run` bring it in.");
  out.table(
    ["NAME", "PRESENCE", "LOAD", "SKILLS"],
    found.map((member) => [
      `@${member.name}`,
      standingOf(member, trust),
      String(loadOf(member)),
      skillsOf(member)
        .map(({ id }) => id)
        .join(", "),
    ]),
  );
}

function costOf(member: MemberView, skill: string): string {
  const price = priceOf(member, skill);
  return price === undefined ? "" : priceText(price);
}

function printHolders({ out }: CommandContext, skill: string, found: readonly MemberView[]): void {
  if (found.length === 0) return out.line(`No live agent offers ${skill}.`);
  out.table(
    ["NAME", "LOAD", "PRICE", "DESCRIPTION"],
    found.map((member) => [
      `@${member.name}`,
      String(loadOf(member)),
      costOf(member, skill),
      skillsOf(member).find(({ id }) => id === skill)?.description ?? "",
    ]),
  );
  const [first] = found;
  const schemas = first === undefined ? undefined : schemasOf(first, skill);
  if (schemas === undefined) return;
  out.line();
  out.line(`Schema of ${skill} as @${first?.name ?? ""} declares it:`);
  out.line(visible(JSON.stringify(schemas, undefined, 2)));
}

import { agreementCounts, agreementOf, type CountedAgreement, type RoleCounts } from "@parley/core";

import { memberText } from "../agreement-view.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { verifyFile } from "../timeline-pins.ts";

type Names = Record<string, string>;

/** Counts, and nothing else: whoever has the same timelines gets the same ones. */
export const run: CommandModule["run"] = async (context) => {
  const first = context.input.optionalArgument("files");
  if (first !== undefined) return show(context, ...(await ofFiles(context, [first, ...context.input.rest()])));
  return withArchive(context, async ({ device }) => {
    const names: Names = {};
    const counted: CountedAgreement[] = [];
    for (const { agreement } of await device.agreements.list()) {
      const view = await device.agreements.get(agreement);
      Object.assign(names, view.names);
      counted.push({ facts: view, wasDisputed: view.acts.some(({ act }) => act.type === "dispute") });
    }
    return show(context, counted, names);
  });
};

async function ofFiles(context: CommandContext, files: readonly string[]): Promise<[CountedAgreement[], Names]> {
  const names: Names = {};
  const counted: CountedAgreement[] = [];
  for (const file of files) {
    const { entries, parties } = await verifyFile(context, file, "agreement");
    for (const { member, name } of parties) names[member] = name;
    const wasDisputed = entries.some(({ statement }) => statement.act.type === "dispute");
    counted.push({ facts: agreementOf(entries), wasDisputed });
  }
  return [counted, names];
}

function show({ out }: CommandContext, counted: readonly CountedAgreement[], names: Names): 0 {
  const counts = agreementCounts(counted);
  out.result({ counts: counts.map((one) => ({ ...one, name: names[one.member] })) }, () => {
    if (counts.length === 0) return out.line("There are no agreements that were accepted.");
    const row = (member: string, role: string, one: RoleCounts): string[] => [
      memberText(names, member),
      role,
      ...[one.accepted, one.completed, one.disputed, one.resolvedFor, one.resolvedAgainst, one.resolvedInPart].map(
        String,
      ),
      String(one.lapsed),
      String(one.open),
    ];
    out.table(
      ["MEMBER", "AS", "ACCEPTED", "COMPLETED", "DISPUTED", "WON", "LOST", "IN PART", "LAPSED", "OPEN"],
      counts.flatMap(({ member, asker, worker }) =>
        [row(member, "asker", asker), row(member, "worker", worker)].filter(([, , accepted]) => accepted !== "0"),
      ),
    );
  });
  return 0;
}

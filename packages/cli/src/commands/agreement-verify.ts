import { agreementOf } from "@parley/core";
import { visible } from "@parley/protocol";

import { actText } from "../agreement-view.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { verifyFile } from "../timeline-pins.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const file = input.argument("file");
  const report = await verifyFile(context, file, "agreement");
  const facts = agreementOf(report.entries);
  const names = Object.fromEntries(report.parties.map(({ member, name }) => [member, name]));
  const acts = report.entries.map(({ compact, hash, statement: { number, by, iat, act } }) => ({
    number,
    by,
    name: names[by],
    at: iat,
    act,
    statement: compact,
    hash,
  }));
  const { mesh, isKnownMesh } = report;
  out.result({ file, holds: true, mesh, isKnownMesh, names, ...facts, acts }, () => {
    out.line(`The agreement holds: ${acts.length} acts, ${facts.state}.`);
    out.line(`  ${visible(facts.terms.task)}`);
    for (const act of acts) out.line(`  ${String(act.number).padStart(2)}  ${formatTime(act.at)}  ${actText(act)}`);
    if (!isKnownMesh)
      out.note(
        `Nothing is pinned here: that this is the mesh ${mesh} is only what the file says. Name yours with --mesh.`,
      );
  });
  return 0;
};

import { type DeviceApi, shortRequest } from "@parley/client";

import { leftText } from "../approval-view.ts";
import { withArchive } from "../archive-access.ts";
import type { CommandModule } from "../command.ts";
import { nameOf } from "../delivery-table.ts";

/** Lists what was approved for calls to come. */
export const run: CommandModule["run"] = async (context) => {
  const { out } = context;
  return withArchive(context, async ({ device }) => {
    const standing = await device.approvals.standing();
    const names = await namesOf(
      device,
      standing.flatMap(({ by, callee, caller }) => [by, callee, ...(caller === undefined ? [] : [caller])]),
    );
    const name = (member: string): string => nameOf(names.get(member), member);
    out.result({ standing }, () => {
      if (standing.length === 0) return out.line("Nothing is approved for calls to come.");
      out.table(
        ["ID", "WAY", "BY", "SKILL", "CALLER", "LEFT", "ENDS IN"],
        standing.map(({ id, way, by, callee, skill, caller, uses, left, expires }) => [
          shortRequest(id),
          way,
          name(by),
          `${name(callee)}/${skill}`,
          caller === undefined ? "anybody" : name(caller),
          left === undefined ? `of ${uses}` : `${left} of ${uses}`,
          leftText(expires, Date.now()),
        ]),
      );
    });
    return 0;
  });
};

async function namesOf(device: DeviceApi, members: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const member of new Set(members)) {
    const view = await device.memberOf(member).catch(() => undefined);
    if (view !== undefined) names.set(member, view.name);
  }
  return names;
}

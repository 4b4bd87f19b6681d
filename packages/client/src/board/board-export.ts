import { exportTimeline, type MeshTrust, partyOf, readBoardEntry } from "@parley/core";
import type { BoardView } from "@parley/protocol";

import type { Directory } from "../directory.ts";

/** The timeline of a task on the board as a file: what was signed, and what shows whose devices signed it. */
export async function exportBoardTask(
  { trust, directory }: { readonly trust: Pick<MeshTrust, "mesh" | "operators">; readonly directory: Directory },
  { task, entries: compacts }: BoardView,
): Promise<string> {
  const entries = await Promise.all(compacts.map((compact) => readBoardEntry(compact)));
  const members = new Set(entries.map(({ statement }) => statement.by));
  const parties = await Promise.all(
    [...members].map(async (member) => {
      const { verified } = await directory.get(member);
      return [member, partyOf(verified.record)] as const;
    }),
  );
  return exportTimeline({
    kind: "board",
    mesh: trust.mesh,
    subject: task,
    operators: trust.operators.chain,
    parties: new Map(parties),
    entries,
  });
}

/** Yeses that were given beforehand: kept with what is left of them, used up one by one. */
import { type MeshTrust, type VerifiedMember } from "@parley/core";
import { type ApprovalAction, compactSchema, limits, ParleyError, type Statement } from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";
import { checkStanding } from "./approval-proof.ts";

/** As it is kept on disk. */
export const keptStandingSchema = z.object({
  statement: compactSchema,
  by: z.string(),
  left: z.int().min(0),
  expires: z.number(),
});
export type KeptStanding = z.infer<typeof keptStandingSchema>;

export interface StandingApprovalsOptions {
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly own: () => { readonly member: string };
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly table: KeptTable<KeptStanding>;
}

export class StandingApprovals {
  readonly #options: StandingApprovalsOptions;

  constructor(options: StandingApprovalsOptions) {
    this.#options = options;
  }

  /** Keeps a verified one. The same again gives no new uses. */
  async keep(id: string, statement: string, { by, uses, exp }: Statement<"standing">): Promise<void> {
    const { table, now } = this.#options;
    if (table.get(id) !== undefined) return;
    // What is used up stays until it is over, so that it cannot be brought again; the one that ends first gives way.
    for (const [known, { expires }] of table.all()) if (expires <= now()) await table.delete(known);
    if (table.size >= limits.standingApprovals)
      throw new ParleyError("limit_reached", {
        message: `${limits.standingApprovals} standing approvals are kept already.`,
      });
    await table.put(id, { statement, by, left: Math.min(uses, limits.standingUses), expires: exp });
  }

  /** A yes of this member that covers the action, with one use less on disk; undefined when there is none. */
  async use(member: VerifiedMember, action: ApprovalAction): Promise<string | undefined> {
    const { table, trust, own, now } = this.#options;
    for (const [id, kept] of table.all()) {
      if (kept.by !== member.member || kept.left === 0 || kept.expires <= now()) continue;
      const context = { member, trust, now: now(), callee: own().member };
      // The device that signed it may be gone.
      const holds = await checkStanding(kept.statement, action, context).then(
        () => true,
        () => false,
      );
      // Another call may have used it up meanwhile.
      const left = table.get(id)?.left ?? 0;
      if (!holds || left === 0) continue;
      await table.put(id, { ...kept, left: left - 1 });
      return kept.statement;
    }
    return undefined;
  }
}

/** Yeses that were given beforehand: kept with what is left of them, used up one by one. */
import { type MeshTrust, type VerifiedMember } from "@parley/core";
import {
  type ApprovalAction,
  compactSchema,
  id32Schema,
  limits,
  ParleyError,
  skillIdSchema,
  type Statement,
} from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";
import type { StandingView } from "./approval-api.ts";
import { checkStanding } from "./approval-proof.ts";

/** As it is kept on disk, by its id: at the agent that may use it with what is left, at who gave it without. */
export const keptStandingSchema = z.object({
  statement: compactSchema,
  by: id32Schema,
  callee: id32Schema,
  skill: skillIdSchema,
  caller: id32Schema.optional(),
  uses: z.int().min(1),
  left: z.int().min(0).optional(),
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

  /** Keeps a verified one. The same again gives no new uses. Throws `limit_reached`. */
  async keep(statement: string, said: Statement<"standing">): Promise<void> {
    const uses = Math.min(said.uses, limits.standingUses);
    await this.#put(said.id, { ...keptOf(statement, { ...said, uses }), left: uses });
  }

  /** Remembers one that this member gave, so that it can be ended. */
  note(statement: string, said: Statement<"standing">): Promise<void> {
    return this.#put(said.id, keptOf(statement, said));
  }

  async #put(id: string, row: KeptStanding): Promise<void> {
    const { table, now } = this.#options;
    if (table.get(id) !== undefined) return;
    // What is used up stays until it is over, so that it cannot be brought again.
    for (const [known, { expires }] of table.all()) if (expires <= now()) await table.delete(known);
    if (table.size >= limits.standingApprovals)
      throw new ParleyError("limit_reached", {
        message: `${limits.standingApprovals} standing approvals are kept already.`,
      });
    await table.put(id, row);
  }

  has(id: string): boolean {
    return this.#options.table.get(id) !== undefined;
  }

  list(): readonly StandingView[] {
    const now = this.#options.now();
    return this.#options.table.all().flatMap(([id, { by, callee, skill, caller, uses, left, expires }]) => {
      if (expires <= now || left === 0) return [];
      return [
        {
          id,
          way: left === undefined ? ("given" as const) : ("held" as const),
          by,
          callee,
          skill,
          caller,
          uses,
          left,
          expires,
        },
      ];
    });
  }

  /** No use is left of it. `by`: only of this member. Gives what it was; undefined when there is none. */
  async end(id: string, by?: string): Promise<KeptStanding | undefined> {
    const { table } = this.#options;
    const kept = table.get(id);
    if (kept === undefined || (by !== undefined && kept.by !== by)) return undefined;
    await table.put(id, { ...kept, left: 0 });
    return kept;
  }

  /** A yes of this member that covers the action, with one use less on disk; undefined when there is none. */
  async use(member: VerifiedMember, action: ApprovalAction): Promise<string | undefined> {
    const { table, trust, own, now } = this.#options;
    for (const [id, kept] of table.all()) {
      if (kept.by !== member.member || (kept.left ?? 0) === 0 || kept.expires <= now()) continue;
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

const keptOf = (statement: string, { by, callee, skill, caller, uses, exp }: Statement<"standing">): KeptStanding => ({
  statement,
  by,
  callee,
  skill,
  ...(caller === undefined ? {} : { caller }),
  uses,
  expires: exp,
});

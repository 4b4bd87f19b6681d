import { peekStatement, verifyStatement } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import type { Budgets } from "../budgets/budgets.ts";
import type { UsageLedger } from "../budgets/usage-ledger.ts";
import type { Directory } from "../directory.ts";
import type { MeshState } from "../mesh-state.ts";
import type { Session } from "../session.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface UsageServices {
  readonly mesh: MeshState;
  readonly directory: Directory;
  readonly budgets: Budgets;
  readonly ledger: UsageLedger;
}

/** What members used of their budgets: told by devices, asked for by members and operators. */
export function usageRequests({
  mesh,
  directory,
  budgets,
  ledger,
}: UsageServices): RequestHandlers<RequestsOf<"usage">> {
  /** Number of the newest report of a session: the same again counts once. */
  const newest = new WeakMap<Session, number>();
  return {
    "usage.report": async ({ member, device, kind }, { usage: compact }, session) => {
      const list = directory.get(member)?.record.devices;
      // It was verified when it came in.
      const listed = list === undefined ? [] : peekStatement("devices", list).devices;
      const key = listed.find((one) => one.device === device)?.key;
      if (key === undefined) throw new ParleyError("device_removed");
      const report = await verifyStatement("usage", compact, key);
      if (report.mesh !== mesh.require().mesh) throw new ParleyError("wrong_mesh");
      if (report.member !== member || report.device !== device)
        throw new ParleyError("forbidden", { message: "A device reports in its own name only." });
      if (report.number <= (newest.get(session) ?? 0)) return {};
      newest.set(session, report.number);
      budgets.report({ member, device, kind }, report);
      return {};
    },
    "usage.list": (caller, { member, after = "", limit = limits.pageSize }) => {
      const isOperator = caller.roles.includes("operator") || caller.roles.includes("admin");
      if (member !== undefined && member !== caller.member && !isOperator) throw new ParleyError("forbidden");
      if (member !== undefined || !isOperator) return { usage: [budgets.usageOf(member ?? caller.member, isOperator)] };
      const all = ledger.members.filter((one) => one > after).toSorted((one, other) => (one < other ? -1 : 1));
      const page = all.slice(0, limit);
      const next = all.length > page.length ? page.at(-1) : undefined;
      return { usage: page.map((one) => budgets.usageOf(one, true)), ...(next === undefined ? {} : { next }) };
    },
  };
}

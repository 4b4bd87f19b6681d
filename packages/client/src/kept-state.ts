/** What a device remembers beside its messages, read when it opens. */
import type { Journal } from "@parley/core";
import { limits } from "@parley/protocol";

import { type KeptAgreements, openAgreements } from "./agreements/agreement-book.ts";
import { type KeptApprovals, openApprovals } from "./approvals/approval-desk.ts";
import { ContactBook } from "./conversations/contact-book.ts";
import {
  type KeptDelegation,
  keptDelegationSchema,
  type KeptWithdrawals,
  keptWithdrawalsSchema,
} from "./delegations/kept-delegations.ts";
import { KeptTable } from "./kept-table.ts";
import { mostScheduled, type Scheduled, scheduledSchema } from "./scheduled/schedule-api.ts";
import { type AskedTask, openAskedTasks } from "./tasks/asked-tasks.ts";
import { openResumableTasks, type ResumableTables } from "./tasks/resumable-tasks.ts";
import { type KeptTask, keptTaskSchema, type WaitingTasks } from "./tasks/waiting-tasks.ts";

export interface KeptState {
  readonly contacts: ContactBook;
  readonly approvals: KeptApprovals;
  readonly agreements: KeptAgreements;
  readonly tasks: WaitingTasks;
  readonly resumable: ResumableTables;
  readonly asked: KeptTable<AskedTask>;
  readonly delegations: KeptTable<KeptDelegation>;
  readonly withdrawals: KeptTable<KeptWithdrawals>;
  readonly scheduled: KeptTable<Scheduled>;
}

export async function openKeptState(journal: Journal): Promise<KeptState> {
  const [contacts, approvals, agreements, tasks, resumable, asked, delegations, withdrawals, scheduled] =
    await Promise.all([
      ContactBook.open(journal),
      openApprovals(journal),
      openAgreements(journal),
      KeptTable.open<KeptTask>({ journal, name: "waiting-tasks", schema: keptTaskSchema, most: limits.approvalsOpen }),
      openResumableTasks(journal),
      openAskedTasks(journal),
      KeptTable.open<KeptDelegation>({
        journal,
        name: "delegations",
        schema: keptDelegationSchema,
        most: limits.withdrawals,
      }),
      KeptTable.open<KeptWithdrawals>({ journal, name: "withdrawals", schema: keptWithdrawalsSchema, most: 1 }),
      KeptTable.open<Scheduled>({ journal, name: "scheduled", schema: scheduledSchema, most: mostScheduled }),
    ]);
  return { contacts, approvals, agreements, tasks, resumable, asked, delegations, withdrawals, scheduled };
}

/** What two members agree on, and offer to all, on a marked mesh. */
import { sha256 } from "@parley/core";

import type { CapturedMember } from "./captured-mesh.ts";
import type { Plants } from "./plants.ts";

export interface Agreeing {
  /** Reach each other by relay only. */
  readonly asker: CapturedMember;
  readonly worker: CapturedMember;
}

/** An agreement that ends in a dispute both resolve, and an open offer that is withdrawn. */
export async function agree(plants: Plants, { asker, worker }: Agreeing): Promise<void> {
  const { agreement } = await asker.device.agreements.propose(worker.device.member, {
    terms: {
      task: plants.text("agreed-task"),
      price: { amount: "12.5", currency: "EUR" },
      payment: plants.text("payment-reference"),
      conditions: plants.text("agreed-conditions"),
    },
  });
  const heard = (by: CapturedMember, type: string) => by.events.first("agreement", ({ act }) => act.act.type === type);
  await heard(worker, "propose");
  await worker.device.agreements.act(agreement, { type: "accept" });
  const evidence = [{ digest: await sha256("a file"), url: plants.text("evidence-place") }];
  await worker.device.agreements.act(agreement, { type: "deliver", note: plants.text("delivery-note"), evidence });
  await heard(asker, "deliver");
  await asker.device.agreements.act(agreement, { type: "dispute", reason: plants.text("dispute-reason") });
  await heard(worker, "dispute");
  const outcome = { for: "asker" } as const;
  await worker.device.agreements.act(agreement, { type: "resolve", outcome, note: plants.text("resolution-note") });
  await asker.events.first("agreement", ({ act }) => act.act.type === "resolve");
  await asker.device.agreements.act(agreement, { type: "resolve", outcome });
  const offer = await asker.device.agreements.propose(undefined, {
    terms: { task: plants.text("offered-task"), skill: "guarded" },
  });
  await asker.device.agreements.act(offer.agreement, { type: "withdraw" });
}

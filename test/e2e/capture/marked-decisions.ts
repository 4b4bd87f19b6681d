/** What operators decide, and what members are asked, on a marked mesh. */
import { OperatorOrders } from "@parley/client";

import { until } from "../../integration/device-fixture.ts";
import type { CapturedMember } from "./captured-mesh.ts";
import type { Plants } from "./plants.ts";

export interface Deciders {
  readonly operator: CapturedMember;
  /** Serves `guarded`, which asks the operator something. */
  readonly agent: CapturedMember;
  /** Reaches others by relay only. */
  readonly caller: CapturedMember;
  /** Is paused for a moment. */
  readonly paused: CapturedMember;
}

/** A policy and a pause, a task that needs a yes and asks a question, and an API key: its text. */
export async function decide(plants: Plants, { operator, agent, caller, paused }: Deciders): Promise<string> {
  const { root } = operator.identity();
  if (root === undefined) throw new Error("The operator has no root key.");
  const trust = () => operator.joined.trust;
  const orders = new OperatorOrders({ device: operator.device, root, trust, now: Date.now });
  const number = await orders.publishPolicy({
    rules: [
      { allow: ["see", "call", "message", "post", "invite"], note: plants.text("policy-note") },
      { allow: ["call"], skills: ["guarded"], approval: {} },
      { allow: ["approve"], who: ["role:operator"] },
    ],
  });
  await until(() => agent.joined.trust.orderNumbers.policy === number);
  await orders.restrict([paused.device.member], "paused", { reason: plants.text("pause-reason") });
  await orders.lift([paused.device.member], ["paused"]);
  await answer(plants, { operator, agent, caller });
  const { text } = await operator.device.request("key.create", {
    name: plants.text("key-name"),
    scopes: ["directory:read"],
  });
  return text;
}

async function answer(plants: Plants, { operator, agent, caller }: Omit<Deciders, "paused">): Promise<void> {
  const input = { text: plants.text("guarded-input") };
  const run = await caller.device.delegate(agent.device.member, { skill: "guarded", input, paths: ["relay"] });
  const action = await operator.events.first("approval-asked", ({ asked }) => asked.what.type === "action");
  await operator.device.approvals.answer([action.asked.request], "granted");
  const question = await operator.events.first("approval-asked", ({ asked }) => asked.what.type === "question");
  await operator.device.approvals.reply(question.asked.request, plants.text("given-answer"));
  await run.outcome;
}

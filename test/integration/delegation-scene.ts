import type { IncomingTask } from "@parley/client";
import { type PolicyDocument, toParleyError } from "@parley/protocol";
import { testCard } from "@parley/testkit";

import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

/** Only @alice has anything searched; a search for money needs a yes of @ada, @alice or @planner. */
const rules: PolicyDocument["rules"] = [
  { allow: ["see", "message"] },
  { allow: ["call"], who: ["@alice"], skills: ["search"] },
  { allow: ["call"], who: ["@alice"], skills: ["pay"], approval: {} },
  { allow: ["approve"], who: ["@ada", "@alice", "@planner"] },
  { allow: ["see", "call", "message", "post", "invite", "approve"], who: ["role:operator"] },
];

export interface DelegationScene extends AsyncDisposable {
  readonly scope: MeshScope;
  readonly alice: Joined;
  readonly planner: Joined;
  readonly searcher: Joined;
  readonly ada: Joined;
  /** Between the searcher and the registry. */
  readonly proxy: RegistryProxy;
  /** What the searcher worked on. */
  readonly tasks: IncomingTask[];
}

/** The searcher works without end on the input "for ever". */
export async function delegationScene(): Promise<DelegationScene> {
  const scope = await MeshScope.start();
  const proxy = await RegistryProxy.start(scope.mesh.origin);
  const [alice, planner] = [await scope.join("alice"), await scope.join("planner")];
  const searcher = await scope.join("searcher", { registry: proxy.origin });
  const ada = await scope.join("ada", { kind: "person" });
  const tasks: IncomingTask[] = [];
  serve(searcher, tasks);
  await searcher.device.publishCard(testCard(searcher.device, [{ id: "search" }, { id: "pay" }]));
  const number = await scope.mesh.orders.publishPolicy({ rules });
  for (const { joined } of [alice, planner, searcher, ada])
    await until(() => joined.trust.orderNumbers.policy === number);
  return {
    scope,
    alice,
    planner,
    searcher,
    ada,
    proxy,
    tasks,
    async [Symbol.asyncDispose]() {
      await scope[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

export function serve({ device }: Pick<Joined, "device">, tasks: IncomingTask[]): void {
  device.serve(async (task) => {
    tasks.push(task);
    if (task.input === "for ever")
      await new Promise((_, reject) =>
        task.signal.addEventListener("abort", () => reject(task.signal.reason as Error)),
      );
    return `${task.skill} for ${task.actsFor?.name ?? "nobody"}`;
  });
}

/** What a call of the searcher by this chain ends with. */
export async function endOf(caller: Joined, chain: readonly string[], input: unknown = 1): Promise<unknown> {
  try {
    const run = await caller.device.delegate("@searcher", { skill: "search", input, chain });
    return (await run.outcome).output;
  } catch (error) {
    return toParleyError(error).code;
  }
}

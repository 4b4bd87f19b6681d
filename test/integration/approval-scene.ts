/** A mesh in which an agent's deploy needs a person's yes. */
import { FrameSealer, systemRandom } from "@parley/core";
import { encodeDelivery, envelopeKinds, FrameWriter, type PolicyDocument, toBase64url } from "@parley/protocol";
import { testCard, testEnvelope } from "@parley/testkit";

import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

export const everything: PolicyDocument["rules"][number] = {
  allow: ["see", "call", "message", "post", "invite"],
};
export const mayApprove = (...who: string[]): PolicyDocument["rules"][number] => ({ allow: ["approve"], who });

export interface ApprovalScene extends AsyncDisposable {
  readonly scope: MeshScope;
  readonly caller: Joined;
  readonly agent: Joined;
  readonly ada: Joined;
  readonly ben: Joined;
  /** Between the agent and its registry. */
  readonly proxy: RegistryProxy;
  /** Inputs that the agent really worked on. */
  readonly worked: unknown[];
}

/** An agent whose deploy needs a yes of `quorum` of @ada and @ben. */
export async function approvalScene(quorum = 1): Promise<ApprovalScene> {
  const scope = await MeshScope.start();
  const proxy = await RegistryProxy.start(scope.mesh.origin);
  const [caller, agent] = [await scope.join("caller"), await scope.join("agent", { registry: proxy.origin })];
  const [ada, ben] = [await scope.join("ada", { kind: "person" }), await scope.join("ben", { kind: "person" })];
  const worked: unknown[] = [];
  agent.device.serve((task) => {
    worked.push(task.input);
    return Promise.resolve("done");
  });
  await agent.device.publishCard(testCard(agent.device, [{ id: "deploy" }, { id: "status" }]));
  const rules = [
    everything,
    { allow: ["call" as const], skills: ["deploy"], approval: { quorum } },
    mayApprove("@ada", "@ben", "@caller"),
  ];
  const number = await scope.mesh.orders.publishPolicy({ rules });
  for (const { joined } of [caller, agent, ada, ben]) await until(() => joined.trust.orderNumbers.policy === number);
  return {
    scope,
    caller,
    agent,
    ada,
    ben,
    worked,
    proxy,
    async [Symbol.asyncDispose]() {
      await scope[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** The request that a person is asked, once it is there. */
export async function asked(who: Joined): Promise<string> {
  const { asked: one } = await who.events.first("approval-asked");
  return one.request;
}

/** Hands an agent an answer in somebody's name that this one's library would not make. */
export async function forge(
  { agent, proxy }: ApprovalScene,
  from: Joined,
  request: string,
  statement: string,
): Promise<void> {
  const writer = new FrameWriter();
  const envelope = testEnvelope(JSON.stringify({ type: "answer", request, statement }), {
    created: Date.now(),
    kind: envelopeKinds.approval,
  });
  const epoch = toBase64url(systemRandom.bytes(16));
  writer.data({ class: "durable", epoch, base: 1, firstSeq: 1 }, [envelope]);
  const { member, device } = from.identity;
  const sealer = new FrameSealer({ mesh: agent.device.mesh, member, device, random: systemRandom });
  const { verified, devices } = await from.device.memberOf(agent.device.member);
  const { encryption } = verified;
  const to = { member: verified.member, device: agent.device.device, encryption, boot: devices[0]?.boot, store: false };
  const { bytes } = await sealer.seal(writer.finish().slice(), { ...to, expires: 0 });
  proxy.inject(encodeDelivery({ mailbox: undefined, frame: bytes }));
}

/** Publishes other rules, and waits until everybody has them. */
export async function rule({ scope, ...mesh }: ApprovalScene, rules: PolicyDocument["rules"]): Promise<void> {
  const number = await scope.mesh.orders.publishPolicy({ rules });
  for (const { joined } of [mesh.caller, mesh.agent, mesh.ada, mesh.ben])
    await until(() => joined.trust.orderNumbers.policy === number);
}

/** Rules under which a deploy needs so many of @ada and @ben. */
export const deployRules = (quorum = 1, ...approvers: string[]): PolicyDocument["rules"] => [
  everything,
  { allow: ["call"], skills: ["deploy"], approval: { quorum } },
  mayApprove(...(approvers.length === 0 ? ["@ada", "@ben", "@caller"] : approvers)),
];

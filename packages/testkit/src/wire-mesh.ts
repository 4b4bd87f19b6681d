import {
  httpErrorSchema,
  type ListedOperator,
  type NodeInfo,
  type PairingState,
  ParleyError,
  type Role,
  type Statement,
} from "@parley/protocol";

import { TestDevice } from "./test-device.ts";
import { TestIdentity, type TestIdentityOptions } from "./test-identity.ts";

/** Calls a route. Rejects with the coded error of the answer. */
export async function callRegistry<Reply>(
  origin: string,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<Reply> {
  const sent =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${origin}${path}`, { method, ...sent });
  const answer: unknown = await response.json();
  if (response.ok) return answer as Reply;
  const { error } = httpErrorSchema.parse(answer);
  throw new ParleyError(error.code, { message: error.message });
}

export interface JoinOptions extends TestIdentityOptions {
  readonly roles?: readonly Role[];
}

/** A claimed mesh on a running registry, with its first operator connected. */
export class WireMesh {
  readonly origin: string;
  readonly mesh: string;
  readonly operator: TestDevice;

  private constructor(origin: string, mesh: string, operator: TestDevice) {
    this.origin = origin;
    this.mesh = mesh;
    this.operator = operator;
  }

  static async claim(origin: string, secret: string): Promise<WireMesh> {
    const operator = await TestIdentity.create("olivia", { kind: "person" });
    const { node, key } = await callRegistry<NodeInfo>(origin, "GET", "/node");
    const { mesh, body } = await operator.claim(secret, { node, key });
    await callRegistry(origin, "POST", "/claim", body);
    return new WireMesh(origin, mesh, await TestDevice.open(origin, operator, mesh));
  }

  /** Opens an invite link as the operator. */
  async invite(): Promise<string> {
    return (await this.operator.request("invite.create", { kind: "link" })).secret;
  }

  /** The operator sets so far. */
  async operators(): Promise<readonly string[]> {
    return (await callRegistry<NodeInfo>(this.origin, "GET", "/node")).operators ?? [];
  }

  /** Publishes the next operator set as the first operator. */
  async publishOperators(list: readonly ListedOperator[], change: Partial<Statement<"operators">> = {}): Promise<void> {
    const operators = await this.operator.identity.operators(this.mesh, await this.operators(), list, change);
    await this.operator.request("operators.publish", { operators });
  }

  /** Asks to join. */
  async pair(identity: TestIdentity, secret: string): Promise<PairingState> {
    const body = { secret, request: await identity.pairing(this.mesh), devices: await identity.deviceList(this.mesh) };
    return callRegistry(this.origin, "POST", "/pairings", body);
  }

  /** Lets a member in that asked. With an operator's role it is one, beside the first operator, by the operator set as well. */
  async approve(pairing: string, identity: TestIdentity, roles: readonly Role[] = ["member"]): Promise<void> {
    if (roles.includes("admin") || roles.includes("operator"))
      await this.publishOperators([this.operator.identity.listed(), identity.listed(roles.includes("admin"))]);
    const change = { name: identity.name, kind: identity.kind, roles: [...roles] };
    const admission = await this.operator.identity.admit(this.mesh, identity.member, change);
    await this.operator.request("pairing.approve", { pairing, admission });
  }

  /** A new member, let in. */
  async admit(name: string, options: JoinOptions = {}): Promise<TestIdentity> {
    const identity = await TestIdentity.create(name, options);
    const { pairing } = await this.pair(identity, await this.invite());
    await this.approve(pairing, identity, options.roles);
    return identity;
  }

  open(identity: TestIdentity, options: Parameters<typeof TestDevice.open>[3] = {}): Promise<TestDevice> {
    return TestDevice.open(this.origin, identity, this.mesh, options);
  }

  /** A new member, let in and connected. */
  async join(name: string, options: JoinOptions = {}): Promise<TestDevice> {
    return this.open(await this.admit(name, options));
  }
}

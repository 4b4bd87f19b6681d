import { approveOperators, createSigner, sha256, type Signer, signStatement } from "@parley/core";
import { limits, type ListedOperator, type MemberKind, type Role, type Statement, toBase64url } from "@parley/protocol";

import { testCard } from "./test-card.ts";

const dayMs = 86_400_000;

const randomId = (bytes: number): string => toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));

/** A 16-byte id in base64url. */
export const randomId16 = (): string => randomId(16);

export interface TestIdentityOptions {
  readonly kind?: MemberKind;
  /** Devices of the member. Default 1. */
  readonly devices?: number;
}

/** A member with its keys, and every statement that it or an operator says about it. */
export class TestIdentity {
  readonly name: string;
  readonly kind: MemberKind;
  readonly root: Signer;
  readonly devices: readonly Signer[];
  readonly encryption = { kid: randomId(8), key: randomId(32) };

  private constructor(name: string, kind: MemberKind, root: Signer, devices: readonly Signer[]) {
    this.name = name;
    this.kind = kind;
    this.root = root;
    this.devices = devices;
  }

  static async create(name: string, options: TestIdentityOptions = {}): Promise<TestIdentity> {
    const devices = await Promise.all(Array.from({ length: options.devices ?? 1 }, () => createSigner("device")));
    return new TestIdentity(name, options.kind ?? "agent", await createSigner("member"), devices);
  }

  get member(): string {
    return this.root.id;
  }

  /** The first device, or another by its place. */
  device(index = 0): Signer {
    const device = this.devices[index];
    if (device === undefined) throw new RangeError(`no device ${index}`);
    return device;
  }

  deviceList(mesh: string, change: Partial<Statement<"devices">> = {}): Promise<string> {
    const iat = Date.now();
    const devices = this.devices.map(({ id, publicKey }) => ({
      device: id,
      key: publicKey,
      label: "test",
      since: iat,
    }));
    return signStatement(
      "devices",
      { mesh, member: this.member, number: 1, devices, encryption: this.encryption, iat, ...change },
      this.root,
    );
  }

  pairing(mesh: string, change: Partial<Statement<"pairing">> = {}): Promise<string> {
    const request = {
      mesh,
      root: this.root.publicKey,
      name: this.name,
      kind: this.kind,
      label: "test",
      nonce: randomId16(),
      iat: Date.now(),
    };
    return signStatement("pairing", { ...request, ...change }, this.root);
  }

  /** A card with these skills. */
  card(mesh: string, number: number, skills: Parameters<typeof testCard>[1]): Promise<string> {
    return signStatement("card", { mesh, member: this.member, number, card: testCard(this, skills) }, this.root);
  }

  /** As an operator: lets a member in. */
  admit(mesh: string, member: string, change: Partial<Statement<"admission">> = {}): Promise<string> {
    const iat = Date.now();
    const roles: Role[] = ["member"];
    const admission = {
      mesh,
      member,
      name: "somebody",
      kind: "agent" as const,
      roles,
      number: 1,
      iat,
      exp: iat + dayMs,
    };
    return signStatement("admission", { ...admission, ...change }, this.root);
  }

  /** As an operator: the set that follows a chain. */
  async operators(
    mesh: string,
    chain: readonly string[],
    operators: readonly ListedOperator[],
    change: Partial<Statement<"operators">> = {},
  ): Promise<string> {
    const previous = await sha256(chain.at(-1) ?? "");
    const set = { mesh, number: chain.length + 1, previous, operators: [...operators], iat: Date.now() };
    return signStatement("operators", { ...set, ...change }, this.root);
  }

  /** As an operator: its word for the set that follows a chain. */
  async approveOperators(
    mesh: string,
    chain: readonly string[],
    operators: readonly ListedOperator[],
  ): Promise<string> {
    const change = {
      mesh,
      number: chain.length + 1,
      previous: await sha256(chain.at(-1) ?? ""),
      operators: [...operators],
    };
    const now = Date.now();
    return approveOperators(change, this.root, this.member, now, now + dayMs);
  }

  /** How an operator set lists it. */
  listed(admin = true): ListedOperator {
    return { member: this.member, key: this.root.publicKey, ...(admin ? { admin: true } : {}) };
  }

  /** As an operator: the whole list of revoked members. */
  revoke(mesh: string, number: number, members: readonly string[]): Promise<string> {
    const at = Date.now();
    return signStatement(
      "revocations",
      { mesh, number, revoked: members.map((member) => ({ member, at })), iat: at },
      this.root,
    );
  }

  session(mesh: string, challenge: string, change: Partial<Statement<"session">> = {}, index = 0): Promise<string> {
    const device = this.device(index);
    const statement = {
      mesh,
      member: this.member,
      device: device.id,
      boot: randomId16(),
      challenge,
      nonce: randomId16(),
      versions: [1],
      version: 1,
      suite: 1,
      iat: Date.now(),
    };
    return signStatement("session", { ...statement, ...change }, device);
  }

  /** As the first operator of a new mesh: what a claim carries, and the id that the mesh will have. */
  async claim(
    secret: string,
    node: { node: string; key: string },
  ): Promise<{ mesh: string; body: Record<string, unknown> }> {
    const iat = Date.now();
    const genesis = await signStatement(
      "genesis",
      { nonce: randomId16(), operators: [{ member: this.member, key: this.root.publicKey }], iat },
      this.root,
    );
    const mesh = toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(genesis))));
    const certificate = await signStatement(
      "node",
      { mesh, node: node.node, key: node.key, iat, exp: iat + limits.leaseMs * 365 },
      this.root,
    );
    const admission = await this.admit(mesh, this.member, {
      name: this.name,
      kind: this.kind,
      roles: ["operator", "admin"],
    });
    return {
      mesh,
      body: {
        secret,
        genesis,
        certificate,
        root: this.root.publicKey,
        admission,
        devices: await this.deviceList(mesh),
      },
    };
  }
}

import { createSigner, MeshTrust, sha256, type Signer, signStatement } from "@parley/core";
import { type MemberRecord, type Statement, toBase64url } from "@parley/protocol";

export const now = Date.UTC(2026, 0, 1);
export const dayMs = 86_400_000;

const id = (length: number): string => toBase64url(crypto.getRandomValues(new Uint8Array(length)));

/** A member with its keys, and what it may say. */
export class Person {
  readonly root: Signer;
  readonly device: Signer;

  private constructor(root: Signer, device: Signer) {
    this.root = root;
    this.device = device;
  }

  static async create(): Promise<Person> {
    return new Person(await createSigner("member"), await createSigner("device"));
  }

  get member(): string {
    return this.root.id;
  }

  devices(mesh: string, change: Partial<Statement<"devices">> = {}, signer = this.root): Promise<string> {
    const devices = [{ device: this.device.id, key: this.device.publicKey, label: "laptop", since: now }];
    return signStatement(
      "devices",
      { mesh, member: this.member, number: 1, devices, encryption: { kid: id(8), key: id(32) }, iat: now, ...change },
      signer,
    );
  }

  card(mesh: string, change: Partial<Statement<"card">> = {}, signer = this.root): Promise<string> {
    const card: Statement<"card">["card"] = {
      name: "Agent",
      description: "",
      version: "1",
      supportedInterfaces: [{ url: "parley:x", protocolBinding: "b", protocolVersion: "1.0" }],
      capabilities: {},
      defaultInputModes: ["text/plain"],
      defaultOutputModes: ["text/plain"],
      skills: [],
    };
    return signStatement("card", { mesh, member: this.member, number: 1, card, ...change }, signer);
  }
}

/** A mesh with one operator, who may say anything about anybody. */
export class FixedMesh {
  readonly operator: Person;
  readonly mesh: string;
  readonly genesis: string;

  private constructor(operator: Person, mesh: string, genesis: string) {
    this.operator = operator;
    this.mesh = mesh;
    this.genesis = genesis;
  }

  static async create(): Promise<FixedMesh> {
    const operator = await Person.create();
    const operators = [{ member: operator.member, key: operator.root.publicKey }];
    const genesis = await signStatement("genesis", { nonce: id(16), operators, iat: now }, operator.root);
    return new FixedMesh(operator, await sha256(genesis), genesis);
  }

  pin(options: { now?: () => number; onChange?: () => void } = {}): Promise<MeshTrust> {
    return MeshTrust.pin([this.genesis], { mesh: this.mesh }, { now: () => now, ...options });
  }

  operators(
    previous: string,
    people: readonly Person[],
    change: Partial<Statement<"operators">> = {},
    signer = this.operator.root,
  ): Promise<string> {
    const operators = people.map(({ member, root }) => ({ member, key: root.publicKey, admin: true as const }));
    return sha256(previous).then((hash) =>
      signStatement(
        "operators",
        { mesh: this.mesh, number: 2, previous: hash, operators, iat: now, ...change },
        signer,
      ),
    );
  }

  admission(
    member: string,
    change: Partial<Statement<"admission">> = {},
    signer = this.operator.root,
  ): Promise<string> {
    return signStatement(
      "admission",
      {
        mesh: this.mesh,
        member,
        name: "alice",
        kind: "agent",
        roles: ["member"],
        number: 1,
        iat: now,
        exp: now + dayMs,
        ...change,
      },
      signer,
    );
  }

  revocations(number: number, members: readonly string[], signer = this.operator.root): Promise<string> {
    const revoked = members.map((member) => ({ member, at: now }));
    return signStatement("revocations", { mesh: this.mesh, number, revoked, iat: now }, signer);
  }

  node(node: Signer, change: Partial<Statement<"node">> = {}, signer = this.operator.root): Promise<string> {
    return signStatement(
      "node",
      { mesh: this.mesh, node: node.id, key: node.publicKey, iat: now, exp: now + dayMs, ...change },
      signer,
    );
  }

  async record(person: Person, change: Partial<MemberRecord> & { readonly name?: string } = {}): Promise<MemberRecord> {
    const { name = "alice", ...rest } = change;
    return {
      root: person.root.publicKey,
      rotations: [],
      admission: await this.admission(person.member, { name }),
      devices: await person.devices(this.mesh),
      ...rest,
    };
  }
}

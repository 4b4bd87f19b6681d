/**
 * A whole mesh in one process: a real registry on loopback, real devices, real links when a factory is given. For
 * integration tests and the bench.
 */
import {
  awaitAdmission,
  Device,
  type DeviceOptions,
  createIdentityDraft,
  enrolDevice,
  type Identity,
  type JoinedMesh,
  MemberDevices,
  Operator,
  type OperatorOrders,
  pairWithLink,
} from "@parley/client";
import {
  type Clock,
  createSigner,
  type Journal,
  openMemoryJournal,
  openMemoryStores,
  type Signer,
  type Stores,
  systemClock,
} from "@parley/core";
import { formatInviteLink, ParleyError, parseInviteLink, type Role } from "@parley/protocol";
import { createRegistry, type Registry, type RegistryOptions } from "@parley/registry";

export interface TestMeshOptions {
  readonly stores?: Stores;
  readonly registry?: Partial<RegistryOptions>;
}

export interface TestMember {
  readonly device: Device;
  /** As it began; `TestMesh.identityOf` knows how it is now. */
  readonly identity: Identity;
  readonly joined: JoinedMesh;
  readonly journal: Journal;
}

export type MemberOptions = Partial<Omit<DeviceOptions, "identity" | "trust">> & {
  readonly kind?: "agent" | "person";
  /** Default: member. */
  readonly roles?: readonly Role[];
};

export type AddDeviceOptions = Partial<Omit<DeviceOptions, "identity" | "registry" | "trust">> & {
  /** Default: by its number. */
  readonly label?: string;
  /** Whether its private keys may leave it, see `enrolDevice`. Default true. */
  readonly extractable?: boolean;
};

export class TestMesh {
  readonly stores: Stores;
  readonly nodeKey: Signer;
  readonly #options: TestMeshOptions;
  readonly #devices: Device[] = [];
  /** What each device keeps of its keys. */
  readonly #identities = new Map<Device, Identity>();
  #registry: Registry;
  #port = 0;
  #origin = "";
  #operator: TestMember | undefined;

  private constructor(stores: Stores, nodeKey: Signer, options: TestMeshOptions) {
    this.stores = stores;
    this.nodeKey = nodeKey;
    this.#options = options;
    this.#registry = this.#create();
  }

  /** A claimed mesh with its first operator connected. */
  static async start(options: TestMeshOptions = {}): Promise<TestMesh> {
    const stores = options.stores ?? openMemoryStores({ clock: systemClock });
    const mesh = new TestMesh(stores, await createSigner("node"), options);
    await mesh.startRegistry();
    await mesh.#claim();
    return mesh;
  }

  get origin(): string {
    return this.#origin;
  }

  get operator(): TestMember {
    if (this.#operator === undefined) throw new ParleyError("not_found");
    return this.#operator;
  }

  /** Starts the registry again on the port it had. */
  async startRegistry(): Promise<void> {
    this.#registry = this.#create();
    const { origin, port } = await this.#registry.start();
    this.#origin = origin;
    this.#port = port;
  }

  async stopRegistry(): Promise<void> {
    await this.#registry.stop();
  }

  /** A new member, invited, approved and connected. */
  async join(name: string, options: MemberOptions = {}): Promise<TestMember> {
    const operator = this.acts();
    const { text } = await operator.createInvite({ kind: "link" });
    const draft = await createIdentityDraft({ name, kind: options.kind ?? "agent", label: "test" });
    const pending = await pairWithLink(draft, parseInviteLink(text));
    if (!("pairing" in pending)) throw new ParleyError("internal");
    const { roles, ...rest } = options;
    await operator.approve(await operator.pendingOf(pending.pairing), roles === undefined ? {} : { roles });
    return this.open(await awaitAdmission(pending), rest);
  }

  /** A device of a member that was let in. */
  async open(joined: JoinedMesh, options: MemberOptions = {}): Promise<TestMember> {
    const { kind: _, roles: _roles, journal = openMemoryJournal(), keepIdentity, ...rest } = options;
    const holder: { device?: Device } = {};
    const device = await Device.open({
      identity: joined.identity,
      registry: this.#origin,
      trust: joined.trust,
      journal,
      // Tests are about what is said, not about being introduced, unless they say so.
      strangers: "take",
      keepIdentity: async (changed) => {
        if (holder.device !== undefined) this.#identities.set(holder.device, changed);
        await keepIdentity?.(changed);
      },
      ...rest,
    });
    holder.device = device;
    this.#identities.set(device, joined.identity);
    this.#devices.push(device);
    await device.start();
    return { device, identity: joined.identity, joined, journal };
  }

  /** One more device of a member, enrolled as a real one is: `member` opens the link, the new device asks and is let in. */
  async addDevice(member: TestMember, options: AddDeviceOptions = {}): Promise<TestMember> {
    const { label = `device ${this.#devices.length + 1}`, extractable = true, ...rest } = options;
    const { clock } = rest;
    const invite = await this.devicesOf(member, clock).invite();
    const [joined] = await Promise.all([
      enrolDevice(parseInviteLink(invite.text), { label, extractable, ...(clock === undefined ? {} : { clock }) }),
      invite.enrolled(),
    ]);
    return this.open(joined, rest);
  }

  /** A device's keys and list as they are now. */
  identityOf(member: TestMember): Identity {
    return this.#identities.get(member.device) ?? member.identity;
  }

  /** What lists, invites and removes a member's devices. Changes need the device that the member joined with. */
  devicesOf(member: TestMember, clock: Clock = systemClock): MemberDevices {
    return new MemberDevices({
      clock,
      device: member.device,
      identity: () => this.identityOf(member),
      trust: () => member.joined.trust,
      registry: this.#origin,
    });
  }

  /** Revokes a member. */
  /** What its operator orders. */
  get orders(): OperatorOrders {
    return this.acts().orders;
  }

  async revoke(name: string): Promise<void> {
    await this.acts().revoke(name);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.stop()));
    await this.#registry.stop();
    await this.stores.close();
  }

  /** What a member does as an operator; by default the first one. */
  acts({ device, identity, joined }: TestMember = this.operator): Operator {
    return new Operator({ device, root: identity.root, trust: () => joined.trust, registry: this.#origin });
  }

  #create(): Registry {
    return createRegistry({ stores: this.stores, nodeKey: this.nodeKey, port: this.#port, ...this.#options.registry });
  }

  async #claim(): Promise<void> {
    const secret = this.#registry.claimSecret ?? "";
    const link = formatInviteLink({
      registry: this.#origin,
      payload: { v: 1, kind: "claim", secret, node: this.nodeKey.id },
    });
    const draft = await createIdentityDraft({ name: "op", kind: "person", label: "test" });
    const joined = await pairWithLink(draft, parseInviteLink(link));
    if (!("admission" in joined)) throw new ParleyError("internal");
    this.#operator = await this.open(joined);
  }
}

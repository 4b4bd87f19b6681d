import { createSigner, type GroupDevice, type GroupDeviceKey, type GroupState, type Signer } from "@parley/core";
import { sha256 } from "@parley/core";

import { MlsGroups } from "../src/index.ts";

/** The signed device lists of a mesh, as far as groups ask for them. */
export class DeviceLists {
  readonly mesh: string;
  readonly #keys = new Map<string, string>();
  /** Devices that were on a list and are not any more. */
  readonly gone = new Set<string>();

  constructor(mesh: string) {
    this.mesh = mesh;
  }

  list(device: string, key: string): void {
    this.#keys.set(device, key);
  }

  get listed(): readonly { readonly device: string; readonly key: string }[] {
    return [...this.#keys].map(([device, key]) => ({ device, key }));
  }

  readonly deviceKey: GroupDeviceKey = ({ device }, why) => {
    const mayBe = why === "follow" || !this.gone.has(device);
    return Promise.resolve(mayBe ? this.#keys.get(device) : undefined);
  };

  /** A device of a member; its key is its own signer's. */
  async device(member: string): Promise<TestDevice> {
    const signer = await createSigner("device");
    this.list(signer.id, signer.publicKey);
    return new TestDevice(this, await sha256(`member ${member}`), signer);
  }
}

export async function newLists(): Promise<DeviceLists> {
  return new DeviceLists(await sha256("mesh"));
}

/** A device with its adapter and the one state that it holds. */
export class TestDevice {
  readonly id: GroupDevice;
  readonly groups: MlsGroups;
  #state: GroupState | undefined;

  constructor(lists: DeviceLists, member: string, device: Signer) {
    this.id = { member, device: device.id };
    this.groups = new MlsGroups({ mesh: lists.mesh, member, device, deviceKey: lists.deviceKey });
  }

  get state(): GroupState {
    if (this.#state === undefined) throw new Error("this device has no group");
    return this.#state;
  }

  set state(state: GroupState) {
    this.#state = state;
  }

  /** What a restart does. */
  reload(): void {
    this.#state = this.groups.decode(this.groups.encode(this.state));
  }

  async seal(text: string, beside = ""): Promise<Uint8Array> {
    const { state, message } = await this.groups.seal(this.state, bytesOf(text), bytesOf(beside));
    this.#state = state;
    return message;
  }

  /** The text, and who sealed it. */
  async open(message: Uint8Array): Promise<{ readonly text: string; readonly from: GroupDevice }> {
    const { state, content, from } = await this.groups.open(this.state, message);
    this.#state = state;
    return { text: new TextDecoder().decode(content), from };
  }

  async process(commit: Uint8Array): Promise<void> {
    this.#state = (await this.groups.processCommit(this.state, commit)).state;
  }
}

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A group of so many devices of as many members; the first one made it. */
export async function groupOf(lists: DeviceLists, size: number, channel = "channel"): Promise<readonly TestDevice[]> {
  const devices = await Promise.all(Array.from({ length: size }, (_, index) => lists.device(`m${index}`)));
  const [first, ...others] = devices;
  if (first === undefined) throw new Error("a group has at least one device");
  first.state = await first.groups.createGroup(await sha256(channel));
  if (others.length === 0) return devices;
  const packages = await Promise.all(others.map(({ groups }) => groups.makeKeyPackage()));
  const made = await first.groups.commit(first.state, { add: packages.map(({ keyPackage }) => keyPackage) });
  first.state = made.state;
  const welcome = made.welcome ?? new Uint8Array();
  for (const [index, other] of others.entries()) {
    const secret = packages[index]?.secret ?? new Uint8Array();
    other.state = (await other.groups.joinByWelcome(welcome, [secret])).state;
  }
  return devices;
}

/** One commits, the others follow; those who were removed keep their last state. */
export async function commitAmong(
  devices: readonly TestDevice[],
  by: TestDevice,
  change: Parameters<MlsGroups["commit"]>[1] = {},
): Promise<Awaited<ReturnType<MlsGroups["commit"]>>> {
  const made = await by.groups.commit(by.state, change);
  for (const device of devices) if (device !== by) await device.process(made.commit);
  by.state = made.state;
  return made;
}

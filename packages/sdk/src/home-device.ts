/** The device of a home folder: through the process that holds it, else held by this one, for others too. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import {
  checkPairing,
  Device,
  type DeviceApi,
  type DeviceOptions,
  type Identity,
  type LinkSettings,
  MemberDevices,
  Operator,
} from "@parley/client";
import { DeviceLock, type Home, openAuditMarks, prepareSocketFolder } from "@parley/client/node";
import type { MeshTrust } from "@parley/core";
import { isParleyError, ParleyError } from "@parley/protocol";
import {
  type AttachedDevice,
  attachDevice,
  DeviceSocket,
  type DeviceSocketOptions,
  type SkillHost,
} from "@parley/sidecar";
import { openSqliteArchive, openSqliteJournal } from "@parley/store-sqlite";

import { Endings } from "./endings.ts";

/** A device that may be used until it is closed. */
export interface HomeDevice {
  readonly device: DeviceApi;
  readonly home: Home;
  /** Set when another process holds the device; resolves when that one goes. */
  readonly holderGone: Promise<ParleyError> | undefined;
  readonly operator: Operator;
  /** What this device believes of its mesh, the operators' orders among it; read anew where another process holds the device. */
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
  /** This member's devices. */
  readonly devices: MemberDevices;
  close(): Promise<void>;
}

export type HomeLinks = LinkSettings & { readonly factory: { close(): Promise<void> } };

/** All but `hold`, `serves`, `programs` and `signal` concern a device that this process holds. */
export interface HomeDeviceOptions extends Pick<DeviceOptions, "strangers" | "tellsRead" | "redact" | "log"> {
  /** Refuses a device that another process holds. Default false. */
  readonly hold?: boolean;
  /** Lets other programs of this person go through this process. Default true. */
  readonly serves?: boolean;
  /** The agent at work in this process, where programs may serve skills through it. */
  readonly programs?: SkillHost | undefined;
  /** Gives up waiting for the process that holds it, or is about to end. */
  readonly signal?: AbortSignal;
  /** Makes links; without them everything goes by relay and mailbox. */
  readonly links?: () => Promise<HomeLinks | undefined>;
  /** Begins what runs beside the device; answers with the way to end it. */
  readonly beside?: (device: DeviceApi) => () => void;
}

/** A holder opens its socket within this of taking the lock, and lets go of it when it ends: `lingerMs`, and what it has to write. */
const attachWaitMs = 15_000;
const attachPauseMs = 50;
/** How long a process that is done goes on for others that wait for a reply through it. */
const lingerMs = 5000;

/** A home that waits for approval asks once what became of it. Throws `not_admitted` where it is not in its mesh yet. */
export async function settlePairing(home: Home, signal?: AbortSignal): Promise<void> {
  if ((await home.pins()).state === "admitted") return;
  const { state, registry, trust, identity, pairing } = await home.mesh();
  if (state === "unconfirmed" || pairing === undefined) {
    throw new ParleyError("not_admitted", {
      message:
        "The six words of this pairing were not compared yet; run `parley pair --words '…'` with the operator's.",
    });
  }
  const outcome = await checkPairing({ registry, trust, identity, pairing }, signal === undefined ? {} : { signal });
  if (outcome.state === "pending")
    throw new ParleyError("not_admitted", {
      message: `An operator has not approved @${identity.name} yet; ask for \`parley member approve ${identity.name}\`.`,
    });
  await home.saveJoined(outcome.joined);
}

/** Opens the home's device, not connected yet. Throws `device_in_use`, `storage_unavailable`, ... */
export async function openHomeDevice(home: Home, options: HomeDeviceOptions = {}): Promise<HomeDevice> {
  const { hold = false, signal } = options;
  const deadline = performance.now() + attachWaitMs;
  for (;;) {
    const attached = hold ? undefined : await tryAttach(home);
    if (attached !== undefined) return attachedDevice(home, attached);
    const lock = DeviceLock.tryTake(home.path);
    if (lock !== undefined) return holdDevice(home, lock, options);
    if (hold || performance.now() > deadline)
      throw new ParleyError("device_in_use", {
        message: `Another process holds the device of ${home.path}; stop it, or use another home folder.`,
      });
    await pause(attachPauseMs, undefined, signal === undefined ? {} : { signal });
  }
}

/**
 * Opens the home's device and begins with it. When the process that holds it goes meanwhile, it begins again, through the next holder or
 * by holding the device. What `begin` throws otherwise closes the device.
 */
export async function beginHomeDevice(
  home: Home,
  options: HomeDeviceOptions,
  begin: (device: DeviceApi) => Promise<void>,
): Promise<HomeDevice> {
  for (;;) {
    const opened = await openHomeDevice(home, options);
    try {
      await begin(opened.device);
      return opened;
    } catch (error) {
      await opened.close();
      const holderWent = opened.holderGone !== undefined && isParleyError(error) && error.code === "closed";
      if (!holderWent || options.signal?.aborted === true) throw error;
    }
  }
}

async function tryAttach(home: Home): Promise<AttachedDevice | undefined> {
  try {
    return await attachDevice(home.socketPath);
  } catch (error) {
    if (isParleyError(error) && (error.code === "not_connected" || error.code === "closed")) return undefined;
    throw error;
  }
}

async function attachedDevice(home: Home, device: AttachedDevice): Promise<HomeDevice> {
  const { registry } = await home.pins();
  const trust = async () => (await home.pins()).trust;
  // The holder's socket needs no key: only who signs has to open them.
  const root = async () => (await home.mesh()).identity.root;
  return {
    device,
    home,
    holderGone: device.closed,
    operator: new Operator({ device, root, trust, registry }),
    trust,
    // The process that holds the device keeps the files up to date.
    devices: new MemberDevices({ device, identity: async () => (await home.mesh()).identity, trust, registry }),
    close: () => device.stop(),
  };
}

async function holdDevice(home: Home, lock: DeviceLock, options: HomeDeviceOptions): Promise<HomeDevice> {
  const endings = new Endings();
  // The lock comes last.
  endings.add(() => lock.release());
  try {
    const mesh = await home.heldMesh();
    endings.add(() => home.flush());
    let { identity } = mesh;
    const keepIdentity = async (changed: Identity): Promise<void> => {
      identity = changed;
      await mesh.keepIdentity(changed);
    };
    const { registry, trust } = mesh;
    const device = await openHeld(home, { identity, registry, trust, keepIdentity }, options, endings);
    if (options.serves !== false) await serveOthers(home, { device, host: options.programs }, endings);
    const operator = new Operator({ device, root: mesh.identity.root, trust: () => trust, registry });
    const devices = new MemberDevices({ device, identity: () => identity, trust: () => trust, registry });
    return { device, home, holderGone: undefined, operator, trust: () => trust, devices, close: endings.run };
  } catch (error) {
    await endings.run();
    throw error;
  }
}

async function openHeld(
  home: Home,
  mesh: Pick<DeviceOptions, "identity" | "registry" | "trust" | "keepIdentity">,
  {
    hold: _hold,
    serves: _serves,
    programs: _programs,
    signal: _signal,
    links: makeLinks,
    beside,
    ...settings
  }: HomeDeviceOptions,
  endings: Endings,
): Promise<DeviceApi> {
  const folder = join(home.path, "journal");
  const journal = openSqliteJournal({ dir: folder });
  endings.add(() => journal.close());
  const archive = openSqliteArchive(join(folder, "archive.sqlite"));
  endings.add(() => archive.close());
  const links = await makeLinks?.();
  if (links !== undefined) endings.add(() => links.factory.close());
  // Takes a moment to load, which a program that goes through another process does not need.
  const { MlsGroups } = await import("@parley/mls");
  const device = await Device.open({
    ...mesh,
    ...settings,
    journal,
    archive,
    auditMemory: openAuditMarks(home.path),
    groups: (groupOptions) => new MlsGroups(groupOptions),
    ...(links === undefined ? {} : { links }),
  });
  endings.add(() => device.stop());
  if (beside !== undefined) endings.add(beside(device));
  return device;
}

async function serveOthers(
  home: Home,
  served: Pick<DeviceSocketOptions, "device" | "host">,
  endings: Endings,
): Promise<void> {
  await prepareSocketFolder(home.socketPath);
  const socket = await DeviceSocket.open({ ...served, path: home.socketPath });
  endings.add(async () => {
    await socket.settle(lingerMs);
    await socket.close();
  });
}

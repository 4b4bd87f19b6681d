/** How commands reach the home's device: through the process that holds it, else by holding it themselves. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import type { ManifestContent } from "@parley/agent";
import {
  checkPairing,
  Device,
  type DeviceApi,
  type DeviceOptions,
  type Identity,
  type LinkSettings,
  type LogLine,
  MemberDevices,
  Operator,
} from "@parley/client";
import { DeviceLock, Home, type HomeMesh, prepareSocketFolder } from "@parley/client/node";
import type { IceServer } from "@parley/core";
import type { NodeLinkFactory } from "@parley/peer/node";
import { type ExitCode, isParleyError, ParleyError } from "@parley/protocol";
import { type AttachedDevice, attachDevice, DeviceSocket } from "@parley/sidecar";
import { openSqliteArchive, openSqliteJournal } from "@parley/store-sqlite";

import type { CommandContext } from "./command-context.ts";
import { processLog } from "./log-line.ts";
import { lookOut } from "./network-lookout.ts";
import { ownIceServers } from "./own-ice-servers.ts";

/** A device that a command may use until it closes it. */
export interface OpenDevice {
  readonly device: DeviceApi;
  readonly home: Home;
  /** Set when another process holds the device; resolves when that one goes. */
  readonly holderGone: Promise<ParleyError> | undefined;
  readonly operator: Operator;
  /** This member's devices. */
  readonly devices: MemberDevices;
  close(): Promise<void>;
}

export interface OpenDeviceOptions {
  /** Refuses a device that another process holds, as one that serves tasks must. Default false. */
  readonly hold?: boolean;
  /** It stays and is called by others: worth a look at the network. Default: as `hold`. */
  readonly stays?: boolean;
  /** What agent.yaml says of links; flags, variables and parley.yaml go before it. */
  readonly links?: ManifestContent["links"];
  /** Lets other commands go through this process. Default true. */
  readonly serves?: boolean;
  /** Milliseconds to wait for the registry. Default `connectMs`; a command that can do without it says nothing of the wait. */
  readonly patienceMs?: number;
  /** Does not wait for the registry: what the device remembers is enough to begin with. Default false. */
  readonly atOnce?: boolean;
  /** Writes no log: its lines would stand in the middle of a screen. Default false. */
  readonly quiet?: boolean;
}

/** A holder opens its socket within this of taking the lock. */
const attachWaitMs = 5000;
const attachPauseMs = 50;
/** Without a session after this the registry counts as not reachable. */
const connectMs = 10_000;
/** How long a command that is done goes on for others that wait for a reply through it. */
const lingerMs = 5000;
/** What a command that can do without the registry waits for it. */
export const briefMs = 3000;

export const openHome = (context: CommandContext): Promise<Home> => Home.open(context.settings.home.path);

/** Opens the home's device and waits until it is connected. Throws `not_admitted`, `unreachable`, `device_in_use`, ... */
export async function openDevice(context: CommandContext, options: OpenDeviceOptions = {}): Promise<OpenDevice> {
  const home = await openHome(context);
  await settlePairing(home, context.signal);
  const opened = await attachOrHold(home, context, options);
  try {
    if (options.atOnce !== true) await connect(opened.device, context, options.patienceMs);
    // Whether it is connected, and why not, is told by its events.
    else opened.device.start({ signal: context.signal }).catch(() => undefined);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** A home that waits for approval asks once what became of it. */
async function settlePairing(home: Home, signal: AbortSignal): Promise<void> {
  const { state, registry, trust, identity, pairing } = await home.mesh();
  if (state === "admitted") return;
  if (state === "unconfirmed" || pairing === undefined) {
    throw new ParleyError("not_admitted", {
      message:
        "The six words of this pairing were not compared yet; run `parley pair --words '…'` with the operator's.",
    });
  }
  const outcome = await checkPairing({ registry, trust, identity, pairing }, { signal });
  if (outcome.state === "pending")
    throw new ParleyError("not_admitted", {
      message: `An operator has not approved @${identity.name} yet; ask for \`parley member approve ${identity.name}\`.`,
    });
  await home.saveJoined(outcome.joined);
}

async function attachOrHold(home: Home, context: CommandContext, options: OpenDeviceOptions): Promise<OpenDevice> {
  const hold = options.hold === true;
  const deadline = performance.now() + attachWaitMs;
  for (;;) {
    const attached = hold ? undefined : await tryAttach(home);
    if (attached !== undefined) return attachedDevice(home, attached);
    const lock = DeviceLock.tryTake(home.path);
    if (lock !== undefined) return holdDevice(home, lock, context, options);
    if (hold || performance.now() > deadline)
      throw new ParleyError("device_in_use", {
        message: `Another process holds the device of ${home.path}; stop it, or use another home folder.`,
      });
    await pause(attachPauseMs, undefined, { signal: context.signal });
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

async function attachedDevice(home: Home, device: AttachedDevice): Promise<OpenDevice> {
  const { registry, identity } = await home.mesh();
  const trust = async () => (await home.mesh()).trust;
  return {
    device,
    home,
    holderGone: device.closed,
    operator: new Operator({ device, root: identity.root, trust, registry }),
    // The process that holds the device keeps the files up to date.
    devices: new MemberDevices({ device, identity: async () => (await home.mesh()).identity, trust, registry }),
    close: () => device.stop(),
  };
}

/** What has to be undone, last thing first. */
type Undo = () => void | Promise<void>;

/** A command that ends by itself reports what went wrong once, as its error. */
function logLevel({ settings }: CommandContext, long: boolean): string {
  return long || settings.isSet("log") ? settings.get("log") : "error";
}

/** What becomes of the session is said in words by a command that stays; nobody needs it twice. */
function deviceLog(context: CommandContext, long: boolean): LogLine {
  const log = processLog(logLevel(context, long), context.out.json);
  if (context.out.json || context.settings.isSet("log")) return log;
  return (level, event, facts) => {
    if (event !== "session") log(level, event, facts);
  };
}

async function holdDevice(
  home: Home,
  lock: DeviceLock,
  context: CommandContext,
  options: OpenDeviceOptions,
): Promise<OpenDevice> {
  const undo: Undo[] = [() => lock.release()];
  const close = async (): Promise<void> => {
    const results: PromiseSettledResult<void>[] = [];
    // Each step runs even when one before it failed: the lock comes last.
    for (const step of undo.splice(0).reverse()) results.push(...(await Promise.allSettled([(async () => step())()])));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
  try {
    const mesh = await home.heldMesh();
    undo.push(() => home.flush());
    const log: LogLine = options.quiet === true ? () => undefined : deviceLog(context, options.hold === true);
    let { identity } = mesh;
    const keepIdentity = async (changed: Identity): Promise<void> => {
      identity = changed;
      await mesh.keepIdentity(changed);
    };
    const device = await openHeld({ ...mesh, keepIdentity }, home, undo, context, log, options);
    if (options.serves !== false) await serveOthers(home, device, undo);
    const operator = new Operator({
      device,
      root: mesh.identity.root,
      trust: () => mesh.trust,
      registry: mesh.registry,
    });
    const devices = new MemberDevices({
      device,
      identity: () => identity,
      trust: () => mesh.trust,
      registry: mesh.registry,
    });
    return { device, home, holderGone: undefined, operator, devices, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function serveOthers(home: Home, device: DeviceApi, undo: Undo[]): Promise<void> {
  await prepareSocketFolder(home.socketPath);
  const socket = await DeviceSocket.open({ device, path: home.socketPath });
  undo.push(async () => {
    await socket.settle(lingerMs);
    await socket.close();
  });
}

async function openHeld(
  mesh: HomeMesh,
  home: Home,
  undo: Undo[],
  context: CommandContext,
  log: LogLine,
  { links: own = {}, hold = false, stays = hold }: OpenDeviceOptions,
): Promise<DeviceApi> {
  const folder = join(home.path, "journal");
  const journal = openSqliteJournal({ dir: folder });
  undo.push(() => journal.close());
  const archive = openSqliteArchive(join(folder, "archive.sqlite"));
  undo.push(() => archive.close());
  const links = await linkSettings(context, log, own);
  if (links !== undefined) undo.push(() => links.factory.close());
  // Takes a moment to load, which a command that goes through another process does not need.
  const { MlsGroups } = await import("@parley/mls");
  const device = await Device.open({
    identity: mesh.identity,
    registry: mesh.registry,
    trust: mesh.trust,
    keepIdentity: mesh.keepIdentity,
    journal,
    archive,
    log,
    ...conversationSettings(context),
    groups: (options) => new MlsGroups(options),
    ...(links === undefined ? {} : { links }),
  });
  undo.push(() => device.stop());
  if (links !== undefined && stays) undo.push(lookOut({ ...links, device, address: links.bindAddress, log }));
  return device;
}

/** Whom the device takes messages from, and what it tells of them. */
function conversationSettings({ settings }: CommandContext): Pick<DeviceOptions, "strangers" | "tellsRead"> {
  const strangers = settings.get("strangers");
  return {
    tellsRead: settings.get("read-receipts") === "send",
    ...(strangers === "ask" || strangers === "take" ? { strangers } : {}),
  };
}

type HeldLinks = LinkSettings & { readonly factory: NodeLinkFactory; readonly iceServers: readonly IceServer[] };

/** Links on node-datachannel; none, and so relay and mailbox only, on a platform without its binary. */
async function linkSettings(
  { settings }: CommandContext,
  log: LogLine,
  own: ManifestContent["links"],
): Promise<HeldLinks | undefined> {
  const bindAddress = settings.get("link-address") ?? own.bindAddress;
  const portRange = settings.get("link-ports") ?? own.portRange;
  const wanted = settings.isSet("link-policy") ? settings.get("link-policy") : (own.policy ?? "all");
  const policy = wanted === "relay" ? "relay" : "all";
  const interfaces = settings.get("link-interfaces");
  const iceServers = ownIceServers(settings);
  try {
    const { NodeLinkFactory } = await import("@parley/peer/node");
    return {
      factory: new NodeLinkFactory(interfaces === undefined ? {} : { interfaces }),
      policy,
      iceServers,
      ...(bindAddress === undefined ? {} : { bindAddress }),
      ...(portRange === undefined ? {} : { portRange }),
    };
  } catch (error) {
    if (isParleyError(error)) throw new ParleyError("invalid_config", { message: `link-interfaces: ${error.message}` });
    log("warn", "links.unavailable", { reason: error instanceof Error ? error.message : "unknown" });
    return undefined;
  }
}

async function connect(device: DeviceApi, context: CommandContext, patienceMs?: number): Promise<void> {
  if (device.state === "connected") return;
  let last: { code: ParleyError["code"]; message: string } | undefined;
  const unwatch = device.watch((event) => {
    if (event.type !== "session" || event.error === undefined) return;
    if (last === undefined && event.state === "waiting" && patienceMs === undefined)
      context.out.note(`${event.error.message} Trying for ${connectMs / 1000} s.`);
    last = event.error;
  });
  const timeout = AbortSignal.timeout(patienceMs ?? connectMs);
  try {
    context.out.progress("connecting to the registry…");
    await device.start({ signal: AbortSignal.any([context.signal, timeout]) });
  } catch (error) {
    if (!timeout.aborted || context.signal.aborted) throw error;
    throw last === undefined
      ? new ParleyError("unreachable", {
          message: "The registry does not answer; check that `parley up` runs, and see `parley doctor`.",
        })
      : new ParleyError(last.code, { message: last.message });
  } finally {
    unwatch();
  }
}

/**
 * Works with what the device remembers, whether or not the registry is there: through the process that holds it, else by
 * opening its journal for so long. Others wait meanwhile, so it is not for work that asks or waits.
 */
export async function withJournal<Result>(
  context: CommandContext,
  work: (device: DeviceApi) => Promise<Result>,
): Promise<Result> {
  const home = await openHome(context);
  // Throws in a home that holds no member.
  await home.mesh();
  const opened = await attachOrHold(home, context, { serves: false });
  try {
    return await work(opened.device);
  } finally {
    await opened.close();
  }
}

/** Works with a device that is connected; undefined when the registry cannot be reached soon. */
export async function ifConnected<Result>(
  context: CommandContext,
  work: (opened: OpenDevice) => Promise<Result>,
): Promise<Result | undefined> {
  let opened: OpenDevice;
  try {
    opened = await openDevice(context, { patienceMs: briefMs });
  } catch (error) {
    if (isParleyError(error) && error.retryable) return undefined;
    throw error;
  }
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

/** Opens the device, works with it, and closes it whatever happens. */
export async function withDevice(
  context: CommandContext,
  work: (opened: OpenDevice) => Promise<ExitCode | undefined>,
): Promise<ExitCode | undefined> {
  const opened = await openDevice(context);
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

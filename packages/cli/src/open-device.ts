/** How commands reach the home's device: through the process that holds it, else by holding it themselves. */
import type { ManifestContent } from "@parley/agent";
import type { DeviceApi, DeviceOptions, LinkSettings, LogLine } from "@parley/client";
import { Home } from "@parley/client/node";
import type { IceServer } from "@parley/core";
import type { NodeLinkFactory } from "@parley/peer/node";
import { type ExitCode, isParleyError, ParleyError, visible } from "@parley/protocol";
import { beginHomeDevice, type HomeDevice, settlePairing } from "@parley/sdk";
import type { SkillHost } from "@parley/sidecar";

import type { CommandContext } from "./command-context.ts";
import { unlockOf } from "./home-unlock.ts";
import { processLog } from "./log-line.ts";
import { lookOut } from "./network-lookout.ts";
import { ownIceServers } from "./own-ice-servers.ts";

/** A device that a command may use until it closes it. */
export type OpenDevice = HomeDevice;

export interface OpenDeviceOptions {
  /** Refuses a device that another process holds, as one that serves tasks must. Default false. */
  readonly hold?: boolean;
  /** It stays and is called by others: worth a look at the network. Default: as `hold`. */
  readonly stays?: boolean;
  /** What agent.yaml says of links; flags, variables and parley.yaml go before it. */
  readonly links?: ManifestContent["links"];
  /** Lets other commands go through this process. Default true. */
  readonly serves?: boolean;
  /** The agent at work in this process, where programs may serve skills through it. */
  readonly programs?: SkillHost;
  /** Milliseconds to wait for the registry. Default `connectMs`; a command that can do without it says nothing of the wait. */
  readonly patienceMs?: number;
  /** Does not wait for the registry: what the device remembers is enough to begin with. Default false. */
  readonly atOnce?: boolean;
  /** Writes no log: its lines would stand in the middle of a screen. Default false. */
  readonly quiet?: boolean;
}

/** Without a session after this the registry counts as not reachable. */
const connectMs = 10_000;
/** What a command that can do without the registry waits for it. */
export const briefMs = 3000;

export const openHome = (context: CommandContext): Promise<Home> =>
  Home.open(context.settings.home.path, { unlock: unlockOf(context) });

/** Opens the home's device and waits until it is connected. Throws `not_admitted`, `unreachable`, `device_in_use`, ... */
export async function openDevice(context: CommandContext, options: OpenDeviceOptions = {}): Promise<OpenDevice> {
  const home = await openHome(context);
  await settlePairing(home, context.signal);
  let timeout: AbortSignal | undefined;
  return attachOrHold(home, context, options, async (device) => {
    if (options.quiet !== true) warnOfAudit(device, context);
    // One time limit, however often the holder changes meanwhile.
    timeout ??= AbortSignal.timeout(options.patienceMs ?? connectMs);
    if (options.atOnce !== true) await connect(device, context, timeout, options.patienceMs);
    // Whether it is connected, and why not, is told by its events.
    else device.start({ signal: context.signal }).catch(() => undefined);
  });
}

/** Through the process that holds the device, else by holding it with this command's settings. */
function attachOrHold(
  home: Home,
  context: CommandContext,
  options: OpenDeviceOptions,
  begin: (device: DeviceApi) => Promise<void> = async () => undefined,
): Promise<OpenDevice> {
  const { hold = false, stays = hold, serves = true, quiet = false, programs, links: own = {} } = options;
  const log: LogLine = quiet ? () => undefined : deviceLog(context, hold);
  let links: HeldLinks | undefined;
  const settings = {
    hold,
    serves,
    programs,
    signal: context.signal,
    log,
    ...conversationSettings(context),
    links: async () => (links = await linkSettings(context, log, own)),
    beside: (device: DeviceApi) =>
      links === undefined || !stays ? () => undefined : lookOut({ ...links, device, address: links.bindAddress, log }),
  };
  return beginHomeDevice(home, settings, begin);
}

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

/** Whom the device takes messages from, and what it tells of them. */
function conversationSettings({ settings }: CommandContext): Pick<DeviceOptions, "strangers" | "tellsRead" | "redact"> {
  const strangers = settings.get("strangers");
  return {
    tellsRead: settings.get("read-receipts") === "send",
    redact: settings.get("redact") === "on",
    ...(strangers === "ask" || strangers === "guests" || strangers === "take" ? { strangers } : {}),
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

async function connect(
  device: DeviceApi,
  context: CommandContext,
  timeout: AbortSignal,
  patienceMs?: number,
): Promise<void> {
  if (device.state === "connected") return;
  let last: { code: ParleyError["code"]; message: string } | undefined;
  const unwatch = device.watch((event) => {
    if (event.type !== "session" || event.error === undefined) return;
    if (last === undefined && event.state === "waiting" && patienceMs === undefined)
      context.out.note(`${event.error.message} Trying for ${connectMs / 1000} s.`);
    last = event.error;
  });
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

/** Whatever an operator does, it hears when the registry's log is not what it was. */
function warnOfAudit(device: DeviceApi, { out, signal }: CommandContext): void {
  const unwatch = device.watch((event) => {
    if (event.type === "audit") out.note(`audit: ${visible(event.message)} See parley audit verify.`);
  });
  signal.addEventListener("abort", unwatch, { once: true });
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
  await home.pins();
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

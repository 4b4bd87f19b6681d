import { homedir } from "node:os";

import { talk, type Talk } from "@parley/client";
import { findHomePath, Home } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import { connectError } from "./connect-error.ts";
import { beginHomeDevice, type HomeDeviceOptions, type HomeLinks, settlePairing } from "./home-device.ts";

export interface ConnectOptions extends Pick<HomeDeviceOptions, "strangers" | "tellsRead" | "redact" | "log"> {
  /**
   * Folder of a member that was let in (`parley pair`). Default: `PARLEY_HOME`, else `.parley` beside the nearest `agent.yaml`, else
   * `~/.parley`.
   */
  readonly home?: string;
  /** Opens protected keys. Default: the variable `PARLEY_PASSPHRASE`; keys in the system's keyring need none. */
  readonly passphrase?: string;
  /** Gives up connecting; what is connected stays so. */
  readonly signal?: AbortSignal;
  /** Whether a device that this process holds makes direct links. Default true, where the platform has them. */
  readonly links?: boolean;
}

/**
 * A member of the mesh, connected: through the process that holds its device, if there is one, else by holding it. Throws `not_admitted`,
 * `device_in_use`, `revoked`, ..., and `canceled` on `signal`, which alone ends the wait for a registry that is not there.
 */
export async function connect({
  home: given,
  passphrase = process.env["PARLEY_PASSPHRASE"],
  signal,
  links = true,
  ...settings
}: ConnectOptions = {}): Promise<Talk> {
  if (signal?.aborted === true) throw new ParleyError("canceled");
  const { path } = findHomePath({
    given: given ?? process.env["PARLEY_HOME"],
    cwd: process.cwd(),
    homeDirectory: homedir(),
  });
  const waits = signal === undefined ? {} : { signal };
  try {
    const unlock = passphrase === undefined ? {} : { passphrase: async () => passphrase };
    const home = await Home.open(path, { unlock });
    await settlePairing(home, signal);
    const options = { ...settings, ...waits, ...(links ? { links: nodeLinks } : {}) };
    const opened = await beginHomeDevice(home, options, (device) => device.start(waits));
    return talk(opened.device, { onClose: () => opened.close() });
  } catch (error) {
    throw connectError(error, signal);
  }
}

/** None, and so relay and mailbox only, on a platform without the native library. */
async function nodeLinks(): Promise<HomeLinks | undefined> {
  try {
    const { NodeLinkFactory } = await import("@parley/peer/node");
    return { factory: new NodeLinkFactory() };
  } catch {
    return undefined;
  }
}

import { type Browser, chromium } from "playwright-core";

import { findProgram } from "../../scripts/system-programs.ts";

export interface ChromiumOptions {
  /** Names under `.local` in place of host addresses, which is what a page without permissions gets. Default true. */
  readonly hideAddresses?: boolean;
}

/** Quiet, and with loopback among the candidates, so that the tests need no network. */
const flags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--allow-loopback-in-peer-connection",
];

/** Starts the system's Chromium without a window. `PARLEY_CHROMIUM` names another one. */
export async function launchChromium(options: ChromiumOptions = {}): Promise<Browser> {
  const named = process.env["PARLEY_CHROMIUM"] ?? "";
  const executablePath = named === "" ? findProgram("chromium") : named;
  if (executablePath === undefined) throw new Error("These tests need Chromium; `npm test` says how to install it.");
  const args = [...flags];
  // Its sandbox refuses to run as root.
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  if (options.hideAddresses === false) args.push("--disable-features=WebRtcHideLocalIpsWithMdns");
  return chromium.launch({ executablePath, args });
}

import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { preparePrivateFolder } from "./private-file.ts";

/** Unix socket paths end at 108 bytes on Linux and 104 on macOS, the closing zero included. */
const mostSocketPathBytes = 100;

/** Path of a home's socket: in the home, or, when that is too long, in a private folder under a short name. */
export function socketPathOf(
  home: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const own = join(home, "device.sock");
  if (Buffer.byteLength(own) <= mostSocketPathBytes) return own;
  const name = createHash("sha256").update(home).digest("hex").slice(0, 24);
  const runtime = environment["XDG_RUNTIME_DIR"];
  const folder = (base: string): string => join(base, `parley-${process.getuid?.() ?? 0}`, `${name}.sock`);
  const short = folder(runtime === undefined || runtime === "" ? tmpdir() : runtime);
  return Buffer.byteLength(short) <= mostSocketPathBytes ? short : folder("/tmp");
}

/**
 * What a holder listens on and others connect to: the socket's file, and on Windows, which has none that Node can listen
 * on, a named pipe that stands for it. Its secret and its larger bodies lie beside the file's path on both.
 */
export function listenPathOf(socketPath: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== "win32") return socketPath;
  const name = createHash("sha256").update(socketPath.toLowerCase()).digest("hex").slice(0, 32);
  return `\\\\.\\pipe\\parley-${name}`;
}

/** Makes sure that nobody else can reach into the socket's folder. */
export async function prepareSocketFolder(socketPath: string): Promise<void> {
  await preparePrivateFolder(dirname(socketPath));
}

/** The certificate and the key of `up`: read at the start, and again when they change or SIGHUP comes. */
import { unwatchFile, watchFile } from "node:fs";
import { readFile } from "node:fs/promises";

import { fileError } from "@parley/client/node";
import { ParleyError, toParleyError } from "@parley/protocol";
import type { TlsKeys } from "@parley/registry";

import type { Configuration } from "./configuration.ts";

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

const mostPemBytes = 1_048_576;
/** Between two looks at the files. */
const lookMs = 5000;

/** Where they are; undefined without TLS. Throws `invalid_config` when one is missing. */
export function tlsFilesOf(settings: Configuration): TlsFiles | undefined {
  const [cert, key] = [settings.get("tls-cert"), settings.get("tls-key")];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new ParleyError("invalid_config", { message: "tls-cert and tls-key belong together; set both." });
  return { cert, key };
}

/** Throws `invalid_config` or `storage_unavailable`. */
export async function readTls({ cert, key }: TlsFiles): Promise<TlsKeys> {
  return { cert: await pemIn(cert), key: await pemIn(key) };
}

/** Hands over what the files hold when they changed or SIGHUP came; what does not fit is told, and the earlier pair stays. */
export function followTls(
  files: TlsFiles,
  { take, failed }: { readonly take: (tls: TlsKeys) => void; readonly failed: (error: ParleyError) => void },
): Disposable {
  const read = (): void => {
    readTls(files)
      .then(take)
      .catch((error: unknown) => failed(toParleyError(error)));
  };
  const paths = [files.cert, files.key];
  for (const path of paths) watchFile(path, { interval: lookMs, persistent: false }, read);
  process.on("SIGHUP", read);
  return {
    [Symbol.dispose]() {
      for (const path of paths) unwatchFile(path, read);
      process.off("SIGHUP", read);
    },
  };
}

async function pemIn(path: string): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    if (text.length <= mostPemBytes) return text;
  } catch (error) {
    throw fileError(path, error);
  }
  throw new ParleyError("invalid_config", { message: `${path} is larger than a certificate or key in PEM.` });
}

/** The machine: disk, the registry's port, UDP, the agent's manifest. */
import { statfs, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";

import { envFileWarning, loadManifest } from "@parley/agent";
import { callRoute } from "@parley/client";
import { findAgentFolder, writePrivateFile } from "@parley/client/node";
import { isParleyError, toParleyError } from "@parley/protocol";

import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";

/** With less, databases and outboxes fail soon. */
export const leastFreeBytes = 64 * 1024 * 1024;
const mebibyte = 1024 * 1024;

/** The nearest folder upward that exists: where a new one would be made. */
async function existing(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there?.isDirectory() === true || dirname(path) === path ? path : existing(dirname(path));
}

/** Judges the free space of a file system. */
export function judgeDisk(path: string, freeBytes: number): Finding {
  const free = `${Math.floor(freeBytes / mebibyte)} MiB are free for ${path}`;
  return freeBytes < leastFreeBytes
    ? fault("storage_full", `Only ${free}.`, "Free some space, or move the folder to another disk.")
    : fine(`${free}.`);
}

async function disk({ context, home }: DoctorFacts): Promise<Finding> {
  const folder = context.settings.home.path;
  const { bavail, bsize } = await statfs(await existing(folder));
  const judged = judgeDisk(folder, bavail * bsize);
  if (judged.verdict !== "ok") return judged;
  const opened = await home().catch(() => undefined);
  if (opened === undefined) return judged;
  try {
    await writePrivateFile(`${opened.path}/.doctor`, "x".repeat(4096));
    return judged;
  } catch (error) {
    const { code, message } = toParleyError(error);
    return fault(
      code,
      message,
      code === "storage_full" ? "Free some space, or lift the quota." : "Correct the rights of the folder.",
    );
  }
}

/** Tries to listen; the error's code when it cannot. */
function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "unknown"));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}

async function port({ context }: DoctorFacts): Promise<Finding> {
  const { settings } = context;
  const [host, number] = [settings.get("host"), settings.get("port")];
  const code = await tryListen(host, number);
  if (code === undefined) return fine(`Port ${number} on ${host} is free for \`parley up\`.`);
  const origin = `http://${host.includes(":") ? `[${host}]` : host}:${number}`;
  const registry = await callRoute(origin, "version", {}, { timeoutMs: 2000, signal: context.signal }).catch(
    () => undefined,
  );
  if (code === "EADDRINUSE" && registry !== undefined)
    return fine(`A registry (${registry.body.version}) runs at ${origin}.`);
  // Only a machine that runs the registry needs the port.
  const matters = settings.isSet("port") || (await stat(settings.get("data")).catch(() => undefined)) !== undefined;
  const judge = matters ? fault : warning;
  if (code === "EADDRINUSE")
    return judge(
      "address_in_use",
      `Port ${number} on ${host} is used by something that is not a registry.`,
      "Stop that program, or give `parley up` another port with --port.",
    );
  if (code === "EACCES")
    return judge(
      "address_forbidden",
      `Port ${number} on ${host} may not be used by this process.`,
      "Choose a port above 1023 with --port.",
    );
  return judge(
    "address_unavailable",
    `${host} cannot be listened on (${code}).`,
    "Choose another address with --host.",
  );
}

async function manifest({ context }: DoctorFacts): Promise<Finding> {
  const folder = findAgentFolder(context.cwd);
  if (folder === undefined) return leftOut("There is no agent.yaml here or above.");
  try {
    const { name } = await loadManifest(folder);
    const open = await envFileWarning(folder);
    if (open !== undefined)
      return warning("storage_unavailable", open, "Others on this machine could take the agent's secrets.");
    return fine(`agent.yaml of @${name} is valid.`);
  } catch (error) {
    if (!isParleyError(error)) throw error;
    return fault(error.code, error.message, "Run `parley validate` for all that is wrong.");
  }
}

export const machineChecks: readonly DoctorCheck[] = [
  { name: "disk", about: "there is room to write", run: disk },
  { name: "port", about: "the registry's port is free, or the registry's", run: port },
  { name: "manifest", about: "agent.yaml is valid", run: manifest },
];

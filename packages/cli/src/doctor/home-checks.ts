/** The home folder: its rights, what it holds, who holds its device. */
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { DeviceLock } from "@parley/client/node";
import { toParleyError } from "@parley/protocol";
import { attachDevice } from "@parley/sidecar";

import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";

const othersRights = 0o077;

/** What others may read or reach of a private folder: itself, and what lies in it and in its folders. */
async function openToOthers(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const inside = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  const below = await Promise.all(inside.map(async (path) => filesOf(path)));
  const files = entries.filter((entry) => entry.isFile() || entry.isSocket()).map(({ name }) => join(folder, name));
  const open: string[] = [];
  for (const path of [folder, ...files, ...inside, ...below.flat()]) {
    const { mode } = await lstat(path);
    if ((mode & othersRights) !== 0) open.push(path);
  }
  return open;
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
}

/** A link where a private file belongs leads who knows where. */
async function linksIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => join(folder, name));
}

async function rights({ context, home }: DoctorFacts): Promise<Finding> {
  const { path } = context.settings.home;
  try {
    await home();
    const data = context.settings.get("data");
    const folders = [path, ...((await stat(data).catch(() => undefined))?.isDirectory() === true ? [data] : [])];
    const open = process.platform === "win32" ? [] : (await Promise.all(folders.map(openToOthers))).flat();
    const [first] = open;
    const [link] = (await Promise.all(folders.map(linksIn))).flat();
    if (link !== undefined)
      return fault("storage_unavailable", `${link} is a link.`, "Replace it by what it leads to, or remove it.");
    if (first === undefined) return fine(`${path} is private and can be written.`);
    return fault("storage_unavailable", `Others can read ${first}.`, `Run \`chmod go= ${open.join(" ")}\`.`);
  } catch (error) {
    const { code, message } = toParleyError(error);
    return fault(
      code === "internal" ? "storage_unavailable" : code,
      message,
      "Correct the owner and the rights of the folder, or choose another with --home.",
    );
  }
}

async function contents({ home, mesh }: DoctorFacts): Promise<Finding> {
  const opened = await home();
  try {
    if ((await opened.identityFile()) === undefined)
      return warning("not_paired", "This home folder holds no member yet.", "Run `parley pair` with an invite.");
    await opened.draft();
    const known = await mesh();
    if (known === undefined)
      return warning("not_paired", "This home folder has keys and no mesh.", "Run `parley pair` with an invite.");
    return fine(`It holds @${known.identity.name} of the mesh at ${known.registry}.`);
  } catch (error) {
    const { code, message } = toParleyError(error);
    return fault(code, message, "Restore a backup, or pair anew in another home folder.");
  }
}

async function holder({ home }: DoctorFacts): Promise<Finding> {
  const opened = await home();
  const lock = DeviceLock.tryTake(opened.path);
  if (lock !== undefined) {
    lock.release();
    return fine("No other process holds the device.");
  }
  try {
    const device = await attachDevice(opened.socketPath, { program: "doctor" });
    await device.stop();
    return warning(
      "device_in_use",
      "Another process holds this device; commands go through it.",
      "`parley run` needs the device for itself: stop the other process first.",
    );
  } catch {
    return fault(
      "device_in_use",
      "Another process holds this device and does not answer on its socket.",
      "Stop that process, or use another home folder.",
    );
  }
}

/** Checks that need the home folder are left out when it cannot be used. */
const needsHome =
  (check: (facts: DoctorFacts) => Promise<Finding>) =>
  async (facts: DoctorFacts): Promise<Finding> =>
    (await facts.home().then(
      () => undefined,
      () => leftOut("The home folder cannot be used."),
    )) ?? check(facts);

export const homeChecks: readonly DoctorCheck[] = [
  { name: "rights", about: "folders are private and can be written", run: rights },
  { name: "home", about: "what the home folder holds is intact", run: needsHome(contents) },
  { name: "holder", about: "one process holds the device", run: needsHome(holder) },
];

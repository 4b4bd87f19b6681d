import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import { runChild } from "./child.ts";

/** A program that npm cannot bring: the names it goes by, best first, and the Debian package that has it. */
interface SystemProgram {
  readonly commands: readonly string[];
  readonly aptPackage: string;
}

const systemPrograms = {
  bash: { commands: ["bash"], aptPackage: "bash" },
  caddy: { commands: ["caddy"], aptPackage: "caddy" },
  chromium: {
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    aptPackage: "chromium",
  },
  ip: { commands: ["ip"], aptPackage: "iproute2" },
  nginx: { commands: ["nginx"], aptPackage: "nginx-light" },
  jq: { commands: ["jq"], aptPackage: "jq" },
  nft: { commands: ["nft"], aptPackage: "nftables" },
  python3: { commands: ["python3"], aptPackage: "python3" },
  strace: { commands: ["strace"], aptPackage: "strace" },
  turnserver: { commands: ["turnserver"], aptPackage: "coturn" },
} satisfies Record<string, SystemProgram>;

export type SystemProgramName = keyof typeof systemPrograms;

const installLimitMs = 900_000;

/** Where a program is, or undefined. Looks in the administrator's folders too, which a plain login leaves out. */
export function findProgram(name: SystemProgramName): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const paths = systemPrograms[name].commands.flatMap((command) => folders.map((folder) => join(folder, command)));
  return paths.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The line that brings these programs on Debian and its relatives. */
export function aptLine(names: readonly SystemProgramName[]): string {
  return `sudo apt-get install -y --no-install-recommends ${aptPackages(names).join(" ")}`;
}

function aptPackages(names: readonly SystemProgramName[]): readonly string[] {
  return [...new Set(names.map((name) => systemPrograms[name].aptPackage))];
}

/** Installs packages by apt: as root, or through sudo when `viaSudo`. Says whether that worked. */
export async function installPrograms(names: readonly SystemProgramName[], viaSudo: boolean): Promise<boolean> {
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...aptPackages(names)];
  return (
    (await runApt(install, viaSudo)) ||
    ((await runApt(["apt-get", "update"], viaSudo)) && (await runApt(install, viaSudo)))
  );
}

async function runApt(line: readonly string[], viaSudo: boolean): Promise<boolean> {
  const [command = "apt-get", ...args] = viaSudo ? ["sudo", ...line] : line;
  const result = await runChild(command, args, {
    capture: true,
    timeoutMs: installLimitMs,
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
  if (result.code !== 0) process.stdout.write(`${line.join(" ")} failed:\n${result.output.slice(-2_000)}\n`);
  return result.code === 0;
}

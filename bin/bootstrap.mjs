// Starts a source file of this repository under Node 24: `node bin/bootstrap.mjs <file> [arguments]`.
//
// Any Node from 18 on can run this page. It installs what package-lock.json names when node_modules does not hold it yet
// (the Node 24 binary is one of those packages), then hands over. A second run needs no network and starts no npm.
// It never installs under a running mesh.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
/** A copy of the lockfile that node_modules was made from. The `parley` launcher compares the same two files. */
const stamp = join(modules, ".parley-lock.json");
const lockfile = read(join(root, "package-lock.json"));
const installWaitMs = 600_000;

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function fail(sentence) {
  process.stderr.write(`parley: ${sentence}\n`);
  process.exit(1);
}

function atLeast(version, [major, minor]) {
  const [a, b] = version.replace(/^v/, "").split(".").map(Number);
  return a > major || (a === major && b >= minor);
}

/** The packaged Node, or the one that runs this if it is new enough to run TypeScript sources. */
function findNode() {
  let names = [];
  try {
    names = readdirSync(modules).filter((name) => /^node-[a-z0-9]+-[a-z0-9]+$/.test(name));
  } catch {
    // Nothing is installed yet.
  }
  for (const name of names) {
    const path = join(modules, name, "bin", "node");
    const probe = spawnSync(path, ["--version"], { encoding: "utf8" });
    if (probe.status === 0 && atLeast(probe.stdout.trim(), [22, 18])) return path;
  }
  return atLeast(process.version, [22, 18]) ? process.execPath : undefined;
}

/** Whether node_modules already holds the lockfile's packages, though not through this page (`npm install` by hand). */
function modulesMatchLockfile() {
  const hidden = read(join(modules, ".package-lock.json"));
  if (hidden === undefined) return false;
  try {
    const held = JSON.parse(hidden).packages;
    const wanted = Object.entries(JSON.parse(lockfile).packages).filter(([path]) => path.startsWith("node_modules/"));
    const same = ([path, entry]) =>
      held[path] === undefined
        ? entry.optional === true
        : held[path].version === entry.version && held[path].integrity === entry.integrity;
    const names = new Set(wanted.map(([path]) => path));
    return (
      wanted.every(same) && Object.keys(held).every((path) => !path.startsWith("node_modules/") || names.has(path))
    );
  } catch {
    return false;
  }
}

function isInstalled() {
  if (read(stamp) === lockfile) return true;
  if (!modulesMatchLockfile()) return false;
  writeStamp();
  return true;
}

function writeStamp() {
  try {
    writeFileSync(stamp, lockfile);
  } catch {
    // A checkout that this account may only read: the next start compares again.
  }
}

/** The process id in a lock file, if that process lives. */
function livingHolder(path) {
  const pid = Number(/\d+/.exec(read(path) ?? "")?.[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === "EPERM" ? pid : undefined;
  }
}

/** One install at a time: `npm start` and `npm test` may begin together on a fresh clone. */
function takeInstallLock() {
  const path = join(root, ".parley", "install.lock");
  const deadline = Date.now() + installWaitMs;
  for (;;) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
      process.on("exit", () => rmSync(path, { force: true }));
      return;
    } catch (error) {
      if (error.code !== "EEXIST") fail(`cannot write ${path} (${error.code}).`);
    }
    if (livingHolder(path) === undefined) rmSync(path, { force: true });
    else if (Date.now() > deadline)
      fail(`another start is still installing dependencies; remove ${path} if it is not.`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  }
}

/** Runs `npm ci`, under `node` if given, with all output on stderr. */
function npmCi(node) {
  const flags = ["ci", "--include=dev", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
  const npmCli = basename(process.env.npm_execpath ?? "") === "npm-cli.js" ? process.env.npm_execpath : undefined;
  const [command, ...args] = npmCli === undefined ? ["npm"] : [node ?? process.execPath, npmCli];
  const path = `${dirname(node ?? process.execPath)}${delimiter}${process.env.PATH ?? ""}`;
  const result = spawnSync(command, [...args, ...flags, "--no-progress", "--loglevel=error"], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", 2, 2],
  });
  if (result.error?.code === "ENOENT") fail("npm is not on the PATH; it comes with Node (https://nodejs.org).");
  if (result.status !== 0) {
    const ending = result.signal ?? `exit code ${result.status}`;
    fail(`installing the dependencies failed (npm ci: ${ending}, its reason is above); mend that and start again.`);
  }
}

function install() {
  takeInstallLock();
  if (isInstalled()) return;
  process.stderr.write("parley: installing dependencies (once per change of package-lock.json)...\n");
  npmCi(undefined);
  // npm leaves out optional packages that do not accept the Node it runs under; the tools' binaries ask for 20.19.
  if (!atLeast(process.version, [20, 19])) npmCi(findNode());
  writeStamp();
}

function prepare() {
  if (lockfile === undefined) fail(`package-lock.json is missing in ${root}.`);
  if (isInstalled()) return;
  const mesh = livingHolder(join(root, ".parley", "demo", "running.lock"));
  if (mesh === undefined) install();
  else {
    process.stderr.write(
      `parley: a mesh runs from this checkout (process ${mesh}), so the dependencies stay as they are; stop it and start again to update them.\n`,
    );
  }
}

function handOver(node, file, args) {
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(root, file), ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      // A terminal sends its interrupt to the whole group: passing it on as well would make one Ctrl-C count twice.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`${node} does not start (${error.message}).`));
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail("usage: node bin/bootstrap.mjs <file> [arguments]");
prepare();
const node = findNode();
if (node === undefined) {
  fail(
    `Node 22.18 or newer is needed, and none is packaged for ${process.platform}-${process.arch}: see https://nodejs.org.`,
  );
}
handOver(node, file, args);

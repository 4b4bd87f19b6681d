import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

/** The README's walk-through, its commands taken from the page as they stand: three terminals, a home directory each. */
const root = join(import.meta.dirname, "..", "..");
const running: Shell[] = [];
let folder = "";
let walk: readonly string[] = [];
let calc = "";

/** A shell command in a terminal of its own. */
class Shell {
  readonly #child: ChildProcess;
  readonly #heard: (() => void)[] = [];
  readonly ended: Promise<number | null>;
  said = "";

  constructor(command: string, cwd: string, home: string) {
    const { PARLEY_CHROMIUM: _, ...environment } = process.env;
    this.#child = spawn("sh", ["-c", `exec ${command}`], {
      cwd,
      env: { ...environment, HOME: home, PARLEY_PORT: "0", NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.said += text.toString();
        for (const wake of this.#heard.splice(0)) wake();
      });
    }
    this.ended = once(this.#child, "exit").then(([code]: unknown[]) => code as number | null);
    void this.ended.then(() => this.#heard.splice(0).forEach((wake) => wake()));
    running.push(this);
  }

  /** Waits until the terminal has said something. */
  async hears(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.said);
      if (found !== null) return found[1] ?? found[0];
      if (this.#child.exitCode !== null) throw new Error(`ended without ${pattern.source}:\n${this.said}`);
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  stop(): void {
    this.#child.kill("SIGINT");
  }
}

/** Runs one command to its end; it must succeed. */
async function done(command: string, cwd: string, home: string): Promise<string> {
  const terminal = new Shell(command, cwd, home);
  const code = await terminal.ended;
  expect(code, `${command}\n${terminal.said}`).toBe(0);
  return terminal.said;
}

const command = (pattern: RegExp): string => {
  const found = walk.find((line) => pattern.test(line));
  if (found === undefined) throw new Error(`the README has no command like ${pattern.source}`);
  return found;
};

beforeAll(async () => {
  const page = await readFile(join(root, "README.md"), "utf8");
  const part = page.slice(page.indexOf("## By hand"), page.indexOf("## In TypeScript"));
  walk = [...part.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) => block.trim().split("\n"));
  calc = /^```ts\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
  folder = await mkdtemp(join(tmpdir(), "parley-readme-"));
  for (const home of ["registry", "operator", "agent"]) await mkdir(join(folder, home));
  await symlink(join(root, "parley"), join(folder, "parley"));
});

afterAll(async () => {
  for (const terminal of running.toReversed()) terminal.stop();
  await Promise.all(running.map(({ ended }) => ended));
  await rm(folder, { recursive: true });
});

it("leads from an empty folder to an agent that works, as it is written", async () => {
  const home = (name: string): string => join(folder, name);
  const agentFolder = join(folder, "my-agent");

  const up = new Shell(command(/parley up/), folder, home("registry"));
  const claim = await up.hears(/(http:\S+#[\w-]+)/);
  await done(command(/--name me/).replace("<the link that terminal 1 printed>", claim), folder, home("operator"));
  const invited = await done(command(/invite create/), folder, home("operator"));
  const invite = /http:\S+#[\w-]+/.exec(invited)?.[0] ?? "";

  await done(command(/parley init/), folder, home("agent"));
  expect(walk).toContain("cd my-agent");
  const pair = new Shell(command(/invite link/).replace("<the invite link>", invite), agentFolder, home("agent"));
  const words = await pair.hears(/six words[^:]*: ((?:\w+ ){5}\w+)/);
  expect(await done(command(/member list/), folder, home("operator"))).toContain(words);
  await done(command(/member approve/), folder, home("operator"));
  expect(await pair.ended).toBe(0);

  const run = new Shell(command(/parley run/), agentFolder, home("agent"));
  await run.hears(/ready/);
  expect(await done(command(/parley agents/), folder, home("operator"))).toMatch(/@my-agent +connected/);
  expect(await done(command(/delegate greet/), folder, home("operator"))).toContain("Ada");
  expect(await done(command(/delegate @my-agent/), folder, home("operator"))).toContain("path: direct");
  expect(await done(command(/parley ping/), folder, home("operator"))).toMatch(/path: \w+ +round trip/);
  expect(await done(command(/parley send/), folder, home("operator"))).toContain("delivered");
  expect(await done(command(/parley doctor/), folder, home("operator"))).toContain("Nothing is broken");

  expect(await done(command(/--any/), folder, home("operator"))).toContain("Ada");
  expect(await done(command(/task list/), folder, home("operator"))).toContain("completed");
  expect(await done(command(/policy explain/), folder, home("operator"))).toContain("yes");
  await done(command(/member pause/), folder, home("operator"));
  await done("./parley member resume @my-agent", folder, home("operator"));
});

it("shows an agent in one file that joins, runs and answers", async () => {
  const home = (name: string): string => join(folder, name);
  const calcFolder = join(folder, "calc");
  await mkdir(calcFolder);
  await writeFile(join(calcFolder, "calc.ts"), calc);
  const invited = await done(command(/invite create/), folder, home("operator"));
  const invite = /http:\S+#[\w-]+/.exec(invited)?.[0] ?? "";
  const pair = new Shell(
    `../parley pair '${invite}' --name calc --kind agent --home .parley`,
    calcFolder,
    home("agent"),
  );
  await pair.hears(/six words/);
  await done("./parley member approve calc", folder, home("operator"));
  expect(await pair.ended).toBe(0);
  const run = new Shell("../parley run calc.ts --home .parley", calcFolder, home("agent"));
  await run.hears(/ready/);
  expect(await done(`./parley delegate @calc/add '{"a": 1, "b": 2}'`, folder, home("operator"))).toContain("3");
});

/** `parley run` of one agent in a process of its own, as its supervisor sees it. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

import { startChild } from "@parley/client/node";

import { type AgentUse, agentUseSchema, useQuestion } from "./agent-use.ts";

/** What a process tells while it runs. */
export interface ChildEvents {
  /** A line of its output. */
  readonly line: (from: "out" | "err", text: string) => void;
  /** How busy it is, after `ask`. */
  readonly use: (use: AgentUse) => void;
}

/** A process that was started. */
export interface AgentChild {
  /** 0 for one that could not be started. */
  readonly pid: number;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** Asks how busy it is; one that stands still does not answer. */
  ask(): void;
}

export interface ChildPlan {
  /** The agent's folder. */
  readonly path: string;
  /** What it gets of the environment beside what every child does. */
  readonly environment: Readonly<Record<string, string>>;
}

/** From the end of a process to that of its output. */
const lastLinesMs = 500;
const ending = pathToFileURL(join(import.meta.dirname, "..", "demo", "end-with-parent.ts")).href;
const main = join(import.meta.dirname, "..", "main.ts");

/** Starts an agent. It ends, as after Ctrl-C, when this process is gone, however that went. */
export function startAgentChild({ path, environment }: ChildPlan, events: ChildEvents): AgentChild {
  const args = [main, "run", path, "--home", join(path, ".parley"), "--json"];
  const child = startChild(process.execPath, [...process.execArgv, "--import", ending, ...args], {
    environment,
    folder: path,
    ownGroup: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const outputs = [
    ["out", child.stdout],
    ["err", child.stderr],
  ] as const;
  for (const [from, stream] of outputs) {
    if (stream !== null) createInterface({ input: stream }).on("line", (text) => events.line(from, text));
  }
  child.on("message", (message) => {
    const answer = agentUseSchema.safeParse(message);
    if (answer.success) events.use(answer.data.use);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(`it could not be started: ${message}`));
    child.once("exit", (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      // After its last line, unless a program that it started keeps the pipe open.
      child.once("close", () => resolve(how));
      setTimeout(() => resolve(how), lastLinesMs).unref();
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    signal: (name) => void child.kill(name),
    ask: () => {
      if (child.connected) child.send(useQuestion, () => undefined);
    },
  };
}

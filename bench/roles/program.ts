/** A program that uses a device held by another process, by that one's socket. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";

import { type AttachedDevice, attachDevice } from "@parley/sidecar";

import { type LoadFigures, repeatCall } from "../load.ts";
import { answerCommands } from "../role.ts";

const echoSkill = "echo";

let device: AttachedDevice | undefined;

interface TaskLine {
  readonly event?: { readonly serving?: unknown; readonly task?: { readonly task: string; readonly input: unknown } };
}

const commands = {
  async attach(path: string): Promise<void> {
    device = await attachDevice(path, { program: "bench" });
  },
  /** Serves the echo as a program in any language would: lines in, lines out. */
  async serve(path: string): Promise<void> {
    const socket = connect(path);
    let id = 1;
    const send = (line: object): void => void socket.write(`${JSON.stringify(line)}\n`);
    const secret = readFileSync(`${path}.secret`, "utf8").trimEnd();
    const served = Promise.withResolvers<void>();
    createInterface({ input: socket }).on("line", (line) => {
      const { serving, task } = (JSON.parse(line) as TaskLine).event ?? {};
      if (serving !== undefined) served.resolve();
      if (task !== undefined) send({ id: ++id, op: "reply", body: { task: task.task, result: task.input } });
    });
    send({ hello: { versions: [2], program: "bench", secret } });
    send({ id, op: "serve", body: { skills: [{ id: echoSkill }], concurrency: 256 } });
    await served.promise;
  },
  delegate({ to, ...load }: { to: string; seconds: number; inFlight: number }): Promise<LoadFigures> {
    const attached = device;
    if (attached === undefined) throw new Error("not attached");
    let next = 0;
    const call = async (): Promise<void> => {
      const input = { text: `call ${next++}` };
      const { outcome } = await attached.delegate(to, { skill: echoSkill, input });
      const { output, path } = await outcome;
      if ((output as typeof input | undefined)?.text !== input.text) throw new Error("a call got another's answer");
      if (path !== "direct") throw new Error(`a call went by ${path}`);
    };
    return repeatCall(call, load);
  },
};

export type ProgramCommands = typeof commands;
answerCommands(commands);

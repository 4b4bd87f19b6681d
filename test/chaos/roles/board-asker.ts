/**
 * The asker of a board run, which may be killed at any moment: puts its tasks on the board by their keys, follows those that
 * it has not heard the end of, and at last writes down what the registry says of each. One argument: its settings as JSON.
 */
import { systemClock } from "@parley/core";
import { toParleyError } from "@parley/protocol";

import { boardInputOf, type BoardLine, type BoardRoleSettings, boardSkill } from "../board-settings.ts";
import { linesOf } from "../evidence.ts";
import { openBoardDevice } from "./board-device.ts";

/** Tasks that are put on the board at the same time. */
const mostAtOnce = 64;

const settings = JSON.parse(process.argv[2] ?? "") as BoardRoleSettings;
const before = [...linesOf<BoardLine>(settings.evidence)];
const ended = new Set(before.flatMap((line) => (line.t === "ended" ? [line.n] : [])));
const final = new Set(before.flatMap((line) => (line.t === "final" ? [line.n] : [])));
const { device, write, trouble } = await openBoardDevice(settings);
const tasks = new Map(before.flatMap((line) => (line.t === "submitted" ? [[line.n, line.task] as const] : [])));

async function submit(n: number): Promise<string> {
  const { input, attempts } = boardInputOf(n, settings.seed);
  const { task } = await device.board.submit({ skill: boardSkill, input, attempts, key: `n-${n}` });
  write({ t: "submitted", at: Date.now(), n, task });
  tasks.set(n, task);
  return task;
}

async function follow(n: number, task: string): Promise<void> {
  try {
    const { output, worker } = await device.board.follow(task).outcome;
    const isRight = (output as { readonly n?: number } | undefined)?.n === n;
    write({ t: "ended", at: Date.now(), n, task, by: worker.name, ...(isRight ? {} : { code: "wrong_output" }) });
  } catch (error) {
    write({ t: "ended", at: Date.now(), n, task, code: toParleyError(error).code });
  }
}

/** What the registry says, asked again until it answers. */
async function look(n: number, task: string): Promise<void> {
  for (;;) {
    try {
      const { facts, acts } = await device.board.task(task);
      const { state, reason, starts, attempts, generation } = facts;
      const said = { state, starts, attempts, generation, ...(reason === undefined ? {} : { reason }) };
      return write({ t: "final", at: Date.now(), n, task, ...said, acts: acts.map(({ type }) => type) });
    } catch (error) {
      trouble("look", error);
      await new Promise<void>((resolve) => void systemClock.setTimer(200, resolve));
    }
  }
}

async function each(work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < settings.tasks; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: mostAtOnce }, lane));
}

try {
  await device.start();
  const following: Promise<void>[] = [];
  await each(async (n) => {
    if (!ended.has(n)) following.push(follow(n, await submit(n)));
  });
  await Promise.all(following);
  await each(async (n) => {
    if (!final.has(n)) await look(n, tasks.get(n) ?? (await submit(n)));
  });
  process.send?.("done", () => undefined);
} catch (error) {
  trouble("asker", error);
  process.exit(1);
}

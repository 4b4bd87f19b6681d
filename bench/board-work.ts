/** Work for ten, asked for in two ways: durable messages that are answered with durable messages, and tasks on the board. */
import type { Device } from "@parley/client";
import { testCard } from "@parley/testkit";

/** The skill of those who work. */
const skill = "work";
/** Asked for at once. */
const accepting = 256;

export interface Asked {
  readonly count: number;
  readonly ms: number;
}

/** Takes tasks from the board and answers with their input. */
export async function workForBoard(device: Device): Promise<void> {
  device.serve(({ input }) => Promise.resolve(input));
  await device.publishCard(testCard(device, [{ id: skill }]));
  device.board.work({ skills: [skill], slots: 16 });
}

async function each(count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await work(n);
  };
  await Promise.all(Array.from({ length: accepting }, lane));
}

/** Sends so many messages, to each of these in turn; resolves when as many replies were handled. */
export async function askByMessage(device: Device, to: readonly string[], count: number): Promise<Asked> {
  const waiting = new Set(Array.from({ length: count }, (_, n) => `ask ${n}`));
  const all = Promise.withResolvers<void>();
  const leave = device.onMessage(({ text }) => {
    if (!waiting.delete(text)) all.reject(new Error(`a reply came twice, or was never asked for: ${text}`));
    if (waiting.size === 0) all.resolve();
  });
  const started = performance.now();
  await each(count, async (n) => {
    await device.send(to[n % to.length] ?? "", `ask ${n}`);
  });
  await all.promise;
  leave();
  return { count, ms: performance.now() - started };
}

/** Puts so many tasks on the board; resolves when the result of each was verified. */
export async function askByBoard(device: Device, count: number): Promise<Asked> {
  const started = performance.now();
  const outcomes: Promise<void>[] = [];
  await each(count, async (n) => {
    const { task } = await device.board.submit({ skill, input: { text: `ask ${n}` } });
    const check = async (): Promise<void> => {
      const { output, facts } = await device.board.follow(task).outcome;
      if ((output as { text?: string } | undefined)?.text !== `ask ${n}`)
        throw new Error("a task got another's result");
      if (facts.starts !== 1) throw new Error(`a task was begun ${facts.starts} times`);
    };
    outcomes.push(check());
  });
  await Promise.all(outcomes);
  return { count, ms: performance.now() - started };
}

/** What each operation on the board does with the device of this process. */
import type { BoardOutcome } from "@parley/client";

import type { boardOperations } from "./board-operations.ts";
import type { Handlers, RequestContext } from "./request-context.ts";

const outcomeJson = ({ worker, ...outcome }: BoardOutcome) => ({ ...outcome, worker: { ...worker } });

export const boardHandlers: Handlers<keyof typeof boardOperations> = {
  submitBoardTask: async ({ device, body, signal }: RequestContext<"submitBoardTask">) => ({
    facts: await device.board.submit({ ...body, signal }),
  }),
  async boardTasks({ device, body }) {
    const { tasks, next } = await device.board.list(body);
    return { tasks: [...tasks], next };
  },
  async boardTask({ device, body }) {
    const { outcome, asked, error, acts, facts } = await device.board.task(body.task);
    return {
      facts,
      asked: asked && { ...asked },
      outcome: outcome && outcomeJson(outcome),
      error: error && { ...error },
      acts: acts.map((act) => ({ ...act })),
    };
  },
  async followBoardTask({ device, body, signal, emit }) {
    const run = device.board.follow(body.task);
    const stop = (): void => run.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    // Both sides throw: the stream below is the one that is read.
    run.outcome.catch(() => undefined);
    for await (const event of run.events) await emit(event);
    return outcomeJson(await run.outcome);
  },
  cancelBoardTask: async ({ device, body }) => ({ facts: await device.board.cancel(body.task) }),
  retryBoardTask: async ({ device, body }) => ({ facts: await device.board.retry(body.task) }),
  exportBoardTask: async ({ device, body }) => ({ text: await device.board.export(body.task) }),
};

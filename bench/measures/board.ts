import { Child } from "../child.ts";
import { compared, type Measure } from "../figures.ts";
import { Mesh } from "../mesh.ts";
import type { AgentCommands } from "../roles/agent.ts";

const asker = "asker";
const workers = Array.from({ length: 10 }, (_, index) => `worker-${index}`);
const tasks = 1000;

/** A thousand tasks through ten workers, beside as many durable messages to them with durable replies; all journals are on disk. */
export const board: Measure = {
  name: "board",
  async run(bench) {
    const mesh = await Mesh.start();
    const near = Child.start<AgentCommands>("agent");
    const far = Child.start<AgentCommands>("agent");
    await mesh.join(near, asker, { durable: true });
    for (const name of workers) await mesh.join(far, name, { durable: true });
    for (const name of workers) {
      await far.ask("answer", name);
      await far.ask("workForBoard", name);
      await near.ask("connect", { as: asker, to: name });
    }
    const [messages, board]: [number[], number[]] = [[], []];
    const rate = ({ count, ms }: { count: number; ms: number }): number => count / (ms / 1000);
    await near.ask("askByMessage", { as: asker, to: workers, count: tasks });
    await near.ask("askByBoard", { as: asker, count: tasks });
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`${tasks} tasks through ${workers.length} workers, round ${round} of ${bench.rounds}`);
      messages.push(rate(await near.ask("askByMessage", { as: asker, to: workers, count: tasks })));
      board.push(rate(await near.ask("askByBoard", { as: asker, count: tasks })));
    }
    bench.record(
      compared({
        key: "board",
        title: `board, ${tasks} tasks, ${workers.length} workers`,
        unit: "tasks/s",
        baselineName: "durable messages with replies",
        baseline: messages,
        parley: board,
        field: "board_ratio",
        target: { at: "least", value: 0.5 },
      }),
    );
    for (const fault of [...(await near.ask("refusals")), ...(await far.ask("refusals"))]) bench.broken(fault);
    await Promise.all([near.stop(), far.stop()]);
    await mesh.stop();
  },
};

import { Child } from "../child.ts";
import { compared, type Measure } from "../figures.ts";
import { Mesh } from "../mesh.ts";
import type { AgentCommands } from "../roles/agent.ts";

const depth = 10;
const names = Array.from({ length: depth + 1 }, (_, index) => `agent-${index}`);
/** Many short turns say more than a few long ones. */
const turnsPerRound = 4;

/** Ten delegates, each made by the work on the one before, beside one; the agents are in two processes by turns, with direct links. */
export const nested: Measure = {
  name: "nested",
  async run(bench) {
    const mesh = await Mesh.start();
    const processes = [Child.start<AgentCommands>("agent"), Child.start<AgentCommands>("agent")] as const;
    const processOf = (index: number) => processes[index % 2 === 0 ? 0 : 1];
    for (const [index, name] of names.entries()) await mesh.join(processOf(index), name, { durable: true });
    for (const [index, name] of names.entries())
      await processOf(index).ask("serveHandOn", { as: name, to: names[index + 1] ?? name });
    for (const [index, name] of names.slice(0, -1).entries())
      await processOf(index).ask("connect", { as: name, to: names[index + 1] ?? name });
    const [as, to] = [names[0] ?? "", names[1] ?? ""];
    const [one, ten]: [number[], number[]] = [[], []];
    const call = async (left: number): Promise<number> =>
      (await processOf(0).ask("handOn", { as, to, left, seconds: bench.seconds / turnsPerRound })).p50;
    await call(depth - 1);
    for (let turn = 1; turn <= bench.rounds * turnsPerRound; turn++) {
      bench.progress(`${depth} nested delegates, turn ${turn}`);
      one.push(await call(0));
      ten.push(await call(depth - 1));
    }
    bench.record(
      compared({
        key: "nested",
        title: `${depth} nested delegates, p50`,
        unit: "ms",
        baselineName: "one",
        baseline: one,
        parley: ten,
        field: "nested_ratio",
        target: { at: "most", value: 12 },
      }),
    );
    for (const process of processes) for (const fault of await process.ask("refusals")) bench.broken(fault);
    await Promise.all(processes.map((process) => process.stop()));
    await mesh.stop();
  },
};

import { Child } from "../child.ts";
import { compared, type Bench, type Measure } from "../figures.ts";
import { type Agent, Mesh } from "../mesh.ts";
import { between } from "../pair-of-agents.ts";
import type { AgentCommands } from "../roles/agent.ts";

const count = 10_000;
const size = 256;

/** Messages a second at the handler, from the first to the last. */
async function rateOf(bench: Bench, far: Agent, what: string, run: () => Promise<void>): Promise<number> {
  await far.ask("reset");
  const [{ count: came, ms, misplaced }] = await Promise.all([far.ask("arrivals"), run()]);
  if (came !== count || misplaced > 0) bench.broken(`${what}: ${count} sent, ${came} handled, ${misplaced} misplaced`);
  return came / (ms / 1000);
}

/** Ten thousand messages for one member: handed on while it is connected, and waiting for it in its mailbox. */
export const drain: Measure = {
  name: "drain",
  async run(bench) {
    const mesh = await Mesh.start();
    const near = Child.start<AgentCommands>("agent");
    const far = Child.start<AgentCommands>("agent");
    await mesh.join(near, between.as, { durable: true });
    await mesh.join(far, between.to, { durable: true });
    await far.ask("listen", between.to);
    const relay: number[] = [];
    const waiting: number[] = [];
    const send = async (state: "stored" | "delivered"): Promise<void> => {
      const { reached } = await near.ask("sendByRegistry", { ...between, size, count, state });
      if (reached !== count) bench.broken(`${count} sent, ${reached} ${state}`);
    };
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`messages by relay and out of a mailbox, round ${round} of ${bench.rounds}`);
      relay.push(await rateOf(bench, far, "relay", () => send("delivered")));
      await far.ask("leave", between.to);
      await send("stored");
      waiting.push(await rateOf(bench, far, "mailbox", () => far.ask("comeBack", between.to)));
    }
    bench.record(
      compared({
        key: "drain",
        title: `${count} waiting messages of ${size} B, handled`,
        unit: "messages/s",
        baselineName: "relay",
        baseline: relay,
        parley: waiting,
        field: "drain_ratio",
        target: { at: "least", value: 0.5 },
      }),
    );
    for (const fault of await far.ask("refusals")) bench.broken(fault);
    await Promise.all([near.stop(), far.stop()]);
    await mesh.stop();
  },
};

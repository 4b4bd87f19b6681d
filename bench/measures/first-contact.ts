import { Child } from "../child.ts";
import type { Measure } from "../figures.ts";
import { Mesh } from "../mesh.ts";
import type { AgentCommands } from "../roles/agent.ts";
import { spreadOf } from "../spread.ts";

const pairs = 10;

/** From the first message between two who never met to the reply, while there is no link yet. */
export const firstContact: Measure = {
  name: "first-contact",
  async run(bench) {
    const mesh = await Mesh.start();
    const near = Child.start<AgentCommands>("agent");
    const far = Child.start<AgentCommands>("agent");
    const took: number[] = [];
    const paths: string[] = [];
    for (let pair = 1; pair <= pairs; pair++) {
      bench.progress(`first contact, pair ${pair} of ${pairs}`);
      await mesh.join(near, `asks${pair}`, { durable: true });
      await mesh.join(far, `answers${pair}`, { durable: true });
      await far.ask("answer", `answers${pair}`);
      const { ms, path } = await near.ask("firstReply", { as: `asks${pair}`, to: `answers${pair}` });
      took.push(ms);
      paths.push(path);
    }
    const relayed = paths.filter((path) => path === "relay").length;
    bench.record({
      key: "first_reply",
      title: "first send to first reply, no link",
      unit: "ms",
      parley: spreadOf(took),
      note: `${relayed} of ${pairs} replies by relay`,
    });
    await Promise.all([near.stop(), far.stop()]);
    await mesh.stop();
  },
};

import type { Bench, Measure } from "../figures.ts";
import { between, PairOfAgents } from "../pair-of-agents.ts";
import { spreadOf } from "../spread.ts";

const sizes = [
  { size: 256, name: "256 B" },
  { size: 16_384, name: "16 KiB" },
];
/** Each is handled and forgotten on its own, so a run is bounded by number as well as by time. */
const mostPerSecond = 4000;

async function flood(bench: Bench, { near, far }: PairOfAgents, size: number) {
  await far.ask("reset");
  const arrivals = far.ask("arrivals");
  const most = Math.ceil(mostPerSecond * bench.seconds);
  const {
    sent,
    delivered,
    ms: untilDelivered,
  } = await near.ask("floodDurable", {
    ...between,
    size,
    seconds: bench.seconds,
    most,
  });
  const { count, ms, misplaced } = await arrivals;
  if (count !== sent || delivered !== sent || misplaced > 0) {
    bench.broken(`durable ${size} B: ${sent} sent, ${delivered} delivered, ${count} handled, ${misplaced} misplaced`);
  }
  return { handled: count / (ms / 1000), delivered: sent / (untilDelivered / 1000) };
}

/** Messages a second of class `durable`, with both journals on disk. */
export const durable: Measure = {
  name: "durable",
  async run(bench) {
    const pair = await PairOfAgents.start();
    await pair.far.ask("listen", between.to);
    for (const { size, name } of sizes) {
      const handled: number[] = [];
      const delivered: number[] = [];
      for (let round = 1; round <= bench.rounds; round++) {
        bench.progress(`durable messages of ${name}, round ${round} of ${bench.rounds}`);
        const rates = await flood(bench, pair, size);
        handled.push(rates.handled);
        delivered.push(rates.delivered);
      }
      const unit = "messages/s";
      bench.record({
        key: `durable_${size}_delivered`,
        title: `durable ${name}, delivered`,
        unit,
        parley: spreadOf(delivered),
      });
      bench.record({ key: `durable_${size}`, title: `durable ${name}, handled`, unit, parley: spreadOf(handled) });
    }
    for (const fault of await pair.faults()) bench.broken(fault);
    await pair.stop();
  },
};

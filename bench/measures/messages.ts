import type { Bench, Measure } from "../figures.ts";
import { compared } from "../figures.ts";
import { between, PairOfAgents } from "../pair-of-agents.ts";
import { RawPair } from "../raw-pair.ts";

const sizes = [
  { size: 256, name: "256 B", field: "direct_256_ratio", target: 1.4 },
  { size: 16_384, name: "16 KiB", field: "direct_16k_ratio", target: 0.95 },
];
const highWaterBytes = 1_048_576;
const lowWaterBytes = 262_144;
const warmUpSeconds = 0.3;

/** One run over the bare stack; messages a second at the receiver. */
async function floodRaw(bench: Bench, raw: RawPair, size: number, seconds: number): Promise<number> {
  await raw.far.ask("reset");
  const arrivals = raw.far.ask("arrivals");
  const { sent } = await raw.near.ask("flood", { size, seconds, high: highWaterBytes, low: lowWaterBytes });
  const { count, ms, misplaced } = await arrivals;
  if (count !== sent || misplaced > 0)
    bench.broken(`raw ${size} B: ${sent} sent, ${count} came, ${misplaced} misplaced`);
  return count / (ms / 1000);
}

/** One run over a live stream. */
async function floodLive(bench: Bench, { near, far }: PairOfAgents, size: number, seconds: number) {
  await far.ask("reset");
  const arrivals = far.ask("arrivals");
  const { sent, ms: untilAcked } = await near.ask("flood", { ...between, size, seconds });
  const { count, ms, misplaced } = await arrivals;
  if (count !== sent || misplaced > 0)
    bench.broken(`live ${size} B: ${sent} sent, ${count} came, ${misplaced} misplaced`);
  return { handled: count / (ms / 1000), acknowledged: sent / (untilAcked / 1000) };
}

async function measure(bench: Bench, raw: RawPair, pair: PairOfAgents): Promise<void> {
  for (const { size, name, field, target } of sizes) {
    const bare: number[] = [];
    const handled: number[] = [];
    const acknowledged: number[] = [];
    await floodRaw(bench, raw, size, warmUpSeconds);
    await floodLive(bench, pair, size, warmUpSeconds);
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`messages of ${name}, round ${round} of ${bench.rounds}`);
      bare.push(await floodRaw(bench, raw, size, bench.seconds));
      const live = await floodLive(bench, pair, size, bench.seconds);
      handled.push(live.handled);
      acknowledged.push(live.acknowledged);
    }
    const row = { unit: "messages/s", baselineName: "raw", baseline: bare };
    const ratio = { field, target: { at: "least" as const, value: target } };
    bench.record(compared({ ...row, ...ratio, key: `live_${size}`, title: `live ${name}, handled`, parley: handled }));
    bench.record(
      compared({ ...row, key: `live_${size}_acknowledged`, title: `live ${name}, acknowledged`, parley: acknowledged }),
    );
  }
}

/** Messages a second over one link: the bare stack, and class `live` with ids, order, acknowledgements and a handler. */
export const messages: Measure = {
  name: "messages",
  async run(bench) {
    const raw = new RawPair();
    await raw.open();
    const pair = await PairOfAgents.start();
    await pair.far.ask("listen", between.to);
    await measure(bench, raw, pair);
    for (const fault of await pair.faults()) bench.broken(fault);
    await Promise.all([raw.stop(), pair.stop()]);
  },
};

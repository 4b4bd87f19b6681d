import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import type { LoadFigures } from "../load.ts";
import { between, PairOfAgents } from "../pair-of-agents.ts";
import { RawPair } from "../raw-pair.ts";
import type { A2aCallerCommands } from "../roles/a2a-caller.ts";
import type { A2aServerCommands } from "../roles/a2a-server.ts";

/**
 * Round trips of single messages come in two speeds here, by how the system happens to spread the threads, so that many
 * short turns say more than a few long ones.
 */
const turnsPerRound = 4;
const inFlight = 32;

interface Parties {
  readonly raw: RawPair;
  readonly pair: PairOfAgents;
  readonly caller: Child<A2aCallerCommands>;
}

/** Runs every kind of call in turn. */
async function inTurn<Name extends string>(
  bench: Bench,
  what: string,
  turns: number,
  calls: Readonly<Record<Name, () => Promise<LoadFigures>>>,
): Promise<Readonly<Record<Name, readonly LoadFigures[]>>> {
  const names = Object.keys(calls) as Name[];
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, LoadFigures[]>;
  for (const name of names) await calls[name]();
  for (let turn = 1; turn <= turns; turn++) {
    bench.progress(`${what}, turn ${turn} of ${turns}`);
    for (const name of names) found[name].push(await calls[name]());
  }
  return found;
}

const p50Of = (loads: readonly LoadFigures[]): readonly number[] => loads.map(({ p50 }) => p50);
const p99Of = (loads: readonly LoadFigures[]): readonly number[] => loads.map(({ p99 }) => p99);
const ratesOf = (loads: readonly LoadFigures[]): readonly number[] => loads.map(({ perSecond }) => perSecond);

async function sequential(bench: Bench, { raw, pair, caller }: Parties): Promise<void> {
  const seconds = bench.seconds / turnsPerRound;
  const one = { seconds, inFlight: 1 };
  const found = await inTurn(bench, "round trips", bench.rounds * turnsPerRound, {
    raw: () => raw.near.ask("ping", { seconds }),
    ping: () => pair.near.ask("ping", { ...between, seconds }),
    delegate: () => pair.near.ask("delegate", { ...between, ...one }),
    a2a: () => caller.ask("call", one),
  });
  const most = (field: string, value: number) => ({ field, target: { at: "most" as const, value } });
  const bare = { unit: "ms", baselineName: "raw", baseline: p50Of(found.raw) };
  const ping = { key: "ping", title: "ping, p50", parley: p50Of(found.ping) };
  bench.record(compared({ ...bare, ...ping, ...most("rtt_ratio", 1.3) }));
  const late = { key: "ping_p99", title: "ping, p99", baseline: p99Of(found.raw), parley: p99Of(found.ping) };
  bench.record(compared({ ...bare, ...late }));
  const delegate = { key: "delegate", title: "delegate, p50", parley: p50Of(found.delegate) };
  bench.record(compared({ ...bare, ...delegate, ...most("delegate_rtt_ratio", 2) }));
  const http = { unit: "ms", baselineName: "A2A", baseline: p50Of(found.a2a) };
  bench.record(compared({ ...http, ...delegate, key: "delegate_beside_a2a", ...most("delegate_rtt_vs_a2a", 0.5) }));
  const slow = { key: "delegate_p99", title: "delegate, p99", baseline: p99Of(found.a2a) };
  bench.record(compared({ ...http, ...slow, parley: p99Of(found.delegate) }));
}

async function together(bench: Bench, { pair, caller }: Parties): Promise<void> {
  const load = { seconds: bench.seconds, inFlight };
  const found = await inTurn(bench, `${inFlight} calls in flight`, bench.rounds, {
    delegate: () => pair.near.ask("delegate", { ...between, ...load }),
    a2a: () => caller.ask("call", load),
  });
  bench.record(
    compared({
      key: "delegate_32",
      title: `delegate, ${inFlight} in flight`,
      unit: "calls/s",
      baselineName: "A2A",
      baseline: ratesOf(found.a2a),
      parley: ratesOf(found.delegate),
      field: "delegate_32_vs_a2a",
      target: { at: "least", value: 8 },
    }),
  );
}

/** Idle round trips, and calls of a skill that echoes, beside the bare stack and A2A over HTTP. */
export const calls: Measure = {
  name: "calls",
  async run(bench) {
    const raw = new RawPair();
    await raw.open();
    const pair = await PairOfAgents.start();
    await pair.far.ask("serveEcho", between.to);
    const server = Child.start<A2aServerCommands>("a2a-server");
    const caller = Child.start<A2aCallerCommands>("a2a-caller");
    await caller.ask("connect", await server.ask("start"));
    await sequential(bench, { raw, pair, caller });
    await together(bench, { raw, pair, caller });
    for (const fault of await pair.faults()) bench.broken(fault);
    await Promise.all([raw.stop(), pair.stop(), caller.stop(), server.stop()]);
  },
};

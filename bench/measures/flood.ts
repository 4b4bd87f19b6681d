import { join } from "node:path";

import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import type { FloodCommands, FloodKind } from "../roles/flood.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const kinds: readonly FloodKind[] = ["requests", "frames", "stored", "posts", "http"];
const titles: Readonly<Record<FloodKind, string>> = {
  requests: "requests",
  frames: "relayed frames of 1 KiB",
  stored: "stored frames of 1 KiB",
  posts: "posts",
  http: "HTTP requests on 32 connections",
};
const floodDevices = 8;
const relayPerSecond = 200;
/** Below what one session may post. */
const echoPerSecond = 15;

/** A registry, and a member that floods it. */
interface Flooded {
  readonly registry: Child<RegistryCommands>;
  readonly flooder: Child<FloodCommands>;
}

interface Parties {
  /** Members of the first registry's mesh that flood nobody. */
  readonly calm: Child<FloodCommands>;
  readonly here: Flooded;
  /** The same beside it on this machine, with which nobody calm has to do. */
  readonly elsewhere: Flooded;
}

const startFlooded = (): Flooded => ({
  registry: Child.start<RegistryCommands>("registry"),
  flooder: Child.start<FloodCommands>("flood"),
});

/** Starts a registry with the bounds that it has by itself; gives what lets a member of a process in. */
async function start({ registry, flooder }: Flooded, folder: string) {
  const { origin, secret, node } = await registry.ask("startBounded", folder);
  await registry.ask("claim", { origin, secret, node });
  const { mesh = "" } = (await (await fetch(`${origin}/node`)).json()) as { mesh?: string };
  const letIn = async (child: Child<FloodCommands>, name: string, devices: number): Promise<void> => {
    const link = new URL(await registry.ask("invite"));
    const { secret: invited } = JSON.parse(Buffer.from(link.hash.slice(1), "base64url").toString()) as {
      secret: string;
    };
    await registry.ask("approve", await child.ask("pair", { origin, mesh, name, secret: invited, devices }));
    await child.ask("connect", name);
  };
  await letIn(flooder, "mallory", floodDevices);
  await letIn(flooder, "sink", 1);
  return letIn;
}

async function enter(bench: Bench, { calm, here, elsewhere }: Parties, folder: string): Promise<void> {
  bench.progress("flood: members come in");
  await start(elsewhere, join(folder, "elsewhere"));
  const letIn = await start(here, join(folder, "here"));
  await letIn(calm, "carol", 1);
  await letIn(calm, "dave", 1);
}

type Delay = (calm: Child<FloodCommands>, seconds: number) => Promise<number>;

const relayDelay: Delay = (calm, seconds) =>
  calm.ask("relay", { from: "carol", to: "dave", perSecond: relayPerSecond, seconds });
const echoDelay: Delay = (calm, seconds) => calm.ask("echo", { from: "carol", perSecond: echoPerSecond, seconds });

/**
 * The same thing in a flood of the own registry and in one of the other registry, in turn: the processors are as busy with the flooder
 * and with what it floods, and only the registry differs. Without any flood besides.
 */
async function compare(
  bench: Bench,
  { calm, here, elsewhere }: Parties,
  kind: FloodKind,
  delay: Delay,
  what: string,
): Promise<void> {
  const quiet: number[] = [];
  const beside: number[] = [];
  const flooded: number[] = [];
  const busy: number[] = [];
  const during = async ({ flooder }: Flooded): Promise<number> => {
    await flooder.ask("begin", { kind, from: "mallory", to: "sink" });
    const took = await delay(calm, bench.seconds);
    await flooder.ask("cease");
    return took;
  };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`flood of ${kind}, ${what} ${round} of ${bench.rounds}`);
    quiet.push(await delay(calm, bench.seconds));
    beside.push(await during(elsewhere));
    const [began, before] = [performance.now(), await here.registry.ask("processor")];
    flooded.push(await during(here));
    busy.push((((await here.registry.ask("processor")) - before) * 1000) / ((performance.now() - began) / 1000));
  }
  bench.record(
    compared({
      key: `flood_${kind}_${what}`,
      title: `${what === "relay" ? "frame by relay" : "post to its echo"}, p99, another floods with ${titles[kind]}`,
      unit: "ms",
      baselineName: "flood elsewhere",
      baseline: beside,
      parley: flooded,
      field: what === "relay" ? `flood_${kind}_p99_ratio` : `flood_${kind}_echo_p99_ratio`,
      target: { at: "most", value: 2 },
    }),
  );
  bench.record({
    key: `flood_${kind}_${what}_quiet`,
    title: "the same with no flood at all",
    unit: "ms",
    parley: spreadOf(quiet),
  });
  bench.record({
    key: `flood_${kind}_${what}_processor`,
    title: "the registry's processor time meanwhile",
    unit: "ms/s",
    parley: spreadOf(busy),
  });
}

/** What others notice of a member that asks a registry, with the bounds that it has by itself, for all it can get. */
export const flood: Measure = {
  name: "flood",
  async run(bench) {
    const folder = new ScratchFolder();
    const parties: Parties = {
      calm: Child.start<FloodCommands>("flood"),
      here: startFlooded(),
      elsewhere: startFlooded(),
    };
    try {
      await enter(bench, parties, folder.path);
      await relayDelay(parties.calm, bench.seconds);
      for (const kind of kinds) await compare(bench, parties, kind, relayDelay, "relay");
      for (const kind of ["posts", "stored"] as const) await compare(bench, parties, kind, echoDelay, "echo");
      const { calm, here, elsewhere } = parties;
      const children: Child[] = [calm, here.flooder, here.registry, elsewhere.flooder, elsewhere.registry];
      await Promise.all(children.map((child) => child.stop()));
    } finally {
      folder.remove();
    }
  },
};

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

interface Parties {
  readonly registry: Child<RegistryCommands>;
  readonly calm: Child<FloodCommands>;
  readonly flooder: Child<FloodCommands>;
}

async function enter(bench: Bench, { registry, calm, flooder }: Parties, folder: string): Promise<void> {
  bench.progress("flood: members come in");
  const { origin, secret, node } = await registry.ask("startBounded", folder);
  await registry.ask("claim", { origin, secret, node });
  const { mesh = "" } = (await (await fetch(`${origin}/node`)).json()) as { mesh?: string };
  const join = async (child: Child<FloodCommands>, name: string, devices: number): Promise<void> => {
    const link = new URL(await registry.ask("invite"));
    const { secret: invited } = JSON.parse(Buffer.from(link.hash.slice(1), "base64url").toString()) as {
      secret: string;
    };
    await registry.ask("approve", await child.ask("pair", { origin, mesh, name, secret: invited, devices }));
    await child.ask("connect", name);
  };
  await join(calm, "carol", 1);
  await join(calm, "dave", 1);
  await join(flooder, "mallory", floodDevices);
  await join(flooder, "sink", 1);
}

type Delay = (calm: Child<FloodCommands>, seconds: number) => Promise<number>;

const relayDelay: Delay = (calm, seconds) =>
  calm.ask("relay", { from: "carol", to: "dave", perSecond: relayPerSecond, seconds });
const echoDelay: Delay = (calm, seconds) => calm.ask("echo", { from: "carol", perSecond: echoPerSecond, seconds });

/** The same thing in quiet and in a flood, in turn. */
async function compare(
  bench: Bench,
  { registry, calm, flooder }: Parties,
  kind: FloodKind,
  delay: Delay,
  what: string,
): Promise<void> {
  const quiet: number[] = [];
  const flooded: number[] = [];
  const busy: number[] = [];
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`flood of ${kind}, ${what} ${round} of ${bench.rounds}`);
    quiet.push(await delay(calm, bench.seconds));
    await flooder.ask("begin", { kind, from: "mallory", to: "sink" });
    const [began, before] = [performance.now(), await registry.ask("processor")];
    flooded.push(await delay(calm, bench.seconds));
    busy.push((((await registry.ask("processor")) - before) * 1000) / ((performance.now() - began) / 1000));
    await flooder.ask("cease");
  }
  bench.record(
    compared({
      key: `flood_${kind}_${what}`,
      title: `${what === "relay" ? "frame by relay" : "post to its echo"}, p99, another floods with ${titles[kind]}`,
      unit: "ms",
      baselineName: "quiet",
      baseline: quiet,
      parley: flooded,
      field: what === "relay" ? `flood_${kind}_p99_ratio` : `flood_${kind}_echo_p99_ratio`,
      target: { at: "most", value: 2 },
    }),
  );
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
      registry: Child.start<RegistryCommands>("registry"),
      calm: Child.start<FloodCommands>("flood"),
      flooder: Child.start<FloodCommands>("flood"),
    };
    try {
      await enter(bench, parties, folder.path);
      await relayDelay(parties.calm, bench.seconds);
      for (const kind of kinds) await compare(bench, parties, kind, relayDelay, "relay");
      for (const kind of ["posts", "stored"] as const) await compare(bench, parties, kind, echoDelay, "echo");
      await Promise.all([parties.calm, parties.flooder, parties.registry].map((child: Child) => child.stop()));
    } finally {
      folder.remove();
    }
  },
};

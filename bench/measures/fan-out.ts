import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import { NatsServer } from "../nats-server.ts";
import type { PlainBroadcastCommands } from "../roles/plain-broadcast.ts";
import type { PostAuthorsCommands } from "../roles/post-authors.ts";
import type { PostReadersCommands } from "../roles/post-readers.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const members = 200;
const authors = 16;
/** What takes part, as the report calls what is beside Parley. */
const names = { plain: "plain ws", nats: "nats-server", parley: "Parley" } as const;
type Way = keyof typeof names;
/** Posts of each author for each second that a measurement may take; so many do fit. */
const postsPerSecond: Record<Way, number> = { parley: 500, plain: 60, nats: 300 };
/** All at a rate that is about a tenth of what the plain server does here. */
const calmPostsPerSecond = 100;

interface Party {
  readonly way: Way;
  readonly readers: Child<PostReadersCommands>;
  readonly authors: Child<PostAuthorsCommands>;
  /** Seconds that the server kept processors busy so far. */
  readonly processor: () => Promise<number | undefined>;
}

interface Rates {
  /** From the first post to the last delivery. */
  readonly perSecond: number;
  /** What is left of it when others use the machine: by the server's own time. */
  readonly perProcessorSecond: number;
}

interface Delays {
  readonly p50: number;
  readonly p99: number;
}

function partyOf(way: Way, processor: Party["processor"]): Party {
  const readers = Child.start<PostReadersCommands>("post-readers");
  return { way, readers, authors: Child.start<PostAuthorsCommands>("post-authors"), processor };
}

async function enter(party: Party, origin: string, secret: string): Promise<void> {
  const { channel, mesh } = await party.readers.ask("follow", { origin, secret, readers: members });
  await party.readers.ask("know", await party.authors.ask("make", authors));
  for (let index = 0; index < authors; index++) {
    const invite = await party.readers.ask("invite");
    const pairing = await party.authors.ask("pair", { origin, index, secret: invite, mesh });
    await party.readers.ask("approve", { pairing, name: `author-${index}` });
  }
  await party.authors.ask("join", { origin, channel, mesh });
}

async function measure(bench: Bench, { way, readers, authors: writers, processor }: Party): Promise<Rates> {
  const each = Math.max(1, Math.round(postsPerSecond[way] * bench.seconds));
  await writers.ask("sign", each);
  // Where an author gets its own back, it is no reader.
  await readers.ask("expect", { readers: members, posts: each * authors });
  const done = readers
    .ask("done")
    .then((figures) => ({ ...figures, ended: performance.timeOrigin + performance.now() }));
  const busyBefore = await processor();
  const [began, { deliveries, faults, ended }] = await Promise.all([
    writers.ask(way === "parley" ? "post" : "broadcast"),
    done,
  ]);
  if (faults > 0) bench.broken(`${faults} posts of ${names[way]} were not as they were signed`);
  if (deliveries !== each * authors * members) bench.broken(`${deliveries} deliveries of ${each * authors * members}`);
  const busy = ((await processor()) ?? 0) - (busyBefore ?? 0);
  return { perSecond: deliveries / ((ended - began) / 1000), perProcessorSecond: busy > 0 ? deliveries / busy : 0 };
}

async function delaysOf(bench: Bench, { way, readers, authors: writers }: Party): Promise<Delays> {
  const each = Math.max(20, Math.round(calmPostsPerSecond * bench.seconds));
  await writers.ask("sign", each);
  await readers.ask("expect", { readers: members, posts: each });
  const after = Number.MAX_SAFE_INTEGER;
  const delays =
    way === "parley"
      ? await writers.ask("postPaced", { perSecond: calmPostsPerSecond, after })
      : await writers.ask("broadcastPaced", calmPostsPerSecond);
  await readers.ask("done");
  return delays;
}

/** What each party came to, round by round. */
type Found<Figures> = ReadonlyMap<Way, readonly Figures[]>;

const each = <Figures>(found: Found<Figures>, way: Way, which: keyof Figures): number[] =>
  (found.get(way) ?? []).map((figures) => Number(figures[which]));

/** Measures everybody in turn, so often. */
async function inTurn<Figures>(
  parties: readonly Party[],
  rounds: number,
  run: (party: Party) => Promise<Figures>,
  onRound: (round: number) => void,
): Promise<Found<Figures>> {
  const found = new Map<Way, Figures[]>(parties.map(({ way }) => [way, []]));
  for (let round = 1; round <= rounds; round++) {
    onRound(round);
    for (const party of parties) found.get(party.way)?.push(await run(party));
  }
  return found;
}

async function compareRates(bench: Bench, parties: readonly Party[]): Promise<void> {
  // The first is for warming up.
  for (const party of parties) await measure(bench, party);
  const run = (party: Party): Promise<Rates> => measure(bench, party);
  const found = await inTurn(parties, bench.rounds, run, (round) =>
    bench.progress(`fan-out to ${members}, round ${round} of ${bench.rounds}`),
  );
  const row = (way: Way, which: keyof Rates) => ({
    unit: "deliveries/s",
    baselineName: names[way],
    baseline: each(found, way, which),
    parley: each(found, "parley", which),
  });
  bench.record({
    ...compared({
      ...row("plain", "perSecond"),
      key: "fan_out",
      title: `posts to ${members} members, stored and signed`,
      field: "fan_out_vs_plain",
      target: { at: "least", value: 4 },
    }),
    note: `${authors} authors; readers check every byte and 1 signature in 1,000`,
  });
  const title = "the same by the server's processor time";
  const key = "fan_out_processor";
  bench.record(compared({ ...row("plain", "perProcessorSecond"), key, title, field: "fan_out_processor_vs_plain" }));
  if (!found.has("nats")) return;
  bench.record(
    compared({
      ...row("nats", "perSecond"),
      key: "fan_out_nats",
      title: `posts to ${members} members`,
      field: "fan_out_vs_nats",
    }),
  );
  if (each(found, "nats", "perProcessorSecond").includes(0)) return;
  bench.record(
    compared({
      ...row("nats", "perProcessorSecond"),
      key: "fan_out_processor_nats",
      title,
      field: "fan_out_processor_vs_nats",
    }),
  );
}

async function compareDelays(bench: Bench, parties: readonly Party[]): Promise<void> {
  const run = (party: Party): Promise<Delays> => delaysOf(bench, party);
  const found = await inTurn(parties, bench.rounds, run, (round) =>
    bench.progress(`fan-out at ${calmPostsPerSecond} posts/s, round ${round} of ${bench.rounds}`),
  );
  const row = (way: Way, which: keyof Delays) => ({
    key: `fan_out_${which}${way === "nats" ? "_nats" : ""}`,
    title: `post to its echo at ${calmPostsPerSecond} posts/s, ${which}`,
    unit: "ms",
    baselineName: names[way],
    baseline: each(found, way, which),
    parley: each(found, "parley", which),
  });
  bench.record(compared(row("plain", "p50")));
  const target = { at: "most", value: 1.5 } as const;
  bench.record(compared({ ...row("plain", "p99"), field: "fan_out_p99_vs_plain", target }));
  if (!found.has("nats")) return;
  bench.record(compared(row("nats", "p50")));
  bench.record(compared({ ...row("nats", "p99"), field: "fan_out_p99_vs_nats" }));
}

async function startParley(bench: Bench, registry: Child<RegistryCommands>, folder: ScratchFolder): Promise<Party> {
  const party = partyOf("parley", () => registry.ask("processor"));
  bench.progress(`${members} members come in`);
  const { origin, secret } = await registry.ask("start", folder.path);
  await enter(party, origin, secret);
  return party;
}

async function startPlain(server: Child<PlainBroadcastCommands>): Promise<Party> {
  const party = partyOf("plain", () => server.ask("processor"));
  const url = await server.ask("start");
  await party.readers.ask("listen", { url, readers: members });
  await party.readers.ask("know", await party.authors.ask("make", authors));
  await party.authors.ask("connect", url);
  return party;
}

async function startNats(nats: NatsServer): Promise<Party> {
  const party = partyOf("nats", () => Promise.resolve(nats.processorSeconds()));
  await party.readers.ask("subscribe", { url: nats.url, readers: members });
  await party.readers.ask("know", await party.authors.ask("make", authors));
  await party.authors.ask("connectNats", nats.url);
  return party;
}

/** One channel with many members, beside what sends the same bytes to as many from memory. */
export const fanOut: Measure = {
  name: "fan-out",
  async run(bench) {
    const folder = new ScratchFolder();
    const registry = Child.start<RegistryCommands>("registry");
    const server = Child.start<PlainBroadcastCommands>("plain-broadcast");
    const nats = await NatsServer.start();
    if (nats === undefined) bench.leftOut("fan-out beside nats-server: the program is not here (Debian: nats-server)");
    try {
      const parties = [await startPlain(server)];
      if (nats !== undefined) parties.push(await startNats(nats));
      parties.push(await startParley(bench, registry, folder));
      await compareRates(bench, parties);
      await compareDelays(bench, parties);
      const memory = await registry.ask("memory");
      bench.record({
        key: "fan_out_registry",
        title: "memory of the registry afterwards",
        unit: "KiB",
        parley: spreadOf([memory]),
      });
      const children = parties.flatMap((party): Child[] => [party.readers, party.authors]);
      await Promise.all([registry, server, ...children].map((child) => child.stop()));
    } finally {
      await nats?.stop();
      folder.remove();
    }
  },
};

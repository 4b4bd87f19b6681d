import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import type { PlainBroadcastCommands } from "../roles/plain-broadcast.ts";
import type { PostAuthorsCommands } from "../roles/post-authors.ts";
import type { PostReadersCommands } from "../roles/post-readers.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const members = 200;
const authors = 16;
/** Posts of each author for each second that a measurement may take; so many do fit. */
const postsPerSecond = { parley: 500, plain: 60 };
/** Both at a rate that is about a tenth of what the plain server does here. */
const calmPostsPerSecond = 100;

interface Parties {
  readonly readers: Child<PostReadersCommands>;
  readonly authors: Child<PostAuthorsCommands>;
  /** Seconds that the server kept a processor busy so far. */
  readonly processor: () => Promise<number>;
}

interface Rates {
  /** From the first post to the last delivery. */
  readonly perSecond: number;
  /** What is left of it when others use the machine: by the server's own time. */
  readonly perProcessorSecond: number;
}

async function enter(parties: Parties, origin: string, secret: string): Promise<void> {
  const { channel, mesh } = await parties.readers.ask("follow", { origin, secret, readers: members });
  await parties.readers.ask("know", await parties.authors.ask("make", authors));
  for (let index = 0; index < authors; index++) {
    const invite = await parties.readers.ask("invite");
    const pairing = await parties.authors.ask("pair", { origin, index, secret: invite, mesh });
    await parties.readers.ask("approve", { pairing, name: `author-${index}` });
  }
  await parties.authors.ask("join", { origin, channel, mesh });
}

async function measure(
  bench: Bench,
  { readers, authors: writers, processor }: Parties,
  how: "parley" | "plain",
): Promise<Rates> {
  const each = Math.max(1, Math.round(postsPerSecond[how] * bench.seconds));
  await writers.ask("sign", each);
  // An author of the plain server gets its own back; it is no reader.
  await readers.ask("expect", { readers: members, posts: each * authors });
  const done = readers
    .ask("done")
    .then((figures) => ({ ...figures, ended: performance.timeOrigin + performance.now() }));
  const busyBefore = await processor();
  const began = await writers.ask(how === "parley" ? "post" : "broadcast");
  const { deliveries, faults, ended } = await done;
  if (faults > 0) bench.broken(`${faults} posts of ${how} were not as they were signed`);
  if (deliveries !== each * authors * members) bench.broken(`${deliveries} deliveries of ${each * authors * members}`);
  const busy = (await processor()) - busyBefore;
  return { perSecond: deliveries / ((ended - began) / 1000), perProcessorSecond: deliveries / busy };
}

async function compareRates(bench: Bench, parley: Parties, plain: Parties): Promise<void> {
  const rates: Record<"parley" | "plain", Rates[]> = { parley: [], plain: [] };
  for (let round = 0; round <= bench.rounds; round++) {
    bench.progress(`fan-out to ${members}, round ${round} of ${bench.rounds}`);
    const found = { plain: await measure(bench, plain, "plain"), parley: await measure(bench, parley, "parley") };
    // The first is for warming up.
    if (round === 0) continue;
    rates.plain.push(found.plain);
    rates.parley.push(found.parley);
  }
  bench.record({
    ...compared({
      key: "fan_out",
      title: `posts to ${members} members, stored and signed`,
      unit: "deliveries/s",
      baselineName: "plain ws",
      baseline: rates.plain.map(({ perSecond }) => perSecond),
      parley: rates.parley.map(({ perSecond }) => perSecond),
      field: "fan_out_vs_plain",
      target: { at: "least", value: 4 },
    }),
    note: `${authors} authors; readers check every byte and 1 signature in 1,000`,
  });
  bench.record(
    compared({
      key: "fan_out_processor",
      title: "the same by the server's processor time",
      unit: "deliveries/s",
      baselineName: "plain ws",
      baseline: rates.plain.map(({ perProcessorSecond }) => perProcessorSecond),
      parley: rates.parley.map(({ perProcessorSecond }) => perProcessorSecond),
      field: "fan_out_processor_vs_plain",
    }),
  );
}

async function compareLatency(bench: Bench, parley: Parties, plain: Parties): Promise<void> {
  const found: Record<"parley" | "plain", { p50: number; p99: number }[]> = { parley: [], plain: [] };
  const each = Math.max(20, Math.round(calmPostsPerSecond * bench.seconds));
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`fan-out at ${calmPostsPerSecond} posts/s, round ${round} of ${bench.rounds}`);
    for (const { authors: writers } of [plain, parley]) await writers.ask("sign", each);
    for (const { readers } of [plain, parley]) await readers.ask("expect", { readers: members, posts: each });
    found.plain.push(await plain.authors.ask("broadcastPaced", calmPostsPerSecond));
    await plain.readers.ask("done");
    const after = Number.MAX_SAFE_INTEGER;
    found.parley.push(await parley.authors.ask("postPaced", { perSecond: calmPostsPerSecond, after }));
    await parley.readers.ask("done");
  }
  const row = (which: "p50" | "p99") => ({
    key: `fan_out_${which}`,
    title: `post to its echo at ${calmPostsPerSecond} posts/s, ${which}`,
    unit: "ms",
    baselineName: "plain ws",
    baseline: found.plain.map((figures) => figures[which]),
    parley: found.parley.map((figures) => figures[which]),
  });
  bench.record(compared(row("p50")));
  bench.record(compared({ ...row("p99"), field: "fan_out_p99_vs_plain", target: { at: "most", value: 1.5 } }));
}

/** One channel with many members, beside a plain server that sends the same bytes to as many from memory. */
export const fanOut: Measure = {
  name: "fan-out",
  async run(bench) {
    const folder = new ScratchFolder();
    const registry = Child.start<RegistryCommands>("registry");
    const server = Child.start<PlainBroadcastCommands>("plain-broadcast");
    const start = (of: Child<RegistryCommands> | Child<PlainBroadcastCommands>): Parties => ({
      readers: Child.start<PostReadersCommands>("post-readers"),
      authors: Child.start<PostAuthorsCommands>("post-authors"),
      processor: () => (of as Child<PlainBroadcastCommands>).ask("processor"),
    });
    const [parley, plain] = [start(registry), start(server)];
    bench.progress(`${members} members come in`);
    const { origin, secret } = await registry.ask("start", folder.path);
    await enter(parley, origin, secret);
    const url = await server.ask("start");
    await plain.readers.ask("listen", { url, readers: members });
    await plain.readers.ask("know", await plain.authors.ask("make", authors));
    await plain.authors.ask("connect", url);
    await compareRates(bench, parley, plain);
    await compareLatency(bench, parley, plain);
    const memory = await registry.ask("memory");
    bench.record({
      key: "fan_out_registry",
      title: "memory of the registry afterwards",
      unit: "KiB",
      parley: spreadOf([memory]),
    });
    await Promise.all(
      [registry, server, parley.readers, parley.authors, plain.readers, plain.authors].map((child) => child.stop()),
    );
    folder.remove();
  },
};

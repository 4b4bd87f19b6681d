import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import type { LoadFigures } from "../load.ts";
import type { ArchiveCommands } from "../roles/archive.ts";
import type { ChannelHistoryCommands } from "../roles/channel-history.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const few = 100;
const many = 100_000;
/** Each round goes so often from the one to the other and back. */
const turns = 4;

const count = new Intl.NumberFormat("en-GB");

interface History {
  readonly member: Child<ChannelHistoryCommands>;
  readonly stop: () => Promise<void>;
}

/** A registry that started when its channel had these posts, and a member that came in just then. */
async function historyOf(bench: Bench, posts: number): Promise<History> {
  const folder = new ScratchFolder();
  const member = Child.start<ChannelHistoryCommands>("channel-history");
  const first = Child.start<RegistryCommands>("registry");
  bench.progress(`a channel gets ${posts} posts`);
  await member.ask("fill", { ...(await first.ask("start", folder.path)), posts });
  await first.stop();
  const registry = Child.start<RegistryCommands>("registry");
  const last = await member.ask("comeIn", (await registry.ask("start", folder.path)).origin);
  if (last < posts) bench.broken(`a channel of ${posts} posts ends at ${last}`);
  const stop = async (): Promise<void> => {
    await Promise.all([member.stop(), registry.stop()]);
    folder.remove();
  };
  return { member, stop };
}

/** The newest page of a long channel beside that of a short one, each at a registry of its own. */
async function compareHistories(bench: Bench): Promise<void> {
  const short = await historyOf(bench, few);
  const long = await historyOf(bench, many);
  const readNewest = ({ member }: History): Promise<LoadFigures> => member.ask("readNewest", bench.seconds / turns);
  const found = { few: [] as LoadFigures[], many: [] as LoadFigures[] };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`first page, round ${round} of ${bench.rounds}`);
    for (let turn = 0; turn < turns; turn++) {
      const [below, own] = [await readNewest(short), await readNewest(long)];
      // A machine that is busy with something else may not come to anything in so short a time.
      if (below.calls === 0 || own.calls === 0) continue;
      found.few.push(below);
      found.many.push(own);
    }
  }
  await Promise.all([short.stop(), long.stop()]);
  const row = (which: "p50" | "p99") => ({
    key: `first_page_${which}`,
    title: `first page of a channel with ${count.format(many)} posts, ${which}`,
    unit: "ms",
    baselineName: `with ${few}`,
    baseline: found.few.map((figures) => figures[which]),
    parley: found.many.map((figures) => figures[which]),
  });
  bench.record(compared({ ...row("p50"), field: "first_page_vs_short", target: { at: "most", value: 2 } }));
  bench.record(compared(row("p99")));
}

/** Search in a device's own archive, and its newest page. */
async function measureArchive(bench: Bench): Promise<void> {
  const folder = new ScratchFolder();
  const archive = Child.start<ArchiveCommands>("archive");
  bench.progress(`an archive gets ${many} messages`);
  await archive.ask("fill", { dir: folder.path, messages: many });
  const found = { rare: [] as number[], common: [] as number[], page: [] as number[] };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.progress(`archive, round ${round} of ${bench.rounds}`);
    const seconds = bench.seconds / 3;
    found.rare.push((await archive.ask("search", { text: "needle", seconds })).p50);
    found.common.push((await archive.ask("search", { text: "common", seconds })).p50);
    found.page.push((await archive.ask("readNewest", seconds)).p50);
  }
  await archive.stop();
  folder.remove();
  const row = (key: keyof typeof found, title: string): void =>
    bench.record({
      key: `archive_${key}`,
      title: `archive of ${count.format(many)} messages, ${title}`,
      unit: "ms",
      parley: spreadOf(found[key]),
    });
  row("rare", "search for a word that few have, p50");
  row("common", "search for a word that all have, p50");
  row("page", "newest page, p50");
}

/** How long somebody who comes late waits for what was said. */
export const firstPage: Measure = {
  name: "first-page",
  async run(bench) {
    await compareHistories(bench);
    await measureArchive(bench);
  },
};

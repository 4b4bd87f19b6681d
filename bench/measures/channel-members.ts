import { Child } from "../child.ts";
import type { Bench, Measure } from "../figures.ts";
import type { ChannelMembersCommands } from "../roles/channel-members.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

/** The first ones pay for what all share. */
const few = 1000;
const many = 5000;
/** What was needed for a while only is given back by then. */
const calmMs = 3000;

/** KiB of a registry's process. */
interface Memory {
  readonly resident: number;
  readonly live: number;
}

const calm = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, calmMs));

/** What a collection empties is given back to the system a while after it. */
async function memoryOf(registry: Child<RegistryCommands>): Promise<Memory> {
  await calm();
  const live = await registry.ask("live");
  await calm();
  return { live, resident: await registry.ask("memory") };
}

/** Memory of a registry that started when all these members were in its channel: while they are away, and with all of them there. */
async function registryOf(bench: Bench, members: number): Promise<{ readonly away: Memory; readonly there: Memory }> {
  const folder = new ScratchFolder();
  const devices = Child.start<ChannelMembersCommands>("channel-members");
  const first = Child.start<RegistryCommands>("registry");
  bench.progress(`${members} members of a channel come in`);
  await devices.ask("admit", { ...(await first.ask("start", folder.path)), count: members });
  await first.stop();
  const registry = Child.start<RegistryCommands>("registry");
  const { origin } = await registry.ask("start", folder.path);
  const away = await memoryOf(registry);
  bench.progress(`${members} members of a channel connect`);
  await devices.ask("connect", { origin, count: members });
  const there = await memoryOf(registry);
  const connected = await devices.ask("connected");
  if (connected !== members) bench.broken(`${connected} of ${members} idle members stayed connected`);
  await Promise.all([devices.stop(), registry.stop()]);
  folder.remove();
  return { away, there };
}

/** What members take at a registry that are connected, follow one channel, and say nothing. */
export const channelMembers: Measure = {
  name: "channel-members",
  async run(bench) {
    const [less, more] = [await registryOf(bench, few), await registryOf(bench, many)];
    const each = (when: "away" | "there", which: keyof Memory): number =>
      (more[when][which] - less[when][which]) / (many - few);
    const row = (key: string, title: string, kib: number) => ({ key, title, unit: "KiB", parley: spreadOf([kib]) });
    bench.record({
      ...row("channel_member", `idle member of a channel of ${many}, at its registry`, each("there", "resident")),
      field: "channel_member_kib",
      target: { at: "most", value: 20 },
      note: "resident",
    });
    bench.record({ ...row("channel_member_live", "the same", each("there", "live")), note: "alive on the heap" });
    bench.record({
      ...row("channel_member_away", "the same, not connected", each("away", "resident")),
      note: "resident",
    });
  },
};

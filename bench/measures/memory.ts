import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import { Mesh } from "../mesh.ts";
import { RawPair } from "../raw-pair.ts";
import type { AgentCommands } from "../roles/agent.ts";
import type { RegistryCommands } from "../roles/registry.ts";
import type { WireDevicesCommands } from "../roles/wire-devices.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const links = 40;
const sessions = 500;
/** The first ones pay for what all share. */
const earlySessions = 20;
/** What was needed for a while only is given back by then. */
const calmMs = 3000;

const calm = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, calmMs));

/** KiB that each more link takes at either end, over the bare stack. The first link pays for what all share. */
async function rawLinks(bench: Bench): Promise<readonly number[]> {
  bench.progress(`memory of ${links} bare links`);
  const raw = new RawPair();
  await raw.open();
  await calm();
  const ends = [raw.near, raw.far];
  const before = await Promise.all(ends.map((end) => end.ask("memory")));
  for (let link = 0; link < links; link++) await raw.open();
  await calm();
  const after = await Promise.all(ends.map((end) => end.ask("memory")));
  await raw.stop();
  return after.map((kib, end) => (kib - (before[end] ?? 0)) / links);
}

/** The same with links of Parley: one device here, as many as there are links there. */
async function parleyLinks(bench: Bench): Promise<readonly number[]> {
  const mesh = await Mesh.start();
  const near = Child.start<AgentCommands>("agent");
  const far = Child.start<AgentCommands>("agent");
  await mesh.join(near, "centre");
  for (let member = 0; member <= links; member++) {
    bench.progress(`memory of ${links} links, ${member} members in`);
    await mesh.join(far, `m${member}`);
  }
  await near.ask("connect", { as: "centre", to: "m0" });
  await calm();
  const ends = [near, far];
  const before = await Promise.all(ends.map((end) => end.ask("memory")));
  for (let member = 1; member <= links; member++) {
    bench.progress(`memory of ${links} links, ${member} open`);
    await near.ask("connect", { as: "centre", to: `m${member}` });
  }
  await calm();
  const after = await Promise.all(ends.map((end) => end.ask("memory")));
  await Promise.all([near.stop(), far.stop()]);
  await mesh.stop();
  return after.map((kib, end) => (kib - (before[end] ?? 0)) / links);
}

/** KiB that each connected device takes at its registry, which starts anew when all members are in. */
async function deviceAtRegistry(bench: Bench): Promise<number> {
  const folder = new ScratchFolder();
  const devices = Child.start<WireDevicesCommands>("wire-devices");
  const first = Child.start<RegistryCommands>("registry");
  bench.progress(`${sessions} members come in`);
  await devices.ask("admit", { ...(await first.ask("start", folder.path)), count: sessions + earlySessions });
  await first.stop();
  const registry = Child.start<RegistryCommands>("registry");
  const { origin } = await registry.ask("start", folder.path);
  await devices.ask("connect", { origin, count: earlySessions });
  await calm();
  const before = await registry.ask("memory");
  bench.progress(`${sessions} devices connect`);
  await devices.ask("connect", { origin, count: sessions });
  await calm();
  const after = await registry.ask("memory");
  await Promise.all([devices.stop(), registry.stop()]);
  folder.remove();
  return (after - before) / sessions;
}

/** Resident memory of what only waits. */
export const memory: Measure = {
  name: "memory",
  async run(bench) {
    const bare = await rawLinks(bench);
    const own = await parleyLinks(bench);
    const row = { key: "idle_link", title: `memory per idle link, of ${links}`, unit: "KiB" };
    bench.record({ ...compared({ ...row, baselineName: "raw", baseline: bare, parley: own }), note: "either end" });
    bench.record({
      key: "connected_device",
      title: `memory per device at its registry, of ${sessions}`,
      unit: "KiB",
      parley: spreadOf([await deviceAtRegistry(bench)]),
    });
  },
};

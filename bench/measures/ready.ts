import { Child } from "../child.ts";
import type { Measure } from "../figures.ts";
import type { ReadyCommands } from "../roles/ready.ts";
import { ScratchFolder } from "../scratch-folder.ts";
import { spreadOf } from "../spread.ts";

const starts = 5;

/** From the start of a process to a registry on SQLite that takes sessions, in a new data folder. */
export const ready: Measure = {
  name: "ready",
  async run(bench) {
    const took: number[] = [];
    for (let start = 1; start <= starts; start++) {
      bench.progress(`registry, start ${start} of ${starts}`);
      const folder = new ScratchFolder();
      const started = performance.now();
      const registry = Child.start<ReadyCommands>("ready");
      await registry.ask("start", folder.path);
      took.push(performance.now() - started);
      await registry.stop();
      folder.remove();
    }
    bench.record({
      key: "ready",
      title: "registry ready after",
      unit: "ms",
      parley: spreadOf(took),
      field: "ready_ms",
      target: { at: "most", value: 400 },
    });
  },
};

import { Child } from "../child.ts";
import { compared, type Measure } from "../figures.ts";
import type { MlsCommands } from "../roles/mls.ts";

const size = 50;
const warmUpSeconds = 0.3;
const target = { at: "least" as const, value: 0.7 };

/** The groups of encrypted channels beside the library that they stand on: one process, one after the other. */
export const mls: Measure = {
  name: "mls",
  async run(bench) {
    const child = Child.start<MlsCommands>("mls");
    bench.progress(`MLS, a group of ${size}`);
    await child.ask("start", size);
    const rates = {
      messages: { own: [] as number[], bare: [] as number[] },
      made: { own: [] as number[], bare: [] as number[] },
      taken: { own: [] as number[], bare: [] as number[] },
    };
    for (const whose of ["bare", "own"] as const) await child.ask("messages", { whose, seconds: warmUpSeconds });
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`MLS, round ${round} of ${bench.rounds}`);
      for (const whose of ["bare", "own"] as const) {
        rates.messages[whose].push(await child.ask("messages", { whose, seconds: bench.seconds }));
        const { made, taken } = await child.ask("commits", { whose, seconds: bench.seconds });
        rates.made[whose].push(made);
        rates.taken[whose].push(taken);
      }
    }
    await child.stop();
    const row = (key: keyof typeof rates, title: string, unit: string): void =>
      bench.record(
        compared({
          key: `mls_${key}`,
          title,
          unit,
          baselineName: "ts-mls",
          baseline: rates[key].bare,
          parley: rates[key].own,
          field: `mls_${key}_ratio`,
          target,
        }),
      );
    row("messages", `MLS at ${size}, sealed and opened`, "messages/s");
    row("made", `MLS at ${size}, commit made`, "commits/s");
    row("taken", `MLS at ${size}, commit processed`, "commits/s");
  },
};

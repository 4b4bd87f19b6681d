import path from "node:path";

import { Child } from "../child.ts";
import { type Bench, compared, type Measure } from "../figures.ts";
import type { LoadFigures } from "../load.ts";
import { between, PairOfAgents } from "../pair-of-agents.ts";
import type { ProgramCommands } from "../roles/program.ts";
import { ScratchFolder } from "../scratch-folder.ts";

/** As in `calls`: many short turns say more than a few long ones. */
const turnsPerRound = 4;
const inFlight = 32;

type Calls = Readonly<Record<"inside" | "asked" | "served", () => Promise<LoadFigures>>>;

async function inTurn(bench: Bench, what: string, turns: number, calls: Calls) {
  const found = { inside: [] as LoadFigures[], asked: [] as LoadFigures[], served: [] as LoadFigures[] };
  const names = ["inside", "asked", "served"] as const;
  for (const name of names) await calls[name]();
  for (let turn = 1; turn <= turns; turn++) {
    bench.progress(`${what}, turn ${turn} of ${turns}`);
    for (const name of names) found[name].push(await calls[name]());
  }
  return found;
}

const p50Of = (figures: readonly LoadFigures[]): readonly number[] => figures.map(({ p50 }) => p50);
const ratesOf = (figures: readonly LoadFigures[]): readonly number[] => figures.map(({ perSecond }) => perSecond);

/** Delegates by a program at the device's socket, and to one, beside the same in one process. */
export const sidecar: Measure = {
  name: "sidecar",
  async run(bench) {
    const folder = new ScratchFolder();
    const pair = await PairOfAgents.start();
    const [asker, server] = [Child.start<ProgramCommands>("program"), Child.start<ProgramCommands>("program")];
    const near = path.join(folder.path, "near.sock");
    const far = path.join(folder.path, "far.sock");
    const programs = "carol";
    await pair.far.ask("serveEcho", between.to);
    await pair.near.ask("openSocket", { as: between.as, path: near });
    await pair.admit(pair.far, programs);
    await pair.far.ask("openSocket", { as: programs, path: far });
    await pair.near.ask("connect", { as: between.as, to: programs });
    await asker.ask("attach", near);
    await server.ask("serve", far);
    const callsOf = (load: { seconds: number; inFlight: number }): Calls => ({
      inside: () => pair.near.ask("delegate", { ...between, ...load }),
      asked: () => asker.ask("delegate", { to: between.to, ...load }),
      served: () => pair.near.ask("delegate", { as: between.as, to: programs, ...load }),
    });
    const load = { seconds: bench.seconds / turnsPerRound, inFlight: 1 };
    const one = await inTurn(bench, "delegates through the socket", bench.rounds * turnsPerRound, callsOf(load));
    const row = { unit: "ms", baselineName: "in process", baseline: p50Of(one.inside) };
    const most = (field: string) => ({ field, target: { at: "most" as const, value: 2 } });
    bench.record(
      compared({
        ...row,
        key: "sidecar_ask",
        title: "delegate by a program, p50",
        parley: p50Of(one.asked),
        ...most("sidecar_rtt_vs_in_process"),
      }),
    );
    bench.record(
      compared({
        ...row,
        key: "sidecar_serve",
        title: "delegate to a program, p50",
        parley: p50Of(one.served),
        ...most("sidecar_served_rtt_vs_in_process"),
      }),
    );
    const many = await inTurn(
      bench,
      `${inFlight} through the socket`,
      bench.rounds,
      callsOf({ seconds: bench.seconds, inFlight }),
    );
    const rate = { unit: "calls/s", baselineName: "in process", baseline: ratesOf(many.inside) };
    bench.record(
      compared({
        ...rate,
        key: "sidecar_ask_32",
        title: `by a program, ${inFlight} in flight`,
        parley: ratesOf(many.asked),
        field: "sidecar_ask_32_vs_in_process",
      }),
    );
    bench.record(
      compared({
        ...rate,
        key: "sidecar_serve_32",
        title: `to a program, ${inFlight} in flight`,
        parley: ratesOf(many.served),
        field: "sidecar_serve_32_vs_in_process",
      }),
    );
    await Promise.all([pair.stop(), asker.stop(), server.stop()]);
    folder.remove();
  },
};

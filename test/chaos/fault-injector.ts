import type { Place } from "../lab/star.ts";
import type { ChaosProcess } from "./chaos-process.ts";
import type { EvidenceFile, ScheduleLine } from "./evidence.ts";
import { type Fault, type FaultKind, faultKinds } from "./faults.ts";
import type { Cut, RouterCuts } from "./router-cuts.ts";

/** A process and where it runs. */
export interface Placed {
  readonly process: ChaosProcess;
  readonly place: Place;
}

export interface FaultInjectorOptions {
  readonly registry: Placed;
  readonly coturn: Placed;
  readonly members: readonly Placed[];
  readonly cuts: RouterCuts;
  readonly registryPort: number;
  readonly schedule: EvidenceFile<ScheduleLine>;
}

/** Does to processes and networks what the plan says, and undoes it when its time is over. */
export class FaultInjector {
  readonly counts: Readonly<Record<FaultKind, number>>;
  readonly #counted: Record<FaultKind, number>;
  readonly #options: FaultInjectorOptions;
  /** What is still to be undone. */
  readonly #open = new Map<NodeJS.Timeout, () => Promise<void> | void>();
  #error: unknown;

  constructor(options: FaultInjectorOptions) {
    this.#options = options;
    this.#counted = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
    this.counts = this.#counted;
  }

  /** What went wrong in making or undoing a fault. */
  get error(): unknown {
    return this.#error;
  }

  /** Begins a fault, unless there is nobody whom it could hit now. */
  async begin(fault: Fault): Promise<void> {
    const [group = "", what = ""] = fault.kind.split(/ (.*)/);
    if (group === "cut") await this.#cut(fault);
    else await this.#strike(group, what, fault);
  }

  /** Undoes everything at once and sees to it that everybody runs. */
  async heal(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    for (const [timer, undo] of open) {
      clearTimeout(timer);
      await undo();
    }
    const { cuts, registry, coturn, members } = this.#options;
    await cuts.heal();
    for (const { process } of [registry, coturn, ...members]) {
      if (process.isPaused) process.resume();
      process.start();
    }
  }

  #later(ms: number, undo: () => Promise<void> | void): void {
    const timer = setTimeout(() => {
      this.#open.delete(timer);
      void (async () => undo())().catch((error: unknown) => (this.#error ??= error));
    }, ms);
    this.#open.set(timer, undo);
  }

  #note(fault: Fault, ...targets: readonly Placed[]): void {
    const at = Date.now();
    const target = targets.map(({ process }) => process.name).join(" ");
    this.#counted[fault.kind]++;
    this.#options.schedule.write({ t: "fault", at, kind: fault.kind, target, until: at + fault.lastsMs });
  }

  async #strike(how: string, whom: string, fault: Fault): Promise<void> {
    const { registry, coturn, members } = this.#options;
    const candidates = whom === "agent" ? members : [whom === "registry" ? registry : coturn];
    const target = pick(
      candidates.filter(({ process }) => process.isUp && !process.isPaused),
      fault.draw,
    );
    if (target === undefined) return;
    const { process } = target;
    this.#note(fault, target);
    if (how === "pause") {
      process.pause();
      this.#later(fault.lastsMs, () => process.resume());
      return;
    }
    await (how === "kill" ? process.kill() : process.stop());
    this.#later(fault.lastsMs, () => process.start());
  }

  async #cut(fault: Fault): Promise<void> {
    const { registry, members, registryPort } = this.#options;
    const one = pick(members, fault.draw);
    const other = pick(
      [registry, ...members].filter((each) => each !== one),
      fault.otherDraw,
    );
    if (one === undefined || other === undefined) return;
    const [from, to] = [one.place.address, other.place.address];
    const both = (cut: Pick<Cut, "protocol">): readonly Cut[] => [
      { from, to, ...cut },
      { from: to, to: from, ...cut },
    ];
    const dropped: Readonly<Record<string, readonly Cut[]>> = {
      "cut off": [{ from }, { to: from }],
      "cut both ways": both({}),
      "cut one way": fault.draw < 0.5 ? [{ from, to }] : [{ from: to, to: from }],
      "cut udp": [
        { from, protocol: "udp" },
        { to: from, protocol: "udp" },
      ],
      "cut registry port": [{ from, to: registry.place.address, protocol: "tcp", port: registryPort }],
    };
    this.#note(fault, one, ...(fault.kind === "cut both ways" || fault.kind === "cut one way" ? [other] : []));
    this.#later(fault.lastsMs, await this.#options.cuts.cut(dropped[fault.kind] ?? []));
  }
}

function pick<Item>(items: readonly Item[], draw: number): Item | undefined {
  return items[Math.floor(draw * items.length)];
}

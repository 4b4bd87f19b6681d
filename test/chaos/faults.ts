import type { SeededRandom } from "@parley/testkit";

/** Every kind of fault, with how often it comes among so many. */
const weights = {
  "kill agent": 4,
  "kill registry": 2,
  "kill coturn": 1,
  "pause agent": 2,
  "pause registry": 1,
  "pause coturn": 1,
  "cut off": 2,
  "cut both ways": 2,
  "cut one way": 2,
  "cut udp": 2,
  "cut registry port": 2,
  "restart agent": 1,
  "restart registry": 1,
} as const;

export type FaultKind = keyof typeof weights;
export const faultKinds = Object.keys(weights) as readonly FaultKind[];

/** A fault to come. */
export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds since the fault before it. */
  readonly afterMs: number;
  readonly lastsMs: number;
  /** Picks whom it hits among those that it can. */
  readonly draw: number;
  readonly otherDraw: number;
}

/** One in so many lasts long enough for leases and sessions to run out. */
const longShare = 0.08;
const longMs = [15_000, 60_000] as const;
const shortMs: Readonly<Record<"kill" | "pause" | "cut" | "restart", readonly [number, number]>> = {
  kill: [100, 4000],
  pause: [300, 6000],
  cut: [500, 8000],
  restart: [0, 1000],
};

export interface FaultPlan {
  readonly random: SeededRandom;
  /** Milliseconds from one fault to the next, on average. */
  readonly everyMs: number;
  /** No fault lasts longer. */
  readonly mostMs: number;
}

/** Faults without end, the same for the same seed. Each kind comes as often as its weight before the first comes again. */
export function* faultsOf({ random, everyMs, mostMs }: FaultPlan): Generator<Fault, never> {
  const between = ([least, most]: readonly [number, number]): number => least + random.below(most - least);
  for (;;) {
    const bag = faultKinds.flatMap((kind) => Array.from({ length: weights[kind] }, () => kind));
    while (bag.length > 0) {
      const [kind] = bag.splice(random.below(bag.length), 1);
      if (kind === undefined) break;
      const group = kind.split(" ")[0] as keyof typeof shortMs;
      const isLong = group !== "restart" && random.chance(longShare);
      yield {
        kind,
        afterMs: everyMs / 4 + random.fraction() * everyMs * 1.5,
        lastsMs: Math.min(between(isLong ? longMs : shortMs[group]), mostMs),
        draw: random.fraction(),
        otherDraw: random.fraction(),
      };
    }
  }
}

import { SeededRandom } from "@parley/testkit";

import type { Guard } from "./guard.ts";
import { BrokenInvariant, type Surface, within } from "./surface.ts";

export interface Bounds {
  readonly seconds: number;
  readonly frames: number;
  readonly seeds: number;
  readonly firstSeed: number;
}

export interface SurfaceResult {
  readonly surface: string;
  readonly frames: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly framesPerMinute: number;
  readonly heapGrowthBytes: number;
  readonly failure?: { readonly seed: number; readonly message: string; readonly cause?: string };
}

const caseMs = 30_000;
const casesPerProbe = 25;
const warmPart = 0.3;

/** Feeds one surface cases of consecutive seeds until a bound is reached or an invariant breaks. */
export async function fuzzSurface(
  name: string,
  open: () => Promise<Surface> | Surface,
  bounds: Bounds,
  guard: Guard,
  onProgress: (frames: number, seed: number) => void,
): Promise<SurfaceResult> {
  const surface = await open();
  const started = performance.now();
  const elapsed = (): number => (performance.now() - started) / 1000;
  let frames = 0;
  let seeds = 0;
  let heapGrowthBytes = 0;
  let failure: SurfaceResult["failure"];
  let warm = false;
  try {
    while (seeds < bounds.seeds && frames < bounds.frames && (seeds === 0 || elapsed() < bounds.seconds)) {
      frames += await within(
        Promise.resolve(surface.run(new SeededRandom(bounds.firstSeed + seeds))),
        caseMs,
        "one case",
      );
      guard.check(surface);
      if (seeds % casesPerProbe === 0) await surface.probe();
      if (!warm && (elapsed() > bounds.seconds * warmPart || frames > bounds.frames * warmPart)) {
        warm = true;
        guard.markHeap();
      }
      onProgress(frames, bounds.firstSeed + seeds);
      seeds++;
    }
    await surface.probe();
    guard.check(surface);
    heapGrowthBytes = guard.heapGrowth();
  } catch (error) {
    failure = { seed: bounds.firstSeed + seeds, ...describe(error) };
  }
  const seconds = elapsed();
  await within(surface.close(), caseMs, "closing").catch((error: unknown) => {
    failure ??= { seed: bounds.firstSeed + seeds, ...describe(error) };
  });
  const figures = {
    surface: name,
    frames,
    seeds,
    seconds: Math.round(seconds * 10) / 10,
    framesPerMinute: Math.round((frames / seconds) * 60),
    heapGrowthBytes,
  };
  return failure === undefined ? figures : { ...figures, failure };
}

function describe(error: unknown): { readonly message: string; readonly cause?: string } {
  const message =
    error instanceof BrokenInvariant
      ? error.message
      : `an unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : "not an error"}`;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : undefined;
  return {
    message,
    ...(cause === undefined
      ? {}
      : { cause: cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause) }),
  };
}

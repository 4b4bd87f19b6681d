import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { BrokenInvariant, type Surface } from "./surface.ts";

const mostGrowthBytes = 96 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Catches what escapes, reads the logs, and measures memory. */
export class Guard {
  #escaped: unknown;
  #heap: number | undefined;

  constructor() {
    const escape = (error: unknown): void => void (this.#escaped ??= error);
    process.on("uncaughtException", escape);
    process.on("unhandledRejection", escape);
    // Listeners or handles that pile up.
    process.removeAllListeners("warning");
    process.on("warning", (warning) => {
      if (warning.name === "MaxListenersExceededWarning") escape(warning);
    });
  }

  /** Throws when something escaped since the last call, or a log line says what it must not. */
  check(surface: Surface): void {
    const escaped = this.#escaped;
    this.#escaped = undefined;
    if (escaped !== undefined) throw new BrokenInvariant("something escaped", { cause: escaped });
    for (const line of surface.takeLog()) {
      if (surface.secrets.some((secret) => secret !== "" && line.includes(secret)))
        throw new BrokenInvariant(`a log line holds what it must not: ${line.slice(0, 200)}`);
      if (line.includes('"level":"error"'))
        throw new BrokenInvariant(`something failed that should not: ${line.slice(0, 300)}`);
    }
  }

  /** Remembers the heap as it is once everything is warm. */
  markHeap(): void {
    collect();
    this.#heap = process.memoryUsage().heapUsed;
  }

  /** Bytes by which the heap grew since the mark. Throws when that is too much. */
  heapGrowth(): number {
    if (this.#heap === undefined) return 0;
    collect();
    const growth = process.memoryUsage().heapUsed - this.#heap;
    this.#heap = undefined;
    if (growth > mostGrowthBytes) throw new BrokenInvariant(`the heap grew by ${Math.round(growth / 1_048_576)} MiB`);
    return growth;
  }
}

/**
 * Tells when the candidate pair of an open link changes. ICE opens a link on the first pair that works, often the one
 * through TURN, and moves to the best one in the next seconds; there is no event for that in every stack, so we look.
 */
import type { LinkRoute } from "@parley/core";

/** When to look, in milliseconds after the link opened. Nomination is over by the last. */
const looksMs = [50, 150, 300, 600, 1000, 1500, 2500, 5000] as const;

export class RouteWatch {
  readonly #timers: readonly ReturnType<typeof setTimeout>[];
  #last: string | undefined;

  constructor(read: () => Promise<LinkRoute | undefined>, onChange: (route: LinkRoute) => void) {
    const look = async (): Promise<void> => {
      const route = await read();
      if (route === undefined) return;
      const shown = `${route.path} ${route.local} ${route.remote}`;
      const isNew = this.#last !== undefined && this.#last !== shown;
      this.#last = shown;
      if (isNew) onChange(route);
    };
    // A stack that cannot say is asked again the next time.
    const lookQuietly = (): void => void look().catch(() => undefined);
    lookQuietly();
    this.#timers = looksMs.map((after) => setTimeout(lookQuietly, after));
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

import { Backoff, type Clock, type Random } from "@parley/core";
import { type ErrorCode, ParleyError, toParleyError } from "@parley/protocol";

export interface PersistenceOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** Tries of one step before its last error is the answer: about four minutes. */
const mostTries = 20;
/** Waiting does not mend these soon enough to wait for it. */
const final: ReadonlySet<ErrorCode> = new Set(["limit_reached", "storage_full", "not_admitted"]);

/** Does something until it succeeds, with pauses that grow, as long as trying again can help. Throws `canceled` on `signal`. */
export async function persist<Result>(
  { clock, random }: PersistenceOptions,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const backoff = new Backoff(random);
  for (;;) {
    if (signal.aborted) throw canceled(signal);
    try {
      return await work();
    } catch (error) {
      const coded = toParleyError(error);
      if (signal.aborted) throw canceled(signal);
      if (!coded.retryable || final.has(coded.code) || backoff.tries >= mostTries) throw coded;
    }
    await pause(clock, backoff.next(), signal);
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimer(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** The coded reason of an abort, else `canceled`. */
export function canceled(signal: AbortSignal): ParleyError {
  return signal.reason instanceof ParleyError ? signal.reason : new ParleyError("canceled", { cause: signal.reason });
}

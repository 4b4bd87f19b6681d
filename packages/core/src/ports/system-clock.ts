import type { Clock, Random } from "./clock.ts";
import { maxTimerMs } from "./clock.ts";

/** The platform's clock and timers. Works in browsers and Node. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run) {
    const handle = setTimeout(run, Math.min(Math.max(delayMs, 0), maxTimerMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** WebCrypto gives at most this many bytes in one call (W3C Web Cryptography, section 10.1.1). */
const bytesPerCall = 65_536;

/** The platform's cryptographic generator. */
export const systemRandom: Random = {
  bytes(count) {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += bytesPerCall) crypto.getRandomValues(bytes.subarray(at, at + bytesPerCall));
    return bytes;
  },
};

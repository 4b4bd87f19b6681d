import type { Clock, Random } from "./clock.ts";
import { maxTimerMs } from "./clock.ts";

/** Browsers have no `setImmediate`, and clamp nested timers to 4 ms: a message to oneself is the next task. */
function throughChannel(): (run: () => void) => void {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener("message", () => waiting.shift()?.());
  port1.start();
  return (run) => {
    waiting.push(run);
    port2.postMessage(undefined);
  };
}

const soon: (run: () => void) => void =
  typeof setImmediate === "function" ? (run) => void setImmediate(run) : throughChannel();

/** The platform's clock and timers. Works in browsers and Node. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, run) {
    const handle = setTimeout(run, Math.min(Math.max(delayMs, 0), maxTimerMs));
    return { cancel: () => clearTimeout(handle) };
  },
  soon,
};

/** WebCrypto gives at most this many bytes in one call (W3C Web Cryptography, section 10.1.1). */
const bytesPerCall = 65_536;

const pooledBytes = 4096;
const largestPooled = 64;
let pool = new Uint8Array();

/** Small draws come out of one larger one: asking the system costs more than the bytes. Nothing is given twice. */
function fromPool(count: number): Uint8Array<ArrayBuffer> {
  if (pool.length < count) pool = crypto.getRandomValues(new Uint8Array(pooledBytes));
  const bytes = pool.slice(0, count);
  pool.fill(0, 0, count);
  pool = pool.subarray(count);
  return bytes;
}

/** The platform's cryptographic generator. */
export const systemRandom: Random = {
  bytes(count) {
    if (count <= largestPooled) return fromPool(count);
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += bytesPerCall) crypto.getRandomValues(bytes.subarray(at, at + bytesPerCall));
    return bytes;
  },
};

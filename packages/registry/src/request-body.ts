import type { IncomingMessage } from "node:http";

import type { Clock } from "@parley/core";
import { isParleyError, limits, ParleyError } from "@parley/protocol";

import type { RegistryBounds } from "./bounds.ts";

export interface BodyPace {
  readonly clock: Pick<Clock, "setTimer">;
  readonly bounds: Pick<RegistryBounds, "bodyPaceMs" | "bodyBytesPerSecond">;
}

/** A JSON body as text, at most as large as a control message. Throws `invalid_argument`, `too_large`, `too_slow`, `closed`. */
export async function readText(incoming: IncomingMessage, pace: BodyPace): Promise<string> {
  // A page of another origin cannot send JSON without asking first.
  requireType(incoming, "application/json");
  return new TextDecoder().decode(await readChunks(incoming, limits.controlBytes, pace));
}

/** A binary body. One that says it is too large is not read at all. Throws as `readText` does. */
export async function readBytes(
  incoming: IncomingMessage,
  most: number,
  pace: BodyPace,
): Promise<Uint8Array<ArrayBuffer>> {
  requireType(incoming, "application/octet-stream");
  return readChunks(incoming, most, pace);
}

function requireType({ headers }: IncomingMessage, type: string): void {
  if (headers["content-type"]?.split(";")[0]?.trim().toLowerCase() !== type)
    throw new ParleyError("invalid_argument", { message: `The body has to be ${type}.` });
}

/** What is larger than `most`, or comes more slowly than the least rate, is not read to its end. */
async function readChunks(incoming: IncomingMessage, most: number, pace: BodyPace): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(incoming.headers["content-length"] ?? 0) > most) throw new ParleyError("too_large");
  const chunks: Uint8Array[] = [];
  let size = 0;
  const watch = watchPace(pace, () => size);
  try {
    const parts = incoming.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    for (;;) {
      const next = await Promise.race([parts.next(), watch.tooSlow]);
      if (next.done === true) return joined(chunks, size);
      size += next.value.length;
      if (size > most) throw new ParleyError("too_large");
      chunks.push(next.value);
    }
  } catch (cause) {
    if (isParleyError(cause)) throw cause;
    throw new ParleyError("closed", { message: "The request broke off before its end.", cause });
  } finally {
    watch.stop();
  }
}

interface PaceWatch {
  /** Rejects with `too_slow`. */
  readonly tooSlow: Promise<never>;
  readonly stop: () => void;
}

/** Looks from time to time whether enough came since the last look. */
function watchPace({ clock, bounds }: BodyPace, sizeNow: () => number): PaceWatch {
  const least = (bounds.bodyBytesPerSecond * bounds.bodyPaceMs) / 1000;
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  let before = 0;
  const look = (): void => {
    const size = sizeNow();
    if (size - before < least) return reject(new ParleyError("too_slow"));
    before = size;
    timer = clock.setTimer(bounds.bodyPaceMs, look);
  };
  let timer = clock.setTimer(bounds.bodyPaceMs, look);
  return { tooSlow: promise, stop: () => timer.cancel() };
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Bodies longer than one envelope may carry travel as chunks: envelopes with `more` set, then the last one. */
import { type Envelope, limits, maxChunkBytes, ParleyError } from "@parley/protocol";

/** Splits a body into envelopes. Throws `too_large` above `envelopeBytes`. A short body is one envelope. */
export function splitBody(head: Omit<Envelope, "body" | "more">, body: Uint8Array): readonly Envelope[] {
  if (body.length > limits.envelopeBytes)
    throw new ParleyError("too_large", {
      message: `A body of ${body.length} bytes is larger than ${limits.envelopeBytes}.`,
    });
  if (body.length <= maxChunkBytes) return [{ ...head, more: false, body }];
  const envelopes: Envelope[] = [];
  for (let at = 0; at < body.length; at += maxChunkBytes) {
    envelopes.push({ ...head, more: at + maxChunkBytes < body.length, body: body.subarray(at, at + maxChunkBytes) });
  }
  return envelopes;
}

/** Joins chunks of one stream. One per stream: chunks of a body are neighbours. */
export class ChunkJoiner {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #refused = false;

  /** True while a body is half here, or the rest of a refused one is still to come. */
  get isOpen(): boolean {
    return this.#parts.length > 0 || this.#refused;
  }

  /**
   * The whole body when `envelope` completes one, else undefined. Throws `too_large` once when the parts exceed a limit;
   * the rest of that body is dropped.
   */
  take(envelope: Envelope): Uint8Array | undefined {
    if (this.#refused) {
      this.#refused = envelope.more;
      return undefined;
    }
    if (!envelope.more && this.#parts.length === 0) return envelope.body;
    this.#bytes += envelope.body.length;
    // Chunks without bytes would otherwise pile up without end.
    if (this.#bytes > limits.envelopeBytes || this.#parts.length >= limits.chunks) {
      this.reset();
      this.#refused = envelope.more;
      throw new ParleyError("too_large");
    }
    this.#parts.push(envelope.body.slice());
    if (envelope.more) return undefined;
    const body = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      body.set(part, at);
      at += part.length;
    }
    this.reset();
    return body;
  }

  /** Forgets a half body, because its beginning or end will not come. */
  reset(): void {
    this.#parts = [];
    this.#bytes = 0;
    this.#refused = false;
  }
}

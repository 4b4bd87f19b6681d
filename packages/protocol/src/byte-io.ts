/** Appends numbers and bytes to a growing buffer. Big-endian; varints are LEB128 of at most 8 bytes (2^53). */
export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written; keeps the buffer. */
  reset(): void {
    this.#length = 0;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  u48(value: number): void {
    this.#reserve(6);
    const high = Math.floor(value / 2 ** 32);
    this.u8(high >> 8);
    this.u8(high & 255);
    for (let shift = 24; shift >= 0; shift -= 8) this.u8((value >>> shift) & 255);
  }

  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** A view of what was written; valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A copy of what was written. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count));
    grown.set(this.view());
    this.#buffer = grown;
  }
}

/** Thrown inside decoders when bytes end early; never leaves this package. */
export class OutOfBytes extends Error {}

/** Reads what ByteWriter wrote. Every read past the end throws OutOfBytes. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new OutOfBytes();
    this.#at++;
    return value;
  }

  u48(): number {
    let value = 0;
    for (let count = 0; count < 6; count++) value = value * 256 + this.u8();
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new OutOfBytes();
        return value;
      }
      scale *= 0x80;
    }
    throw new OutOfBytes();
  }

  /** A view, not a copy: it shares the memory of the frame. */
  bytes(count: number): Uint8Array {
    if (count > this.remaining) throw new OutOfBytes();
    const view = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return view;
  }
}

/**
 * Frame: the protected unit. On a link it is one DataChannel message; elsewhere its bytes are sealed into a routed
 * frame. It is a row of sections:
 *
 *   data     01 class epoch(16) base firstSeq count created(6) envelope*   consecutive seqs from firstSeq
 *   ack      02 class epoch(16) seq                                        cumulative: everything up to seq is taken
 *   refusal  03 class epoch(16) seq length code                            this one was refused, with a code
 *   hello    04 length statement                                          opens a link, see the `hello` statement
 *   ephemeral 05 count created(6) envelope*                                no seq, no ack, lost when the path is: signals, pings
 *   receipt  06 epoch(16) state from to at(6) signature(64)                a signed word of the recipient's device on a range, see receipt.ts
 *
 * `base` is the sender's lowest seq that is not acknowledged: everything below it is settled and will not come again.
 * Envelope: flags kind created body-length [ttl] [hops] [trace 25] [origin epoch 16, seq] body. All numbers are varints
 * but where a width is given. Acks and refusals name the stream from the other end: the reader of the frame is its sender.
 */
import { ByteReader, ByteWriter, OutOfBytes } from "./byte-io.ts";
import type { DeliveryClass, Envelope } from "./envelope.ts";
import { type ErrorCode, isErrorCode } from "./errors.ts";
import { fromBase64url, toBase64url } from "./ids.ts";
import { limits } from "./limits.ts";
import { type Receipt, type ReceiptState, receiptStateCodes, receiptStateOf } from "./receipt.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";

export interface DataSection {
  readonly type: "data";
  readonly class: DeliveryClass;
  /** 16 bytes in base64url. */
  readonly epoch: string;
  readonly base: number;
  readonly firstSeq: number;
  readonly envelopes: readonly Envelope[];
}

export interface AckSection {
  readonly type: "ack";
  readonly class: DeliveryClass;
  readonly epoch: string;
  readonly seq: number;
}

export interface RefusalSection {
  readonly type: "refusal";
  readonly class: DeliveryClass;
  readonly epoch: string;
  readonly seq: number;
  readonly code: ErrorCode;
}

export interface HelloSection {
  readonly type: "hello";
  /** A compact statement, see `helloSchema`. */
  readonly statement: string;
}

/** Envelopes outside all streams: lost when the path is lost. */
export interface EphemeralSection {
  readonly type: "ephemeral";
  readonly envelopes: readonly Envelope[];
}

/** What became of a range of a durable stream, by the word of the device that reads it. */
export interface ReceiptSection extends Receipt {
  readonly type: "receipt";
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

export type Section = DataSection | AckSection | RefusalSection | HelloSection | EphemeralSection | ReceiptSection;

const sectionCodes = { data: 1, ack: 2, refusal: 3, hello: 4, ephemeral: 5, receipt: 6 } as const;
const flagBits = { more: 1, critical: 2, ttl: 4, hops: 8, trace: 16, origin: 32, redelivered: 64 } as const;
const knownFlags = 127;
const signatureBytes = 64;
const traceBytes = 25;
/** As in statements and control messages: the year 6429. Whatever passes fits a `Date`. */
const latestTime = 2 ** 47;
const epochByteCount = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes that a data section needs before its first envelope, at most. */
export const dataSectionOverhead = 1 + 1 + 16 + 8 + 8 + 8 + 6;

/** Upper bound of an envelope's size on the wire. */
export function envelopeWireBytes(envelope: Envelope): number {
  return 1 + 1 + 8 + 8 + 8 + 1 + traceBytes + 24 + envelope.body.length;
}

const epochCache = new Map<string, Uint8Array>();

/** Epochs are few and long-lived: their bytes are kept, the oldest forgotten first. */
function epochBytes(epoch: string): Uint8Array {
  const known = epochCache.get(epoch);
  if (known !== undefined) return known;
  const bytes = fromBase64url(epoch);
  if (bytes?.length !== epochByteCount) throw new RangeError("an epoch is 16 bytes in base64url");
  if (epochCache.size >= 1024) epochCache.delete(epochCache.keys().next().value ?? "");
  epochCache.set(epoch, bytes);
  return bytes;
}

function writeEnvelope(out: ByteWriter, envelope: Envelope, sectionCreated: number): void {
  const { ttl, hops, trace, origin, body } = envelope;
  out.u8(
    (envelope.more ? flagBits.more : 0) |
      (envelope.critical ? flagBits.critical : 0) |
      (ttl > 0 ? flagBits.ttl : 0) |
      (hops > 0 ? flagBits.hops : 0) |
      (trace === undefined ? 0 : flagBits.trace) |
      (origin === undefined ? 0 : flagBits.origin) |
      (envelope.redelivered === true ? flagBits.redelivered : 0),
  );
  out.u8(envelope.kind);
  // Zigzag: a clock may step back between two envelopes.
  const delta = envelope.created - sectionCreated;
  out.varint(delta >= 0 ? delta * 2 : -delta * 2 - 1);
  out.varint(body.length);
  if (ttl > 0) out.varint(ttl);
  if (hops > 0) out.u8(hops);
  if (trace !== undefined) out.bytes(trace);
  if (origin !== undefined) {
    out.bytes(epochBytes(origin.epoch));
    out.varint(origin.seq);
  }
  out.bytes(body);
}

/** Writes frames. Reuses one buffer: the bytes of `finish` are valid until the next write. */
export class FrameWriter {
  readonly #out = new ByteWriter(limits.frameBytes);
  #sections = 0;

  get length(): number {
    return this.#out.length;
  }

  get isEmpty(): boolean {
    return this.#out.length === 0;
  }

  /** Whether one more section of any kind is allowed. */
  get hasRoom(): boolean {
    return this.#sections < limits.sectionsPerFrame;
  }

  /**
   * A data section with as many envelopes as fit, from `start` of the list, seqs consecutive. Returns how many went in;
   * 0 when not even one fits. Bodies are at most `maxChunkBytes`, so one always fits into an empty frame.
   */
  data(
    stream: { class: DeliveryClass; epoch: string; base: number; firstSeq: number },
    envelopes: readonly Envelope[],
    start = 0,
  ): number {
    const first = envelopes[start];
    if (first === undefined || !this.hasRoom) return 0;
    let room = limits.frameBytes - this.#out.length - dataSectionOverhead;
    let end = start;
    while (end < envelopes.length && end - start < limits.envelopesPerFrame) {
      const next = envelopes[end];
      if (next === undefined) break;
      const size = envelopeWireBytes(next);
      if (size > room) break;
      room -= size;
      end++;
    }
    if (end === start) return 0;
    this.#head(sectionCodes.data, stream);
    this.#out.varint(stream.base);
    this.#out.varint(stream.firstSeq);
    this.#out.varint(end - start);
    this.#out.u48(first.created);
    for (let index = start; index < end; index++) {
      const envelope = envelopes[index];
      if (envelope !== undefined) writeEnvelope(this.#out, envelope, first.created);
    }
    return end - start;
  }

  ack(ack: Omit<AckSection, "type">): void {
    this.#head(sectionCodes.ack, ack);
    this.#out.varint(ack.seq);
  }

  refusal(refusal: Omit<RefusalSection, "type">): void {
    this.#head(sectionCodes.refusal, refusal);
    this.#out.varint(refusal.seq);
    this.#text(refusal.code);
  }

  receipt(receipt: Omit<ReceiptSection, "type">): void {
    this.#sections++;
    this.#out.u8(sectionCodes.receipt);
    this.#out.bytes(epochBytes(receipt.epoch));
    this.#out.u8(receiptStateCodes[receipt.state]);
    this.#out.varint(receipt.from);
    this.#out.varint(receipt.to);
    this.#out.u48(receipt.at);
    this.#out.bytes(receipt.signature);
  }

  hello(statement: string): void {
    this.#sections++;
    this.#out.u8(sectionCodes.hello);
    this.#text(statement);
  }

  /** One envelope outside all streams. False when it does not fit into this frame any more. */
  ephemeral(envelope: Envelope): boolean {
    if (!this.hasRoom || envelopeWireBytes(envelope) + dataSectionOverhead > limits.frameBytes - this.#out.length)
      return false;
    this.#sections++;
    this.#out.u8(sectionCodes.ephemeral);
    this.#out.varint(1);
    this.#out.u48(envelope.created);
    writeEnvelope(this.#out, envelope, envelope.created);
    return true;
  }

  /** The frame's bytes: a view that the next write overwrites. Starts a new frame. */
  finish(): Uint8Array<ArrayBuffer> {
    const view = this.#out.view();
    this.#out.reset();
    this.#sections = 0;
    return view;
  }

  #head(code: number, stream: { class: DeliveryClass; epoch: string }): void {
    this.#sections++;
    this.#out.u8(code);
    this.#out.u8(stream.class === "durable" ? 1 : 0);
    this.#out.bytes(epochBytes(stream.epoch));
  }

  #text(text: string): void {
    const bytes = encoder.encode(text);
    this.#out.varint(bytes.length);
    this.#out.bytes(bytes);
  }
}

class Malformed extends Error {}

function readClass(input: ByteReader): DeliveryClass {
  const code = input.u8();
  if (code > 1) throw new Malformed("unknown delivery class");
  return code === 1 ? "durable" : "live";
}

function readSeq(input: ByteReader, least: number): number {
  const seq = input.varint();
  if (seq < least) throw new Malformed("a seq is out of range");
  return seq;
}

function readEnvelope(input: ByteReader, sectionCreated: number): Envelope {
  const flags = input.u8();
  if (flags > knownFlags) throw new Malformed("unknown envelope flag");
  const kind = input.u8();
  const zigzag = input.varint();
  const created = sectionCreated + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
  if (created < 0 || created > latestTime) throw new Malformed("a time is out of range");
  const length = input.varint();
  const ttl = flags & flagBits.ttl ? input.varint() : 0;
  if (ttl > limits.expiryMs) throw new Malformed("an envelope lives too long");
  const hops = flags & flagBits.hops ? input.u8() : 0;
  if (hops > limits.hops) throw new Malformed("too many hops");
  const trace = flags & flagBits.trace ? input.bytes(traceBytes) : undefined;
  const origin =
    flags & flagBits.origin ? { epoch: toBase64url(input.bytes(epochByteCount)), seq: readSeq(input, 1) } : undefined;
  const body = input.bytes(length);
  return {
    kind,
    critical: (flags & flagBits.critical) !== 0,
    more: (flags & flagBits.more) !== 0,
    created,
    ttl,
    hops,
    trace,
    origin,
    body,
    ...(flags & flagBits.redelivered ? { redelivered: true } : {}),
  };
}

function readEnvelopes(input: ByteReader): Envelope[] {
  const count = input.varint();
  if (count < 1 || count > limits.envelopesPerFrame) throw new Malformed("bad count of envelopes");
  const created = input.u48();
  const envelopes: Envelope[] = [];
  for (let index = 0; index < count; index++) envelopes.push(readEnvelope(input, created));
  return envelopes;
}

function readData(input: ByteReader): DataSection {
  const deliveryClass = readClass(input);
  const epoch = toBase64url(input.bytes(epochByteCount));
  const base = readSeq(input, 1);
  const firstSeq = readSeq(input, base);
  const envelopes = readEnvelopes(input);
  if (firstSeq > Number.MAX_SAFE_INTEGER - (envelopes.length - 1)) throw new Malformed("a seq is out of range");
  return { type: "data", class: deliveryClass, epoch, base, firstSeq, envelopes };
}

function readText(input: ByteReader, most: number): string {
  const length = input.varint();
  if (length > most) throw new Malformed("a text is too long");
  return decoder.decode(input.bytes(length));
}

function readRefusal(input: ByteReader): RefusalSection {
  const head = { class: readClass(input), epoch: toBase64url(input.bytes(epochByteCount)), seq: readSeq(input, 1) };
  const code = readText(input, 64);
  return { type: "refusal", ...head, code: isErrorCode(code) ? code : "refused" };
}

function readReceipt(input: ByteReader): ReceiptSection {
  const epoch = toBase64url(input.bytes(epochByteCount));
  const state: ReceiptState | undefined = receiptStateOf(input.u8());
  if (state === undefined) throw new Malformed("unknown state of a receipt");
  const from = readSeq(input, 1);
  const to = readSeq(input, from);
  const at = input.u48();
  if (at > latestTime) throw new Malformed("a time is out of range");
  return { type: "receipt", epoch, state, from, to, at, signature: input.bytes(signatureBytes) };
}

function readSection(input: ByteReader): Section {
  switch (input.u8()) {
    case sectionCodes.data:
      return readData(input);
    case sectionCodes.ack:
      return {
        type: "ack",
        class: readClass(input),
        epoch: toBase64url(input.bytes(epochByteCount)),
        seq: readSeq(input, 0),
      };
    case sectionCodes.refusal:
      return readRefusal(input);
    case sectionCodes.ephemeral:
      return { type: "ephemeral", envelopes: readEnvelopes(input) };
    case sectionCodes.receipt:
      return readReceipt(input);
    case sectionCodes.hello:
      return { type: "hello", statement: readText(input, limits.statementBytes) };
    default:
      throw new Malformed("unknown section");
  }
}

/** Reads a whole frame. Bodies are views of `bytes`: whoever keeps one copies it. */
export function decodeFrame(bytes: Uint8Array): Decoded<readonly Section[]> {
  if (bytes.length > limits.frameBytes) return undecodable("too_large", "a frame is larger than the limit");
  const input = new ByteReader(bytes);
  const sections: Section[] = [];
  try {
    while (input.remaining > 0) {
      if (sections.length === limits.sectionsPerFrame) return undecodable("malformed_frame", "too many sections");
      sections.push(readSection(input));
    }
  } catch (error) {
    if (error instanceof OutOfBytes) return undecodable("malformed_frame", "the frame ends too early");
    if (error instanceof Malformed) return undecodable("malformed_frame", error.message);
    if (error instanceof TypeError) return undecodable("malformed_frame", "a text is not UTF-8");
    throw error;
  }
  return decoded(sections);
}

/** Largest body of one envelope on the wire; a longer one is sent as chunks with `more` set. */
export const maxChunkBytes = 48 * 1024;

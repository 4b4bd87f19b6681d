import {
  type DataSection,
  type Decoded,
  isErrorCode,
  type Envelope,
  FrameWriter,
  type Section,
  toBase64url,
} from "@parley/protocol";
import * as fc from "fast-check";

/** An envelope with nothing special about it. */
export const plainEnvelope: Envelope = {
  kind: 4,
  critical: false,
  more: false,
  created: Date.UTC(2026, 0, 1),
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: new Uint8Array([1, 2, 3]),
};

export const someEpoch = toBase64url(new Uint8Array(16).fill(7));

export const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const epoch = bytes(16).map(toBase64url);
const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 4096 });
const deliveryClass = fc.constantFrom("live" as const, "durable" as const);

/** Any envelope that the format can say, small enough for many to fit into a frame. */
const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .record({
    kind: fc.integer({ min: 0, max: 255 }),
    critical: fc.boolean(),
    more: fc.boolean(),
    created: fc.integer({ min: 0, max: 2 ** 47 }),
    ttl: fc.integer({ min: 0, max: 30 * 86_400_000 }),
    hops: fc.integer({ min: 0, max: 16 }),
    trace: fc.option(bytes(25), { nil: undefined }),
    origin: fc.option(fc.record({ epoch, seq }), { nil: undefined }),
    body: fc.uint8Array({ maxLength: 400 }),
  })
  .chain((envelope) => fc.constantFrom(envelope, { ...envelope, redelivered: true }));

const envelopes = fc.array(anyEnvelope, { minLength: 1, maxLength: 12 });

const anyData: fc.Arbitrary<DataSection> = fc
  .record({ class: deliveryClass, epoch, base: seq, ahead: fc.nat(1000), envelopes })
  .map(({ ahead, base, ...rest }) => ({ type: "data" as const, ...rest, base, firstSeq: base + ahead }));

export const anySection: fc.Arbitrary<Section> = fc.oneof(
  anyData,
  fc.record({
    type: fc.constant("ack" as const),
    class: deliveryClass,
    epoch,
    seq: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  }),
  fc.record({
    type: fc.constant("refusal" as const),
    class: deliveryClass,
    epoch,
    seq,
    code: fc.constantFrom("refused" as const, "unsupported_kind" as const, "mailbox_full" as const),
  }),
  fc
    .record({
      type: fc.constant("receipt" as const),
      epoch,
      state: fc.constantFrom("delivered" as const, "handled" as const, "read" as const, "dead-lettered" as const),
      from: seq,
      more: fc.nat(4096),
      at: fc.integer({ min: 0, max: 2 ** 47 }),
      signature: bytes(64),
    })
    .map(({ more, ...rest }) => ({ ...rest, to: rest.from + more })),
  fc.record({ type: fc.constant("hello" as const), statement: fc.string({ unit: "grapheme", maxLength: 100 }) }),
  fc.record({
    type: fc.constant("ephemeral" as const),
    envelopes: fc.array(anyEnvelope, { minLength: 1, maxLength: 1 }),
  }),
);

/** Writes sections; those that do not fit are left out. */
export function writeSections(sections: readonly Section[]): Uint8Array<ArrayBuffer> {
  const out = new FrameWriter();
  for (const section of sections) {
    if (section.type === "data") out.data(section, section.envelopes);
    else if (section.type === "ack") out.ack(section);
    else if (section.type === "refusal") out.refusal(section);
    else if (section.type === "hello") out.hello(section.statement);
    else if (section.type === "receipt") out.receipt(section);
    else for (const envelope of section.envelopes) out.ephemeral(envelope);
  }
  return out.finish().slice();
}

/** Whether a decoder gave a value or a reason of the table, with words. */
export const isTotal = (result: Decoded<unknown>): boolean =>
  result.ok || (isErrorCode(result.code) && result.message !== "");

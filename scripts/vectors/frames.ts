import { type Envelope, type ErrorCode, FrameWriter, limits, type Section } from "@parley/protocol";

import { bytesOf, fixedId, hexOf, vectorTime } from "./identities.ts";

interface ValidFrame {
  readonly name: string;
  readonly hex: string;
  readonly sections: unknown;
}

interface InvalidFrame {
  readonly name: string;
  readonly hex: string;
  readonly code: ErrorCode;
}

const epoch = fixedId(16, 1);
const other = fixedId(16, 2);
const base: Envelope = {
  kind: 4,
  critical: false,
  more: false,
  created: vectorTime,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: new TextEncoder().encode('{"text":"hi"}'),
};
const full: Envelope = {
  kind: 200,
  critical: true,
  more: true,
  created: vectorTime - 5,
  ttl: 60_000,
  hops: 16,
  trace: new Uint8Array(25).fill(3),
  origin: { epoch: other, seq: 300 },
  body: new Uint8Array([0, 255]),
};
const live = { type: "data", class: "live", epoch, base: 1, firstSeq: 1 } as const;

const cases: readonly (readonly [string, readonly Section[]])[] = [
  ["empty", []],
  ["one envelope", [{ ...live, envelopes: [base] }]],
  ["every field of an envelope, and a clock that stepped back", [{ ...live, class: "durable", base: 127, firstSeq: 128, envelopes: [base, full] }]],
  ["largest numbers", [{ ...live, base: Number.MAX_SAFE_INTEGER, firstSeq: Number.MAX_SAFE_INTEGER, envelopes: [{ ...base, created: 2 ** 47, ttl: limits.expiryMs }] }]],
  ["no body", [{ ...live, envelopes: [{ ...base, kind: 0, body: new Uint8Array() }] }]],
  ["acknowledgement of nothing yet", [{ type: "ack", class: "live", epoch, seq: 0 }]],
  ["acknowledgement", [{ type: "ack", class: "durable", epoch, seq: 16_384 }]],
  ["refusal", [{ type: "refusal", class: "live", epoch, seq: 9, code: "unsupported_kind" }]],
  ["hello", [{ type: "hello", statement: "aGVhZA.cGF5bG9hZA.c2ln" }]],
  ["receipt", [{ type: "receipt", epoch, state: "handled", from: 1, to: 300, at: 2 ** 40, signature: new Uint8Array(64).fill(9) }]],
  ["an envelope that another device may have had", [{ ...live, class: "durable", envelopes: [{ ...base, redelivered: true }] }]],
  ["ephemeral", [{ type: "ephemeral", envelopes: [{ ...base, kind: 5, body: new Uint8Array([1]) }] }]],
  ["several sections", [{ type: "ack", class: "live", epoch: other, seq: 3 }, { type: "ephemeral", envelopes: [base] }, { ...live, envelopes: [base, base] }]],
];

function write(sections: readonly Section[]): string {
  const out = new FrameWriter();
  for (const section of sections) {
    if (section.type === "data") out.data(section, section.envelopes);
    else if (section.type === "ack") out.ack(section);
    else if (section.type === "refusal") out.refusal(section);
    else if (section.type === "hello") out.hello(section.statement);
    else if (section.type === "receipt") out.receipt(section);
    else for (const envelope of section.envelopes) out.ephemeral(envelope);
  }
  return hexOf(out.finish());
}

const head = `00${hexOf(bytesOf(epoch))}`;
const time = "000000000000";

/** Each is wrong in one way. */
const invalid: readonly InvalidFrame[] = [
  ["unknown section", "07"],
  ["receipt of an unknown state", `06${hexOf(bytesOf(epoch))}050101${time}${"00".repeat(64)}`],
  ["receipt of a range that ends before it begins", `06${hexOf(bytesOf(epoch))}010201${time}${"00".repeat(64)}`],
  ["receipt without its signature", `06${hexOf(bytesOf(epoch))}010101${time}`],
  ["section 0", "00"],
  ["unknown delivery class", `0102${hexOf(bytesOf(epoch))}010101${time}00000000`],
  ["base 0", `01${head}000101${time}00000000`],
  ["first seq below base", `01${head}020101${time}00000000`],
  ["no envelopes", `01${head}010100${time}`],
  ["4097 envelopes", `01${head}01018120${time}`],
  ["unknown envelope flag", `01${head}010101${time}80040000`],
  ["17 hops", `01${head}010101${time}0804000011`],
  ["ttl above 30 days", `01${head}010101${time}040400008190fbd309`],
  ["time before 1970", `01${head}010101${time}00040100`],
  ["time after 2^47", `01${head}010101ffffffffffff00040000`],
  ["origin with seq 0", `01${head}010101${time}20040000${hexOf(bytesOf(other))}00`],
  ["body longer than the frame", `01${head}010101${time}00040005`],
  ["varint of nine bytes", `02${head}808080808080808001`],
  ["varint above 2^53 - 1", `02${head}ffffffffffffff7f`],
  ["seqs past 2^53 - 1", `01${head}01ffffffffffffff0f02${time}0004000000040000`],
  ["refusal of seq 0", `03${head}000752656675736564`],
  ["refusal code of 65 bytes", `03${head}0141${"61".repeat(65)}`],
  ["hello that is not UTF-8", "0401ff"],
  ["hello longer than a statement may be", "04818004"],
  ["cut inside a section", `01${head}0101`],
].map(([name = "", hex = ""]) => ({ name, hex, code: "malformed_frame" }));

const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, field: unknown) => (field instanceof Uint8Array ? hexOf(field) : field)));

/** Frames and what they say; bytes in hexadecimal. */
export function frameVectors(): { readonly valid: readonly ValidFrame[]; readonly invalid: readonly InvalidFrame[] } {
  return { valid: cases.map(([name, sections]) => ({ name, hex: write(sections), sections: plain(sections) })), invalid };
}

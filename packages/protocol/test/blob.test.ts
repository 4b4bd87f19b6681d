import {
  blobContentBytes,
  blobPartCount,
  blobPartHeader,
  blobPartSize,
  blobRefSchema,
  contentSchema,
  limits,
} from "@parley/protocol";
import { describe, expect, it } from "vitest";

const id = "A".repeat(43);

function refOf(size: number, change: object = {}): object {
  const parts = Array.from({ length: blobPartCount(size) }, (_, part) => ({
    hash: "ab".repeat(32),
    bytes: blobPartSize(size, part) + 16,
  }));
  return { name: "a", type: "b", size, sha256: id, key: id, expires: 1, parts, ...change };
}

const isRef = (value: unknown): boolean => blobRefSchema.safeParse(value).success;

describe("the parts of content", () => {
  it.each([
    [0, 1, 0],
    [1, 1, 1],
    [blobContentBytes - 1, 1, blobContentBytes - 1],
    [blobContentBytes, 1, blobContentBytes],
    [blobContentBytes + 1, 2, 1],
    [limits.attachmentBytes, limits.blobParts, blobContentBytes],
  ])("of %i bytes are %i, the last of %i", (size, count, last) => {
    expect(blobPartCount(size)).toBe(count);
    expect(blobPartSize(size, count - 1)).toBe(last);
    expect(blobPartSize(size, count)).toBe(0);
    expect(isRef(refOf(size))).toBe(true);
  });

  it("are bound to the mesh, their number, their count and the size", () => {
    const header = (...args: Parameters<typeof blobPartHeader>): string =>
      Buffer.from(blobPartHeader(...args)).toString("hex");
    expect(header(id, 3, 2, 2 ** 33)).toBe(`${"00".repeat(32)}00000003000000020000000200000000`);
    const all = [
      header(id, 3, 2, 9),
      header(`${"B".repeat(42)}A`, 3, 2, 9),
      header(id, 4, 2, 9),
      header(id, 3, 1, 9),
      header(id, 3, 2, 8),
    ];
    expect(new Set(all).size).toBe(5);
  });
});

describe("a reference", () => {
  it("is refused when its parts do not add up", () => {
    const part = { hash: "ab".repeat(32), bytes: 26 };
    expect(isRef(refOf(10, { parts: [part] }))).toBe(true);
    for (const parts of [
      [],
      [part, part],
      [{ ...part, bytes: 25 }],
      [{ ...part, bytes: 27 }],
      [part, { ...part, bytes: 16 }],
    ])
      expect(isRef(refOf(10, { parts }))).toBe(false);
  });

  it.each([
    ["a size", limits.attachmentBytes, (value: number) => refOf(value)],
    ["a name", limits.attachmentNameCharacters, (value: number) => refOf(1, { name: "x".repeat(value) })],
    ["a type", limits.attachmentTypeCharacters, (value: number) => refOf(1, { type: "x".repeat(value) })],
  ])("has %s of at most %i", (_what, most, make) => {
    expect([most - 1, most, most + 1].map((value) => isRef(make(value)))).toEqual([true, true, false]);
  });

  it("may be extended by a later version", () => {
    expect(isRef(refOf(1, { preview: "later" }))).toBe(true);
  });

  it("goes in messages, up to the limit", () => {
    const isMessage = (count: number): boolean =>
      contentSchema.safeParse({ type: "text", text: "x", attachments: Array.from({ length: count }, () => refOf(1)) })
        .success;
    const { attachments } = limits;
    expect([0, 1, attachments - 1, attachments, attachments + 1].map(isMessage)).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });
});

import {
  decodeDelivery,
  decodeFrame,
  decodePost,
  decodePostBatch,
  decodeRoutedFrame,
  encodePostBatch,
  parseInviteLink,
  formatInviteLink,
  type InviteLink,
} from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { asVector, fromHex, readVectors } from "./vectors.ts";

interface Invalid {
  readonly name: string;
  readonly hex: string;
  readonly code: string;
}

describe("the vectors of frames", () => {
  const { valid, invalid } = readVectors("frames.json") as {
    valid: { name: string; hex: string; sections: unknown }[];
    invalid: Invalid[];
  };

  it.each(valid)("hold: $name", ({ hex, sections }) => {
    const frame = decodeFrame(fromHex(hex));
    expect(frame.ok && asVector(frame.value)).toEqual(sections);
  });

  it.each(invalid)("are refused: $name", ({ hex, code }) => {
    expect(decodeFrame(fromHex(hex))).toMatchObject({ ok: false, code });
  });
});

describe("the vectors of posts", () => {
  const { posts, batches } = readVectors("posts.json") as {
    posts: { valid: { name: string; hex: string; statement: string }[]; invalid: Invalid[] };
    batches: { valid: { name: string; hex: string; batch: object }[]; invalid: Invalid[] };
  };

  it.each(posts.valid)("hold: $name", ({ hex, statement }) => {
    expect(decodePost(fromHex(hex))).toEqual({ ok: true, value: statement });
  });

  it.each(posts.invalid)("are refused: $name", ({ hex, code }) => {
    expect(decodePost(fromHex(hex))).toMatchObject({ ok: false, code });
  });

  it.each(batches.valid)("hold for a batch: $name", ({ hex, batch }) => {
    const read = decodePostBatch(fromHex(hex));
    if (!read.ok) throw new Error(read.message);
    const text = new TextDecoder();
    const asText = read.value.posts.map((post) => ({ ...post, statement: text.decode(post.statement) }));
    expect({ ...read.value, posts: asText }).toEqual(batch);
    expect(Buffer.from(encodePostBatch(read.value)).toString("hex")).toBe(hex);
  });

  it.each(batches.invalid)("are refused for a batch: $name", ({ hex, code }) => {
    expect(decodePostBatch(fromHex(hex))).toMatchObject({ ok: false, code });
  });
});

describe("the vectors of routed frames", () => {
  const { valid, invalid, deliveries } = readVectors("routed-frames.json") as {
    valid: { name: string; hex: string; header: object; signature: string; content: string }[];
    invalid: Invalid[];
    deliveries: { valid: { name: string; hex: string; mailbox?: object; frame: string }[]; invalid: Invalid[] };
  };

  it.each(valid)("hold: $name", ({ hex, header, signature, content }) => {
    const frame = decodeRoutedFrame(fromHex(hex));
    expect(frame.ok && asVector(frame.value)).toEqual({ ...header, signature, content });
  });

  it.each(invalid)("are refused: $name", ({ hex, code }) => {
    expect(decodeRoutedFrame(fromHex(hex))).toMatchObject({ ok: false, code });
  });

  it.each(deliveries.valid)("hold for a delivery: $name", ({ hex, mailbox, frame }) => {
    const read = decodeDelivery(fromHex(hex));
    expect(read.ok && asVector(read.value)).toEqual({ ...(mailbox === undefined ? {} : { mailbox }), frame });
  });

  it.each(deliveries.invalid)("are refused for a delivery: $name", ({ hex, code }) => {
    expect(decodeDelivery(fromHex(hex))).toMatchObject({ ok: false, code });
  });
});

describe("the vectors of invite links", () => {
  const { valid, invalid } = readVectors("invite-links.json") as {
    valid: (InviteLink & { link: string })[];
    invalid: { name: string; link: string; code: string }[];
  };

  it.each(valid)("hold: $payload.kind", ({ link, ...parts }) => {
    expect(parseInviteLink(link)).toEqual(parts);
    expect(formatInviteLink(parts)).toBe(link);
  });

  it.each(invalid)("are refused: $name", ({ link, code }) => {
    expect(() => parseInviteLink(link)).toThrow(expect.objectContaining({ code }));
  });
});

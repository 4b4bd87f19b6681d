import { encodePost, encodePostBatch, type ErrorCode, limits, type PostBatch, type StoredPost } from "@parley/protocol";

import { fixedId, hexOf, vectorTime } from "./identities.ts";

const statementOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const first: StoredPost = { offset: 17, at: vectorTime, statement: statementOf("a.b.c") };
const second: StoredPost = { offset: 2 ** 40, at: vectorTime + 1, statement: statementOf("d.e.f") };
const batch: PostBatch = { channel: fixedId(32, 51), epoch: "e1", previous: 3, posts: [first, second] };

const write = (change: Partial<PostBatch> = {}): string => hexOf(encodePostBatch({ ...batch, ...change }));

/** Posts on their way to a node, and batches of them from one. */
export function postVectors(): object {
  const invalid = (name: string, hex: string, code: ErrorCode): object => ({ name, hex, code });
  const tooLong = "61".repeat(limits.statementBytes + 1);
  return {
    posts: {
      valid: [{ name: "a statement", hex: hexOf(encodePost("a.b.c")), statement: "a.b.c" }],
      invalid: [
        invalid("nothing", "", "malformed_frame"),
        invalid("no statement", "02", "malformed_frame"),
        invalid("another kind", "01612e622e63", "malformed_frame"),
        invalid("too large", `02${tooLong}`, "too_large"),
      ],
    },
    batches: {
      valid: [
        { name: "two posts", hex: write(), batch: { ...batch, posts: batch.posts.map(asText) } },
        { name: "the first post of a channel", hex: write({ previous: 0, posts: [first] }), batch: { ...batch, previous: 0, posts: [asText(first)] } },
      ],
      invalid: [
        invalid("no posts", write({ posts: [] }), "malformed_frame"),
        invalid("the first is not after the previous", write({ previous: 17 }), "malformed_frame"),
        invalid("offsets go back", write({ posts: [second, first] }), "malformed_frame"),
        invalid("the same offset twice", write({ posts: [first, first] }), "malformed_frame"),
        invalid("an empty statement", write({ posts: [{ ...first, statement: new Uint8Array() }] }), "too_large"),
        invalid("more posts than postsPerBatch", write({ previous: 0, posts: Array.from({ length: limits.postsPerBatch + 1 }, (_, index) => ({ ...first, offset: index + 1 })) }), "malformed_frame"),
        invalid("ends early", write().slice(0, -2), "malformed_frame"),
        invalid("goes on", `${write()}00`, "malformed_frame"),
        invalid("another kind", `02${write().slice(2)}`, "malformed_frame"),
      ],
    },
  };
}

const asText = ({ offset, at, statement }: StoredPost): object => ({ offset, at, statement: new TextDecoder().decode(statement) });

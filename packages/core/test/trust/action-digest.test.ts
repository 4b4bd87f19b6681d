import { digestOf, sha256 } from "@parley/core";
import { describe, expect, it } from "vitest";

describe("the digest of an action", () => {
  it("is one for whatever order its fields are in, that of its canonical JSON", async () => {
    expect(await digestOf({ a: 1, b: [2] })).toBe(await digestOf({ b: [2], a: 1 }));
    expect(await digestOf({ a: 1 })).toBe(await sha256('{"a":1}'));
    await expect(digestOf(undefined)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

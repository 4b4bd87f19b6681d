import { describe, expect, it } from "vitest";

import { anyContentSchema } from "../src/content.ts";

/** Content of a type that nobody knows, so many levels deep. */
function nested(levels: number): unknown {
  let inside: unknown = "x";
  for (let level = 1; level < levels; level++) inside = level % 2 === 0 ? [inside] : { inside };
  return { type: "later", inside };
}

describe("content of a type that is not known", () => {
  it.each([
    [15, true],
    [16, true],
    [17, false],
    [31, false],
  ])("may be nested %i levels: %s", (levels, isTaken) => {
    expect(anyContentSchema.safeParse(nested(levels)).success).toBe(isTaken);
  });

  it("is kept as it is, and what claims a known type has to be of its form", () => {
    const later = { type: "poll", options: ["a", "b"], null: null };
    expect(anyContentSchema.parse(later)).toEqual(later);
    expect(anyContentSchema.safeParse({ type: "text", said: "x" }).success).toBe(false);
  });
});

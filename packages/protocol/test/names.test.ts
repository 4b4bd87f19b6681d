import { foldName, labelSchema, limits, nameSchema, parseName, skillIdSchema } from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const isName = (text: string): boolean => nameSchema.safeParse(text).success;

describe("a member's name", () => {
  it.each([
    [limits.nameCharacters - 1, true],
    [limits.nameCharacters, true],
    [limits.nameCharacters + 1, false],
    [1, true],
    [0, false],
  ])("of %i characters is one: %s", (length, ok) => {
    expect(isName("a".repeat(length))).toBe(ok);
  });

  it.each(["librarian", "a.b-c_d", "0", "9lives"])("may be %s", (name) => expect(isName(name)).toBe(true));

  it.each([".a", "-a", "_a", "A", "a b", "ä", "a\n", "@a", "a/b", "аdmin", "a\u0000"])("may not be %j", (name) => {
    expect(isName(name)).toBe(false);
  });

  it("is read with or without @ and in any case", () => {
    expect([parseName("@Librarian"), parseName("LIBRARIAN"), parseName("librarian")]).toEqual(
      Array(3).fill("librarian"),
    );
    expect([parseName("@@a"), parseName("@"), parseName("")]).toEqual([undefined, undefined, undefined]);
  });

  it("shares its key with every name that looks the same", () => {
    expect(new Set(["bob-1l", "b0b.ii", "B0B_1L"].map(foldName)).size).toBe(1);
    expect(foldName("bob")).not.toBe(foldName("bobo"));
  });

  it("folds to a key that folds to itself", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,31}$/), (name) => {
        expect(foldName(foldName(name))).toBe(foldName(name));
      }),
    );
  });

  it("is read totally", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const name = parseName(text);
        expect(name === undefined || isName(name)).toBe(true);
      }),
    );
  });
});

describe("a skill's id", () => {
  it.each([
    [limits.skillCharacters - 1, true],
    [limits.skillCharacters, true],
    [limits.skillCharacters + 1, false],
    [0, false],
  ])("of %i characters is one: %s", (length, ok) => {
    expect(skillIdSchema.safeParse("s".repeat(length)).success).toBe(ok);
  });

  it.each(["-x", "a/b", "a b", ""])("may not be %j", (id) => expect(skillIdSchema.safeParse(id).success).toBe(false));
});

describe("a label", () => {
  it.each([
    [limits.labelCharacters, true],
    [limits.labelCharacters + 1, false],
    [0, false],
  ])("of %i characters is one: %s", (length, ok) => {
    expect(labelSchema.safeParse("x".repeat(length)).success).toBe(ok);
  });

  it.each(["a\u202eb", "a\u200bb", "a\nb", "a\u0000b", "a\u2028b", "a\u0085b"])(
    "has no control or direction characters: %j",
    (text) => {
      expect(labelSchema.safeParse(text).success).toBe(false);
    },
  );

  it("may be in any script", () => expect(labelSchema.safeParse("Büro · 書斎").success).toBe(true));
});

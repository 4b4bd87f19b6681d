import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { root } from "../../scripts/child.ts";
import { mutants } from "./mutants.ts";
import { mutated } from "./working-copy.ts";

describe("the table of mutants", () => {
  it("has each name once", () => {
    const names = mutants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(mutants)("finds the piece of $name where it says", (mutant) => {
    const source = readFileSync(join(root, mutant.file), "utf8");
    expect(mutated(source, mutant)).not.toBe(source);
  });

  it("says so when a piece is not there, or twice", () => {
    const [mutant] = mutants;
    if (mutant === undefined) throw new Error("the table is empty");
    expect(() => mutated("", mutant)).toThrow("0 times");
    expect(() => mutated(`${mutant.search} ${mutant.search}`, mutant)).toThrow("2 times");
  });
});

import { RE2JS } from "re2js";

import type { SchemaBudget } from "./schema-budget.ts";

/** Characters of a pattern; longer ones are not checked. */
const maxPatternCharacters = 512;
/** Steps charged for compiling one pattern, which takes up to a millisecond. */
const compileSteps = 5_000;
/** States of the automaton that one step pays for. */
const statesPerStep = 16;

/**
 * Patterns of strangers, run in time linear in the text by RE2. What RE2 does not know (look-around, back-references) or
 * what is too long is not checked: the agent that wrote the pattern checks it itself.
 */
export class SchemaPatterns {
  readonly #budget: SchemaBudget;
  readonly #compiled = new Map<string, RE2JS | undefined>();

  constructor(budget: SchemaBudget) {
    this.#budget = budget;
  }

  /** Whether the pattern occurs in the text; undefined when it cannot be checked. */
  occursIn(text: string, pattern: string): boolean | undefined {
    const compiled = this.#compile(pattern);
    if (compiled === undefined) return undefined;
    this.#budget.spend(Math.ceil(((text.length + 1) * compiled.programSize()) / statesPerStep));
    return compiled.matcher(text).find();
  }

  #compile(pattern: string): RE2JS | undefined {
    if (this.#compiled.has(pattern)) return this.#compiled.get(pattern);
    this.#budget.spend(compileSteps);
    const compiled = pattern.length > maxPatternCharacters ? undefined : tryCompile(pattern);
    this.#compiled.set(pattern, compiled);
    return compiled;
  }
}

function tryCompile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch {
    return undefined;
  }
}

/** A fault planted into a source, and the tests that have to notice it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Text that is in the file exactly once, and what stands there in the mutant. */
  readonly search: string;
  readonly replace: string;
  /** A project of vitest.config.ts and files of it; one failing test is enough. */
  readonly tests: { readonly project: string; readonly files: readonly string[] };
}

const unit = (...files: string[]): Mutant["tests"] => ({ project: "unit", files });
const traced: Mutant["tests"] = { project: "traced", files: ["test/traced/synced.test.ts"] };

/** Faults against the delivery contract, one promise each. */
export const mutants: readonly Mutant[] = [
  {
    name: "a dedup window that forgets",
    file: "packages/core/src/stream/inbound-stream.ts",
    search: "let index = this.#received + 1 - section.firstSeq;",
    replace: "let index = 0;",
    tests: unit("packages/core/test/stream/inbound-stream.test.ts"),
  },
  {
    name: "an outbox without fsync",
    file: "packages/store-sqlite/src/database.ts",
    search: "PRAGMA synchronous = FULL;",
    replace: "PRAGMA synchronous = OFF;",
    tests: traced,
  },
  {
    name: "an outbox that syncs now and then",
    file: "packages/store-sqlite/src/database.ts",
    search: "PRAGMA synchronous = FULL;",
    replace: "PRAGMA synchronous = NORMAL;",
    tests: traced,
  },
];

/** What one check of a value may cost. A step is about 0.2 µs; the whole allowance stays near a tenth of a second. */
const maxSteps = 500_000;

/** Frames of the walk on top of each other: JSON nests 32 levels, and a schema takes a handful of frames per level. */
const maxFrames = 512;

/** Says that a schema was given up on; never leaves `checkAgainstSkillSchema`. */
export class SchemaGivenUp extends Error {}

/** Counts what a walk spends, so that no schema, however it refers to itself, holds the process up. */
export class SchemaBudget {
  #steps = maxSteps;
  #frames = 0;

  /** Takes `count` steps. Throws `SchemaGivenUp` when none are left. */
  spend(count: number): void {
    this.#steps -= count;
    if (this.#steps < 0) throw new SchemaGivenUp("the skill's schema takes too long to check");
  }

  /** Runs one frame of the walk. Throws `SchemaGivenUp` when too many are on top of each other. */
  nest<Result>(run: () => Result): Result {
    if (++this.#frames > maxFrames) throw new SchemaGivenUp("the skill's schema refers to itself without end");
    try {
      return run();
    } finally {
      this.#frames--;
    }
  }
}

/** What the compliance suites ask of vitest, for a page: they are bundled with this in its place. */
export interface SuiteResult {
  readonly passed: readonly string[];
  /** Names and reasons. */
  readonly failed: readonly string[];
}

interface Test {
  readonly name: string;
  readonly run: () => unknown;
  readonly limitMs: number;
}

const defaultLimitMs = 15_000;
const tests: Test[] = [];
const before: (() => unknown)[] = [];
const after: (() => unknown)[] = [];

export function describe(_name: string, body: () => void): void {
  body();
}

export function it(name: string, run: () => unknown, limitMs = defaultLimitMs): void {
  tests.push({ name, run, limitMs });
}

export function beforeEach(run: () => unknown): void {
  before.push(run);
}

export function afterEach(run: () => unknown): void {
  after.push(run);
}

/** Runs what was declared, one test after the other. */
export async function runTests(): Promise<SuiteResult> {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const { name, run, limitMs } of tests) {
    try {
      await withLimit(limitMs, async () => {
        for (const step of [...before, run, ...after]) await step();
      });
      passed.push(name);
    } catch (error) {
      failed.push(`${name}: ${error instanceof Error ? error.message : "not an error"}`);
    }
  }
  return { passed, failed };
}

async function withLimit(limitMs: number, work: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done after ${limitMs} ms`)), limitMs);
  try {
    await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function expect(actual: unknown): Expectation {
  return new Expectation(actual, true);
}

class Expectation {
  readonly #actual: unknown;
  readonly #wanted: boolean;

  constructor(actual: unknown, wanted: boolean) {
    this.#actual = actual;
    this.#wanted = wanted;
  }

  get not(): Expectation {
    return new Expectation(this.#actual, !this.#wanted);
  }

  toBe(expected: unknown): void {
    this.#check(Object.is(this.#actual, expected), "to be", expected);
  }

  toEqual(expected: unknown): void {
    this.#check(isEqual(this.#actual, expected), "to equal", expected);
  }

  toBeUndefined(): void {
    this.#check(this.#actual === undefined, "to be", undefined);
  }

  toMatch(pattern: RegExp): void {
    this.#check(pattern.test(String(this.#actual)), "to match", String(pattern));
  }

  toHaveLength(length: number): void {
    this.#check((this.#actual as { length?: number }).length === length, "to have length", length);
  }

  toBeLessThanOrEqual(most: number): void {
    this.#check(Number(this.#actual) <= most, "to be at most", most);
  }

  toBeGreaterThan(bound: number): void {
    this.#check(Number(this.#actual) > bound, "to be more than", bound);
  }

  toThrow(part: string): void {
    let thrown: unknown;
    try {
      (this.#actual as () => unknown)();
    } catch (error) {
      thrown = error;
    }
    this.#check(thrown instanceof Error && thrown.message.includes(part), "to throw", part);
  }

  #check(holds: boolean, words: string, expected: unknown): void {
    if (holds === this.#wanted) return;
    throw new Error(
      `expected ${JSON.stringify(this.#actual)} ${this.#wanted ? "" : "not "}${words} ${JSON.stringify(expected)}`,
    );
  }
}

/** As vitest compares: bytes and lists by their items, sets in any order, objects by their properties, absent or undefined alike. */
function isEqual(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if ((left instanceof Map && right instanceof Map) || (left instanceof Set && right instanceof Set)) {
    const others: unknown[] = [...right];
    return left.size === right.size && [...left].every((item) => others.some((other) => isEqual(item, other)));
  }
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => isEqual(Reflect.get(left, key), Reflect.get(right, key)));
}

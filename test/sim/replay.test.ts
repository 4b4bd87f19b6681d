import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

const main = join(import.meta.dirname, "main.ts");
const node = promisify(execFile);

async function hashOf(...args: readonly string[]): Promise<string> {
  const { stdout } = await node(process.execPath, [main, "--json", ...args]);
  const { hash, steps } = JSON.parse(stdout) as { hash: string; steps: number };
  expect(steps).toBeGreaterThan(50);
  return hash;
}

test("a seed comes out the same every time, and another one otherwise", { timeout: 60_000 }, async () => {
  const [first, again, other] = await Promise.all([
    hashOf("--seed", "12"),
    hashOf("--seed", "12"),
    hashOf("--seed", "13"),
  ]);
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

import { findProgram } from "../../scripts/system-programs.ts";

const program = join(import.meta.dirname, "write-and-tell.ts");
const rounds = 10;

/** The calls of a process that write and sync, in the order in which it made them. */
async function traceOf(folder: string): Promise<readonly string[]> {
  const trace = join(folder, "trace");
  const watched = ["-f", "-e", "trace=write,fsync,fdatasync", "-e", "signal=none", "-o", trace];
  const command = [process.execPath, "--disable-warning=ExperimentalWarning", program, folder, String(rounds)];
  await promisify(execFile)(findProgram("strace") ?? "strace", [...watched, ...command]);
  return (await readFile(trace, "utf8")).split("\n");
}

/** For everything that was said to be done: how often the disk was synced between what was said before and that. */
function syncsBefore(trace: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const counts = new Map<string, number[]>();
  let syncs = 0;
  for (const call of trace) {
    if (/\bf(?:data)?sync\(\d+\) += 0/.test(call)) syncs++;
    const said = /\bwrite\(1, "done: (\w+)/.exec(call)?.[1];
    if (said === undefined) continue;
    counts.set(said, [...(counts.get(said) ?? []), syncs]);
    syncs = 0;
  }
  return counts;
}

describe("what is said to be accepted, committed or stored", () => {
  it("was synced to the disk before that was said, each time", async () => {
    const folder = await mkdtemp(join(tmpdir(), "parley-traced-"));
    const syncs = syncsBefore(await traceOf(folder));
    await rm(folder, { recursive: true, force: true });
    const unsynced = ["accepted", "committed", "stored"].filter((what) => {
      const counts = syncs.get(what) ?? [];
      return counts.length !== rounds || Math.min(...counts) < 1;
    });
    expect(unsynced).toEqual([]);
    // Nor does it sync all the time: what is counted above are the syncs of those very writes.
    expect(syncs.get("nothing")?.slice(1)).toEqual(Array.from({ length: rounds - 1 }, () => 0));
  });
});

/** Tells a process from a later one with the same number. */
import { readFile } from "node:fs/promises";

/** Field 22 of /proc/PID/stat is when the process started, in ticks since the machine did (proc(5)); counted after the name, which is field 2. */
const startField = 22 - 3;

/** When the process started, as a text to compare; undefined where there is no such process, or no /proc to ask. */
export async function processMark(pid: number): Promise<string | undefined> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    ]);
    // The name may have spaces and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended, only nobody has asked how.
    return fields[0] === "Z" ? undefined : `${boot.trim()}/${fields[startField]}`;
  } catch {
    return undefined;
  }
}

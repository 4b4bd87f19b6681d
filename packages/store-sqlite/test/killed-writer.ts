import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { expect } from "vitest";

/** Lets one of `children` write into the folder, kills it once it reported that many writes, and gives every number it reported. */
export async function acknowledgedBeforeKill(program: string, dir: string, writes: number): Promise<readonly number[]> {
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, "children", program), dir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  writer.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > writes * 5) writer.kill("SIGKILL");
  });
  const closed = once(writer, "close");
  await closed;
  expect(writer.signalCode).toBe("SIGKILL");
  // The last line may be cut off; its number was acknowledged but not reported.
  return output.slice(0, output.lastIndexOf("\n")).split("\n").map(Number);
}

import { createLog, type LogLevel } from "@parley/agent";
import type { LogLine } from "@parley/client";

/** The log of this process, on the standard error output: lines for people on a terminal, JSON elsewhere. */
export function processLog(level: string, json: boolean): LogLine {
  const pretty = process.stderr.isTTY && !json;
  return createLog({
    write: (line) => void process.stderr.write(line),
    level: level as LogLevel,
    pretty,
    colour: pretty && (process.env["NO_COLOR"] ?? "") === "",
  });
}

import type { PathReason, PingResult } from "@parley/client";
import { type ParleyError, toParleyError } from "@parley/protocol";

import { allowedPaths } from "../allowed-paths.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";

const mostPings = 1000;

export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const who = input.argument("member");
  const count = input.integer("count", 1, mostPings) ?? 3;
  return withDevice(context, async ({ device }) => {
    const results: PingResult[] = [];
    let last: ParleyError | undefined;
    // Said once, and again when it is another one.
    let told: PathReason | undefined;
    for (let number = 1; number <= count && !signal.aborted; number++) {
      try {
        const result = await device.ping(who, allowedPaths(context.settings));
        results.push(result);
        const { path, rttMs, route, reason } = result;
        const because =
          reason === undefined || reason === told
            ? ""
            : `\n${out.style("dim", `   because ${pathReasonText(reason, path)}`)}`;
        told = reason;
        out.event(
          { number, ...result },
          `${number}  path: ${path}  round trip: ${formatDuration(rttMs)}${route === undefined ? "" : `  ${route.local} -> ${route.remote}`}${because}`,
        );
      } catch (error) {
        last = toParleyError(error);
        const { code, message, retryable } = last;
        // The last word of a command that failed is said where it ends.
        if (!retryable || count === 1) break;
        out.event({ number, error: { code, message } }, `${number}  ${message} (${code})`);
      }
    }
    if (results.length === 0 && last !== undefined) throw last;
    const best = Math.min(...results.map(({ rttMs }) => rttMs));
    out.note(`${results.length} of ${count} answered, best ${formatDuration(best)}`);
    return 0;
  });
};

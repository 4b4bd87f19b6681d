import { limits, toParleyError } from "@parley/protocol";

import type { LocalError } from "./local-lines.ts";

/** An error as it stands on a line. */
export function localError(error: unknown): LocalError {
  const { code, message, data, retryable } = toParleyError(error);
  return {
    code,
    retryable,
    message: message.slice(0, limits.errorCharacters),
    ...(data === undefined ? {} : { data: JSON.parse(JSON.stringify(data)) as LocalError["data"] & {} }),
  };
}

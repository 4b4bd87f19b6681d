/** `--at`: when something is to be done. */
import { ParleyError } from "@parley/protocol";

import { parseDuration } from "./duration.ts";

const mostAheadMs = 366 * 86_400_000;
const dayMs = 86_400_000;

/** `+2h`, `18:30` (today, or tomorrow when that is over), `2026-12-24 18:30` here, or with its zone as ISO 8601 writes it. */
export function laterOf(text: string, now: number): number {
  const at = momentOf(text.trim(), now);
  if (at !== undefined && at > now && at <= now + mostAheadMs) return at;
  throw new ParleyError("invalid_argument", {
    message: "--at is a time to come within a year: +2h, 18:30, '2026-12-24 18:30' or 2026-12-24T18:30:00Z.",
  });
}

function momentOf(text: string, now: number): number | undefined {
  if (text.startsWith("+")) {
    const ms = parseDuration(text.slice(1));
    return ms === undefined ? undefined : now + ms;
  }
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hour !== undefined && minute !== undefined) {
    if (Number(hour) > 23 || Number(minute) > 59) return undefined;
    const today = new Date(now).setHours(Number(hour), Number(minute), 0, 0);
    return today > now ? today : new Date(today + dayMs).setHours(Number(hour), Number(minute), 0, 0);
  }
  if (!/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}/.test(text)) return undefined;
  const at = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(at) ? undefined : at;
}

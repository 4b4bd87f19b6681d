const pad = (value: number, length = 2): string => String(value).padStart(length, "0");

/** `2026-11-20`, here. */
function dayOf(date: Date): string {
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

const timeOf = (date: Date): string => `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;

/** When something was, as short as it says enough: `14:03:22` today, else `2026-11-20`. */
export function formatMoment(ms: number, now: number): string {
  const date = new Date(ms);
  return dayOf(date) === dayOf(new Date(now)) ? timeOf(date) : dayOf(date);
}

/** The whole of it: `2026-11-20 14:03:22.123`. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  return `${dayOf(date)} ${timeOf(date)}.${pad(date.getMilliseconds(), 3)}`;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `30m`, `1h` or `2d`; a number alone is seconds. Undefined for anything else. */
export function durationMs(text: string): number | undefined {
  const [, count, unit = "s"] = /^(\d{1,9}(?:\.\d{1,3})?)([smhd])?$/.exec(text.trim()) ?? [];
  return count === undefined ? undefined : Number(count) * (unitMs[unit] ?? 1000);
}

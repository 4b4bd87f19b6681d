/** Sums of a budget as people write them. */
const units: Readonly<Record<string, number>> = { k: 1000, m: 1_000_000, g: 1_000_000_000 };
const most = 1_000_000_000_000;
/** Money is counted in millionths of the mesh's unit. */
const moneyUnit = 1_000_000;

/** `500`, `2k`, `1.5M`. Undefined for anything else. */
export function parseAmount(text: string): number | undefined {
  const match = /^(\d{1,13}(?:\.\d{1,6})?)([kmg])?$/i.exec(text.trim());
  if (match === null) return undefined;
  const value = Number(match[1]) * (units[(match[2] ?? "").toLowerCase()] ?? 1);
  return Number.isInteger(value) && value <= most ? value : undefined;
}

/** `2`, `2.50`: in the mesh's unit of money, at most six digits after the point. */
export function parseMoney(text: string): number | undefined {
  if (!/^\d{1,6}(?:\.\d{1,6})?$/.test(text.trim())) return undefined;
  const value = Math.round(Number(text) * moneyUnit);
  return value <= most ? value : undefined;
}

/** `1,500,000` as `1.5M`, where that is exact. */
export function formatAmount(value: number): string {
  for (const [unit, size] of [
    ["M", 1_000_000],
    ["k", 1000],
  ] as const)
    if (value >= size && (value * 10) % size === 0) return `${value / size}${unit}`;
  return String(value);
}

export const formatMoney = (value: number): string =>
  (value / moneyUnit).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 6, useGrouping: false });

/** From then on the end of an admission or a certificate is worth a word. */
export const soonMs = 30 * 86_400_000;

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** How something ends, as the end of a sentence; undefined while that is far away. */
export function endingSoon(exp: number, now: number): string | undefined {
  if (exp <= now) return `ended on ${day(exp)}`;
  return exp - now <= soonMs ? `ends on ${day(exp)}` : undefined;
}

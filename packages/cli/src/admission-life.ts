/** Longest life of an admission that a command gives. */
export const longestAdmissionMs = 10 * 365 * 86_400_000;

/** A day as people write it, in UTC. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

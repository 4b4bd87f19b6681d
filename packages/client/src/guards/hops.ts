import { limits, ParleyError } from "@parley/protocol";

/** Throws `too_many_hops` above `most`, at most `limits.hops`; the hops otherwise. */
export function checkHops(hops = 0, most: number = limits.hops): number {
  if (hops <= most && hops <= limits.hops) return hops;
  throw new ParleyError("too_many_hops", {
    message: `${hops} messages or calls of agents led to this one; ${Math.min(most, limits.hops)} may. See docs/guards.md.`,
  });
}

import { describe, expect, it } from "vitest";

import { TokenBucket } from "../../src/guards/token-bucket.ts";

describe("a token bucket", () => {
  it("allows its burst, then its rate", () => {
    const bucket = new TokenBucket(2, 3, 0);
    expect([1, 2, 3, 4].map(() => bucket.take(0))).toEqual([true, true, true, false]);
    expect([bucket.take(499), bucket.take(500), bucket.take(500)]).toEqual([false, true, false]);
    expect([1, 2, 3, 4].map(() => bucket.take(1_000_000))).toEqual([true, true, true, false]);
  });
});

import { describe, expect, it } from "vitest";

import expectedPaths from "../../../test/lab/expected-paths.json" with { type: "json" };
import { expectedPath, natKinds } from "../src/stun/nat-kind.ts";
import { judgeNat } from "../src/stun/nat-probe.ts";

const pairs = natKinds.flatMap((own) => natKinds.map((peer) => [own, peer] as const));

describe("the path to be expected", () => {
  it.each(pairs)("from %s to %s is the one of the lab's table, and the same the other way", (own, peer) => {
    const all = { turn: true, relay: true };
    expect(expectedPath(own, peer, all)).toBe(expectedPaths[own][peer]);
    expect(expectedPath(peer, own, all)).toBe(expectedPath(own, peer, all));
  });

  it("falls to what there is", () => {
    const paths = ([turn, relay]: readonly [boolean, boolean]) =>
      expectedPath("symmetric", "symmetric", { turn, relay });
    expect(
      (
        [
          [true, true],
          [true, false],
          [false, true],
          [false, false],
        ] as const
      ).map(paths),
    ).toEqual(["turn", "turn", "relay", "none"]);
    expect(expectedPath("udp-blocked", "public", { turn: true, relay: false })).toBe("none");
  });

  it("is never direct where the policy forbids it", () => {
    expect(expectedPath("public", "public", { turn: true, relay: true, direct: false })).toBe("turn");
    expect(expectedPath("public", "public", { turn: false, relay: true, direct: false })).toBe("relay");
  });
});

describe("the kind of NAT", () => {
  const mapped = { address: "192.0.2.1", port: 1 };
  const independent = "endpoint-independent";
  const strictest = "address-and-port-dependent";
  it.each([
    [independent, independent, false, "public"],
    [independent, independent, true, "full-cone"],
    [independent, "address-dependent", true, "address-restricted"],
    [independent, strictest, true, "port-restricted"],
    [independent, strictest, false, "port-restricted"],
    ["address-dependent", strictest, true, "symmetric"],
    [strictest, independent, true, "symmetric"],
    ["unknown", "unknown", true, "unknown"],
    [independent, "unknown", true, "unknown"],
    ["unknown", "unknown", false, "unknown"],
  ] as const)("with mapping %s and filtering %s, translated %s, is %s", (mapping, filtering, translated, kind) => {
    const findings = judgeNat({ mapping, filtering, mapped, translated });
    expect(findings.kind).toBe(kind);
    expect(findings.because === undefined).toBe(kind !== "unknown");
  });
});

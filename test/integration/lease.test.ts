import { peekStatement } from "@parley/core";
import { decodeFrame } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope, until } from "./device-fixture.ts";

/** The leases that come in the hellos of a device's links. */
function leasesTo(who: Joined): string[] {
  const leases: string[] = [];
  who.links.tap = (callbacks) => ({
    ...callbacks,
    onMessage: (bytes) => {
      const frame = decodeFrame(bytes);
      const [first] = frame.ok ? frame.value : [];
      if (first?.type === "hello") leases.push(peekStatement("hello", first.statement).lease);
      callbacks.onMessage(bytes);
    },
  });
  return leases;
}

describe("a membership lease", () => {
  it("ends its links, and is renewed before that, so that the next link has a fresh one", async () => {
    await using scope = await MeshScope.start({ registry: { bounds: { leaseMs: 3000 } } });
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const leases = leasesTo(alice);
    await bob.device.connect("@alice");
    const first = peekStatement("lease", leases[0] ?? "");
    await Promise.race([alice.events.refused("lease_expired"), bob.events.refused("lease_expired")]);
    await until(() => bob.links.open.length === 0);
    await bob.device.connect("@alice");
    const second = peekStatement("lease", leases.at(-1) ?? "");
    expect(second.exp).toBeGreaterThan(first.exp);
    expect(second.exp).toBeGreaterThan(Date.now());
  });
});

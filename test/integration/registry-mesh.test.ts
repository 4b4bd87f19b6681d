import { describe, expect, it } from "vitest";

import { startRegistry } from "./registry-fixture.ts";

describe("a mesh on a registry", () => {
  it("is claimed by the one-time secret, takes in a member, and carries frames between devices", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const bob = await mesh.join("bob");
    const carol = await mesh.join("carol");
    bob.sendFrame(carol.identity, new Uint8Array([1, 2, 3]));
    expect(await bob.nextResult()).toMatchObject({ state: "relayed" });
    const delivery = await carol.nextDelivery();
    expect(delivery.mailbox).toBeUndefined();
    expect(delivery.content).toEqual(new Uint8Array([1, 2, 3]));
  });
});

import type { Records, Stores } from "@parley/core";
import { describe, expect, it } from "vitest";

import { faultyStores, outcomeOf, startRegistry } from "./registry-fixture.ts";

/** Stores in which the next writing of a session's generation waits, so that the world can change meanwhile. */
class HeldStores {
  readonly stores: Stores;
  #arrived = Promise.withResolvers<void>();
  #gate: Promise<void> | undefined;

  constructor() {
    const inner = faultyStores();
    const { records } = inner;
    const held: Records = {
      get: (key) => records.get(key),
      put: async (key, value, options) => {
        if (this.#gate !== undefined && key.startsWith("generation/")) {
          this.#arrived.resolve();
          await this.#gate;
        }
        return records.put(key, value, options);
      },
      delete: (key, options) => records.delete(key, options),
      list: (prefix, options) => records.list(prefix, options),
      watch: (prefix, onChange, options) => records.watch(prefix, onChange, options),
    };
    this.stores = { records: held, log: inner.log, bus: inner.bus, blobs: inner.blobs, close: () => inner.close() };
  }

  /** Resolves once a session waits between its proof and its welcome; what is returned lets it go on. */
  hold(): { readonly arrived: Promise<void>; readonly letGo: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#arrived = Promise.withResolvers<void>();
    this.#gate = promise;
    return {
      arrived: this.#arrived.promise,
      letGo: () => {
        this.#gate = undefined;
        resolve();
      },
    };
  }
}

describe("between a proof and its welcome", () => {
  it("a member that is revoked is not let in", async () => {
    const held = new HeldStores();
    await using registry = await startRegistry({ stores: held.stores });
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    const { arrived, letGo } = held.hold();
    const opening = outcomeOf(mesh.open(bob));
    await arrived;
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, [bob.member]),
    });
    letGo();
    expect(await opening).toBe("revoked");
  });

  it("a device that is taken off its member's list is not let in", async () => {
    const held = new HeldStores();
    await using registry = await startRegistry({ stores: held.stores });
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob", { devices: 2 });
    const first = await mesh.open(bob);
    const { arrived, letGo } = held.hold();
    const opening = outcomeOf(mesh.open(bob, { device: 1 }));
    await arrived;
    const { id: device, publicKey: key } = bob.device(0);
    const devices = await bob.deviceList(mesh.mesh, {
      number: 2,
      devices: [{ device, key, label: "test", since: Date.now() }],
    });
    await first.request("devices.publish", { devices });
    letGo();
    expect(await opening).toBe("device_removed");
  });
});

import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { MeshScope, until } from "./device-fixture.ts";

describe("a receiver that does not keep up", () => {
  for (const path of ["direct", "relay"] as const) {
    it(`slows its sender by ${path}: nothing more is taken, and room comes with the acknowledgements`, async () => {
      await using scope = await MeshScope.start();
      const alice = await scope.join("alice");
      const bob = await scope.join("bob");
      if (path === "direct") await alice.device.connect("@bob");
      const stream = await alice.device.stream("@bob", { paths: [path] });
      const body = new Uint8Array(32 * 1024);
      let got = 0;
      bob.device.onStream(() => void got++);
      let written = 0;
      // All in one task: nothing can leave meanwhile, and no acknowledgement come.
      while (stream.write(body)) written++;
      expect(written).toBe(limits.unackedBytes / body.length);
      expect(stream.unacked).toBe(written);
      expect(stream.write(body)).toBe(false);
      await stream.room();
      expect(stream.write(body)).toBe(true);
      await until(() => stream.unacked === 0);
      expect(got).toBe(written + 1);
    });
  }

  it("bounds what waits in the link's own buffer", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await alice.device.connect("@bob");
    const stream = await alice.device.stream("@bob", { paths: ["direct"] });
    const body = new Uint8Array(32 * 1024);
    const [link] = alice.links.open;
    bob.device.onStream(() => undefined);
    let most = 0;
    for (let count = 0; count < 3000; count++) {
      while (!stream.write(body)) await stream.room();
      most = Math.max(most, link?.bufferedBytes ?? 0);
    }
    await until(() => stream.unacked === 0);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1024 * 1024);
  });

  it("makes durable sends wait for room, and gives way to a signal", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    await scope.join("bob", { links: false });
    await alice.device.memberOf("@bob");
    await scope.mesh.stopRegistry();
    await alice.events.session("waiting");
    const text = "x".repeat(200 * 1024);
    let accepted = 0;
    const controller = new AbortController();
    const sends: Promise<unknown>[] = [];
    for (let count = 0; count < 120; count++) {
      const sent = alice.device.send("@bob", text, { signal: controller.signal });
      sends.push(sent.then(() => void accepted++));
      sends.at(-1)?.catch(() => undefined);
    }
    const most = limits.unackedBytes / (200 * 1024) + 1;
    await until(() => accepted >= Math.floor(most));
    expect(accepted).toBeLessThanOrEqual(most);
    controller.abort();
    const results = await Promise.allSettled(sends);
    expect(results.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(most);
    expect(results.some(({ status }) => status === "rejected")).toBe(true);
  });

  it("does not lose what a throwing handler stands in the way of", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const got: number[] = [];
    bob.device.onStream(({ body }) => {
      got.push(body[0] ?? 0);
      throw new Error("no");
    });
    const stream = await alice.device.stream("@bob");
    for (let value = 0; value < 10; value++) stream.write(new Uint8Array([value]));
    await until(() => stream.unacked === 0);
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

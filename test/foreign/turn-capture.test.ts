/** Backs a row of docs/what-the-registry-sees.md: what passes by a TURN service, and so by whoever runs it. */
import { NodeLinkFactory } from "@parley/peer/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { DatagramTap } from "../e2e/capture/datagram-tap.ts";
import { Marker } from "../e2e/capture/marker.ts";
import { Messages } from "../integration/device-fixture.ts";
import { serve } from "../integration/task-fixture.ts";
import { LoopbackTurn } from "./loopback-turn.ts";

const manyBytes = 100_000;

describe("of a link through TURN", () => {
  let turn: LoopbackTurn;
  const tap = new DatagramTap();

  beforeAll(async () => {
    turn = await LoopbackTurn.start();
  });
  afterAll(async () => {
    await turn[Symbol.asyncDispose]();
    await tap[Symbol.asyncDispose]();
  });

  it("an operator of TURN sees datagrams of DTLS, and by the name of credentials eight characters of a member's id", async () => {
    const { urls, secret } = turn.turn;
    const [, real = ""] = /:(\d+)\?/.exec(urls[0] ?? "") ?? [];
    const url = `turn:127.0.0.1:${await tap.portFor(Number(real))}?transport=udp`;
    const mesh = await TestMesh.start({ registry: { ice: { turn: { urls: [url], secret } } } });
    const factories = [new NodeLinkFactory(), new NodeLinkFactory()] as const;
    try {
      // Addresses of their own: coturn passes on what comes from its own one, by which the two would find each other.
      const [one, other] = ["127.0.0.2", "127.0.0.3"] as const;
      const alice = await mesh.join("alice", { links: { factory: factories[0], policy: "relay", bindAddress: one } });
      const bob = await mesh.join("bob", { links: { factory: factories[1], policy: "relay", bindAddress: other } });
      await serve(bob);
      const said = new Marker("through-turn");
      const asked = new Marker("task-through-turn");
      const messages = new Messages(bob.device);
      expect(await alice.device.connect("@bob")).toMatchObject({ path: "turn" });
      await alice.device.send("@bob", said.text.padEnd(manyBytes, "x"), { paths: ["turn"] });
      await messages.count(1);
      const run = await alice.device.delegate("@bob", { skill: "echo", input: { text: asked.text }, paths: ["turn"] });
      expect(await run.outcome).toMatchObject({ path: "turn", output: { text: asked.text } });

      const seen = tap.bytes;
      expect(seen.length).toBeGreaterThan(2 * manyBytes);
      for (const marker of [said, asked]) expect(marker.in(seen)).toEqual([]);
      const ids = [alice, bob].flatMap(({ device }) => [device.member, device.device]);
      expect(ids.filter((id) => new Marker("id", id).in(seen).length > 0)).toEqual([]);
      // Names of credentials are in the clear: when they end, and whose they are.
      for (const { device } of [alice, bob])
        expect(seen.toString("latin1")).toMatch(new RegExp(`\\d{10}:${device.member.slice(0, 8)}`));
      // DTLS application data, by which the content passed (RFC 6347 section 4.1).
      expect(seen.includes(Buffer.from([23, 0xfe, 0xfd]))).toBe(true);
    } finally {
      await mesh.stop();
      await Promise.all(factories.map((factory) => factory.close()));
    }
  });
});

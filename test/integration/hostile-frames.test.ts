import { createSigner, FrameSealer, systemRandom } from "@parley/core";
import { encodeDelivery, FrameWriter } from "@parley/protocol";
import { TestIdentity, testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Events, Messages } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";

const deliveryHeaderBytes = 13;
const routedHeaderBytes = 280;

/** A frame with one durable message, as anybody could write it. */
function messageFrame(text: string): Uint8Array {
  const writer = new FrameWriter();
  writer.data({ class: "durable", epoch: "AAAAAAAAAAAAAAAAAAAAAA", base: 1, firstSeq: 1 }, [
    testEnvelope(JSON.stringify({ text }), { created: Date.now() }),
  ]);
  return writer.finish().slice();
}

describe("through a hostile registry", () => {
  it("no part of an offer, answer or candidate passes in the open, and a link opens", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy } = mesh;
    expect(await alice.connect("@bob")).toMatchObject({ path: "direct" });
    await bob.events.link("open");
    expect(proxy.passed.length).toBeGreaterThan(10);
    const seen = proxy.passed
      .map((data) => (typeof data === "string" ? data : Buffer.from(data).toString("latin1")))
      .join("\n");
    for (const word of ["fingerprint", "ice-ufrag", "ice-pwd", "candidate:", "v=0", "webrtc", "127.0.0.1 ", "typ host"])
      expect(seen).not.toContain(word);
  });

  it("a frame with one altered bit is refused, wherever the bit lies", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, events } = mesh;
    const messages = new Messages(alice);
    let place = 0;
    // Sender, key id, encapsulated key, counter, signature, first and last byte of the content.
    const places = [100, 154, 178, 215, 216, routedHeaderBytes, -1];
    proxy.frame = (bytes) => {
      const at = places[place] ?? 0;
      const altered = bytes.slice();
      const index = at < 0 ? altered.length + at : deliveryHeaderBytes + at;
      altered[index] = (altered[index] ?? 0) ^ 1;
      return altered;
    };
    for (; place < places.length; place++) {
      const from = events.seen.length;
      await bob.device.send("@alice", `${place}`);
      const { code } = await events.first("refused", () => true, from);
      expect(["bad_signature", "cannot_open", "unknown_member"]).toContain(code);
    }
    expect(alice.links()).toEqual([]);
    proxy.frame = (bytes) => bytes;
    expect(messages.texts).toEqual([]);
  });

  it("an offer is not taken twice, nor by a later start", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, events, joined, scope } = mesh;
    await bob.device.connect("@alice");
    await events.link("open");
    const captured = [...proxy.delivered];
    expect(captured.length).toBeGreaterThan(0);
    for (const bytes of captured) proxy.inject(bytes);
    await events.refused("replayed");
    expect(alice.links()).toHaveLength(1);

    await alice.stop();
    const links = scope.control();
    const again = await scope.opened(joined, { registry: proxy.origin, links: { factory: links } });
    const seen = new Events(again);
    await again.start();
    for (const bytes of captured) proxy.inject(bytes);
    await seen.refused("replayed");
    await again.request("ping", {});
    expect(links.links).toHaveLength(0);
  });

  it("a stored frame that is handed out again is handled once", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, events } = mesh;
    const messages = new Messages(alice);
    const sent = await bob.device.send("@alice", "once");
    expect((await sent.settled).state).toBe("delivered");
    await messages.count(1);
    for (const bytes of proxy.delivered.slice()) proxy.inject(bytes);
    const next = await bob.device.send("@alice", "then this");
    expect((await next.settled).state).toBe("delivered");
    await messages.count(2);
    expect(messages.texts).toEqual(["once", "then this"]);
    expect(events.refusals.filter((code) => code !== "replayed")).toEqual([]);
  });

  it("a frame for somebody else is not opened", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, carol, proxy, events } = mesh;
    const messages = new Messages(alice);
    const { verified } = await bob.device.memberOf("@carol");
    const { identity } = bob;
    const sealer = new FrameSealer({
      mesh: alice.mesh,
      member: identity.member,
      device: identity.device,
      random: systemRandom,
    });
    const to = { device: undefined, encryption: verified.encryption, boot: undefined, store: true, expires: 0 };
    const { bytes } = await sealer.seal(messageFrame("for carol"), { ...to, member: carol.device.member });
    proxy.inject(encodeDelivery({ mailbox: { offset: 1, previous: 0 }, frame: bytes }));
    await events.refused("cannot_open");
    // The same under Alice's name, sealed to Carol's key.
    const renamed = await sealer.seal(messageFrame("for carol"), { ...to, member: alice.member });
    const from = events.seen.length;
    proxy.inject(encodeDelivery({ mailbox: { offset: 2, previous: 1 }, frame: renamed.bytes }));
    await events.refused("cannot_open", from);
    expect(messages.texts).toEqual([]);
  });

  it("a frame from somebody who was not admitted, or from a device nobody listed, is refused", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, events } = mesh;
    const messages = new Messages(alice);
    const { encryption } = (await alice.memberOf(alice.member)).verified;
    const to = { member: alice.member, device: undefined, encryption, boot: undefined, store: true, expires: 0 };
    const mallory = await TestIdentity.create("mallory");
    const asMallory = new FrameSealer({
      mesh: alice.mesh,
      member: mallory.member,
      device: mallory.device(),
      random: systemRandom,
    });
    const outside = await asMallory.seal(messageFrame("let me in"), to);
    proxy.inject(encodeDelivery({ mailbox: { offset: 1, previous: 0 }, frame: outside.bytes }));
    await events.refused("unknown_member");

    const asBob = new FrameSealer({
      mesh: alice.mesh,
      member: bob.device.member,
      device: await createSigner("device"),
      random: systemRandom,
    });
    const unlisted = await asBob.seal(messageFrame("I am bob"), to);
    proxy.inject(encodeDelivery({ mailbox: { offset: 2, previous: 1 }, frame: unlisted.bytes }));
    await events.refused("bad_signature");

    const own = await createSigner("device");
    const posing = new FrameSealer({
      mesh: alice.mesh,
      member: bob.device.member,
      device: { ...own, id: bob.device.device },
      random: systemRandom,
    });
    const from = events.seen.length;
    const forged = await posing.seal(messageFrame("I am bob"), to);
    proxy.inject(encodeDelivery({ mailbox: { offset: 3, previous: 2 }, frame: forged.bytes }));
    await events.refused("bad_signature", from);
    expect(messages.texts).toEqual([]);
  });
});

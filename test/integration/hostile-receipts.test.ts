import { FrameSealer, signReceipt, systemRandom } from "@parley/core";
import { encodeDelivery, FrameWriter, type Receipt } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Events } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";

describe("a receipt", () => {
  it("counts only with the signature of the device that it speaks for, over what it says", async () => {
    await using mesh = await hostileScene();
    const { alice, bob, proxy, joined } = mesh;
    const events = new Events(alice);
    const sent = await alice.send("@bob", "hello");
    // Nobody listens there, so it is not handled.
    expect((await sent.settled).state).toBe("delivered");
    const { identity } = bob;
    const { encryption } = (await alice.memberOf(alice.member)).verified;
    const to = { member: alice.member, device: undefined, encryption, boot: undefined, store: true, expires: 0 };
    const sealer = new FrameSealer({
      mesh: alice.mesh,
      member: identity.member,
      device: identity.device,
      random: systemRandom,
    });
    const [epoch = ""] = sent.id.split(".");
    const receipt: Receipt = { epoch, state: "handled", from: 1, to: 1, at: Date.now() };
    const parties = {
      mesh: alice.mesh,
      sender: alice.member,
      senderDevice: alice.device,
      recipient: identity.member,
      device: identity.device.id,
    };
    let offset = 1;
    const inject = async (signature: Uint8Array): Promise<void> => {
      const writer = new FrameWriter();
      writer.receipt({ ...receipt, signature });
      const { bytes } = await sealer.seal(writer.finish().slice(), to);
      const mailbox = { offset: offset + 1, previous: offset, redelivered: false };
      offset++;
      proxy.inject(encodeDelivery({ mailbox, frame: bytes }));
    };
    const wrong = [
      await signReceipt(joined.identity.device, parties, receipt),
      await signReceipt(identity.device, { ...parties, senderDevice: identity.device.id }, receipt),
      await signReceipt(identity.device, parties, { ...receipt, state: "delivered" }),
      await signReceipt(identity.device, parties, { ...receipt, to: 2 }),
    ];
    for (const signature of wrong) {
      const from = events.seen.length;
      await inject(signature);
      await events.refused("bad_signature", from);
    }
    expect(sent.state().state).toBe("delivered");
    await inject(await signReceipt(identity.device, parties, receipt));
    expect(await sent.reaches("handled")).toMatchObject({ state: "handled", device: identity.device.id });
  });
});

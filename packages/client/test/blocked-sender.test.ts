import { envelopeKinds, type FrameResult, FrameWriter, maxChunkBytes, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import type { Carrier } from "../src/device-lanes.ts";
import { body, carrier, DurableScene, head, nextTask, stored } from "./durable-scene.ts";

const blocked: FrameResult = {
  frame: "",
  state: "refused",
  error: { code: "blocked", message: "The recipient takes no messages of this member." },
};
const lost: FrameResult = { frame: "", state: "refused", error: { code: "storage_unavailable", message: "" } };
const phone: Carrier = { device: "phone", flush: () => undefined, link: { path: "direct" }, connected: true };

async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTask();
}

describe("a durable stream to a member that blocked its sender", () => {
  it("ends what the registry refused, and lets it go", async () => {
    const scene = new DurableScene();
    scene.respond = () => Promise.resolve(blocked);
    const stream = await scene.open();
    const sent = await stream.accept(head, body("hello?"));
    expect(await sent.settled).toMatchObject({ state: "refused", error: { code: "blocked" } });
    await turns();
    expect((await scene.journal.load()).outbox).toEqual([]);
    const long = await stream.accept(head, new Uint8Array(maxChunkBytes * 3));
    expect(await long.settled).toMatchObject({ state: "refused", error: { code: "blocked" } });
    await turns();
    expect((await scene.journal.load()).outbox).toEqual([]);
    expect(stream.stream.unackedCount).toBe(0);
    scene.respond = () => Promise.resolve(stored);
    const welcome = await stream.accept(head, body("again"));
    await turns();
    expect(welcome.state().state).toBe("stored");
  });

  it("says the same as when a device of that member refuses", async () => {
    const scene = new DurableScene();
    scene.respond = () => Promise.resolve(blocked);
    const stream = await scene.open();
    const byRegistry = await (await stream.accept(head, body("one"))).settled;
    stream.meet({ ...carrier, link: { path: "direct" } });
    const second = await stream.accept(head, body("two"));
    stream.write(new FrameWriter(), carrier);
    stream.onRefusal(2, new ParleyError("blocked"), carrier);
    const byDevice = await second.settled;
    const said = ({ state, path, reason, device, error }: typeof byDevice): unknown => ({
      state,
      path,
      reason,
      device,
      error,
    });
    expect(said(byDevice)).toEqual(said(byRegistry));
  });

  it("leaves what the mailbox has, or may have, to the devices of that member", async () => {
    const scene = new DurableScene();
    scene.respond = (frame) => Promise.resolve([stored, lost][frame] ?? blocked);
    const stream = await scene.open();
    const kept = await stream.accept(head, body("kept"));
    await scene.until(1);
    const doubtful = await stream.accept(head, body("doubtful"));
    await scene.until(2);
    scene.clock.advance(1000);
    stream.retry(scene.clock.monotonic());
    await scene.until(3);
    const sure = await stream.accept(head, body("sure"));
    scene.clock.advance(5000);
    stream.retry(scene.clock.monotonic());
    expect(await sure.settled).toMatchObject({ state: "refused", error: { code: "blocked" } });
    await turns();
    expect([kept.state().state, doubtful.state().state]).toEqual(["stored", "accepted"]);
    stream.onAck(2, carrier);
    await turns();
    expect([kept.state().state, doubtful.state().state]).toEqual(["delivered", "delivered"]);
    expect((await scene.journal.load()).outbox).toEqual([]);
  });

  it("leaves what an earlier start may have sent, and ends what came after it", async () => {
    const scene = new DurableScene();
    scene.session.isOpen = false;
    const first = await scene.open();
    await first.accept(head, body("of the earlier start"));
    first.stop();
    scene.session.isOpen = true;
    scene.respond = () => Promise.resolve(blocked);
    const stream = await scene.open();
    const sent = await stream.accept(head, body("of this start"));
    expect(await sent.settled).toMatchObject({ state: "refused" });
    await turns();
    expect((await scene.journal.load()).outbox.map(({ seq, state }) => [seq, state])).toEqual([[1, "accepted"]]);
  });

  it("does not end what a link carries, nor keeps for the others what a device took", async () => {
    const scene = new DurableScene();
    scene.kind = "person";
    scene.devices = ["phone", "laptop"];
    scene.respond = () => Promise.resolve(blocked);
    scene.session.isOpen = false;
    const stream = await scene.open();
    stream.meet(phone);
    const sent = await stream.accept(head, body("by the link"));
    expect(stream.write(new FrameWriter(), phone)).toBe(true);
    scene.session.isOpen = true;
    stream.onSession();
    await scene.until(1);
    await turns();
    expect(sent.state().state).toBe("accepted");
    stream.onAck(1, phone);
    expect(sent.state()).toMatchObject({ state: "delivered", device: "phone" });
    scene.clock.advance(5000);
    stream.retry(scene.clock.monotonic());
    await scene.until(2);
    await turns();
    expect((await scene.journal.load()).outbox).toEqual([]);
  });

  it("ends nothing before a frame that has no answer yet", async () => {
    const scene = new DurableScene();
    const first = Promise.withResolvers<FrameResult>();
    scene.respond = (frame) => (frame === 0 ? first.promise : Promise.resolve(blocked));
    const stream = await scene.open();
    const one = await stream.accept(head, new Uint8Array(maxChunkBytes));
    const two = await stream.accept(head, new Uint8Array(maxChunkBytes));
    expect(await two.settled).toMatchObject({ state: "refused" });
    expect(one.state().state).toBe("accepted");
    first.resolve(stored);
    await turns();
    expect(one.state().state).toBe("stored");
    stream.onAck(1, carrier);
    await turns();
    expect(stream.stream.unackedCount).toBe(0);
    expect(scene.sent.filter(({ kind }) => kind === envelopeKinds.void)).toEqual([]);
  });
});

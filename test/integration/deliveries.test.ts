import { verifyReceipt } from "@parley/core";
import { fromBase64url, keptReceiptOf } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { MeshScope, Messages, until } from "./device-fixture.ts";

describe("what a device remembers of its messages", () => {
  it("is found by id, member and state, with every fact and the recipient's signature", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    const sent = await alice.device.send("@bob", "hello");
    await sent.reaches("handled");
    await until(async () => {
      const [record] = (await alice.device.deliveries({ id: sent.id })).records;
      return record?.receipts.handled !== undefined && record.receipts.delivered !== undefined;
    });
    const [record] = (await alice.device.deliveries({ id: sent.id })).records;
    expect(record).toMatchObject({ direction: "out", name: "bob", state: "handled", pending: false, text: "hello" });
    expect(record?.facts.at(-1)).toMatchObject({ state: "handled", device: bob.device.device });
    const kept = keptReceiptOf(fromBase64url(record?.receipts.handled ?? "") ?? new Uint8Array());
    expect(kept).toMatchObject({ device: bob.device.device, senderDevice: alice.device.device, epoch: record?.epoch });
    const key = (await alice.device.memberOf("@bob")).verified.devices.get(bob.device.device)?.key ?? "";
    const parties = { mesh: alice.device.mesh, sender: alice.device.member, recipient: bob.device.member };
    if (kept === undefined) throw new Error("no receipt");
    expect(await verifyReceipt(key, { ...parties, ...kept }, kept, kept.signature)).toBe(true);
    expect(await verifyReceipt(key, { ...parties, ...kept }, { ...kept, to: kept.to + 1 }, kept.signature)).toBe(false);
    const [received] = (await bob.device.deliveries({ peer: alice.device.member, states: ["handled"] })).records;
    expect(received).toMatchObject({ id: messages.all[0]?.id, direction: "in", name: "alice", text: "hello" });
    expect((await alice.device.deliveries({ states: ["expired"] })).records).toEqual([]);
  });

  it("tells the sender what a person read, when it is said so", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { kind: "person" });
    const messages = new Messages(bob.device);
    const sent = await alice.device.send("@bob", "look");
    const [message] = await messages.count(1);
    await bob.device.markRead([message?.id ?? ""]);
    expect(await sent.reaches("read")).toMatchObject({ state: "read", device: bob.device.device });
  });
});

describe("a dead letter", () => {
  it("keeps what a handler could not take, tells the sender, and is handed out again on demand", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    let broken = true;
    const messages = new Messages(bob.device, ({ text }) => {
      if (broken && text === "hard") throw new Error("cannot");
    });
    const hard = await alice.device.send("@bob", "hard");
    const easy = await alice.device.send("@bob", "easy");
    expect(await hard.reaches("handled")).toMatchObject({ state: "dead-lettered", device: bob.device.device });
    expect(await easy.reaches("handled")).toMatchObject({ state: "handled" });
    const [letter] = (await bob.device.deliveries({ states: ["dead-lettered"] })).records;
    expect(letter).toMatchObject({ text: "hard", pending: false });
    broken = false;
    expect(await bob.device.redeliver(letter?.id ?? "")).toBe(letter?.id);
    await messages.count(3);
    expect(messages.all.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ["hard", false],
      ["easy", false],
      ["hard", true],
    ]);
    await until(async () => (await bob.device.deliveries({ states: ["dead-lettered"] })).records.length === 0);
    await expect(bob.device.redeliver(letter?.id ?? "")).rejects.toMatchObject({ code: "conflict" });
    await expect(bob.device.redeliver("no.1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("goes out again as a new message when it expired on its way", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const { journal, joined } = bob;
    await bob.device.stop();
    await scope.gone("bob");
    const sent = await alice.device.send("@bob", "short-lived", { ttlMs: 1000 });
    expect((await sent.settled).state).toBe("expired");
    const again = await alice.device.redeliver(sent.id);
    expect(again).not.toBe(sent.id);
    const back = await scope.restart(joined, { journal });
    const messages = new Messages(back.device);
    await messages.count(1);
    expect(messages.texts).toEqual(["short-lived"]);
    const said = await alice.device.conversations.messages({ conversation: "@bob" });
    expect(said.messages.map(({ id, state }) => [id, state === "expired"])).toEqual([
      [sent.id, true],
      [again, false],
    ]);
    expect(await alice.device.purgeDeliveries({ states: ["expired"] })).toBe(1);
    expect((await alice.device.deliveries({ id: sent.id })).records).toEqual([]);
  });
});

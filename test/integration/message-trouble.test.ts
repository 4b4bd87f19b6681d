import { type Journal, openMemoryJournal } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { MeshScope, Messages } from "./device-fixture.ts";

/** A journal whose disk can be full. */
function fillable(): { journal: Journal; disk: { full: boolean } } {
  const inner = openMemoryJournal();
  const disk = { full: false };
  const commitInbox: Journal["commitInbox"] = (...args) =>
    disk.full ? Promise.reject(new ParleyError("storage_full")) : inner.commitInbox(...args);
  return { disk, journal: { ...bound(inner), commitInbox } };
}

/** The journal's methods as functions of their own. */
function bound(journal: Journal): Omit<Journal, "commitInbox"> {
  return {
    load: () => journal.load(),
    appendOutbox: (entry) => journal.appendOutbox(entry),
    noteOutbox: (...args) => journal.noteOutbox(...args),
    settleOutbox: (recipient, seq) => journal.settleOutbox(recipient, seq),
    dropOutbox: (recipient, seq) => journal.dropOutbox(recipient, seq),
    settleInbox: (...args) => journal.settleInbox(...args),
    noteInbox: (...args) => journal.noteInbox(...args),
    noteAttempt: (entry) => journal.noteAttempt(entry),
    pendingInbox: (query) => journal.pendingInbox(query),
    pendingSenders: () => journal.pendingSenders(),
    reopenInbox: (place) => journal.reopenInbox(place),
    deliveries: (query) => journal.deliveries(query),
    removeDeliveries: (places) => journal.removeDeliveries(places),
    importHistory: (records) => journal.importHistory(records),
    forgetInbound: (stream) => journal.forgetInbound(stream),
    getState: (key) => journal.getState(key),
    putState: (key, value) => journal.putState(key, value),
    newEpoch: () => journal.newEpoch(),
    close: () => journal.close(),
  };
}

describe("trouble at the recipient", () => {
  it("a full disk keeps nothing from arriving in order once there is room again", async () => {
    await using scope = await MeshScope.start();
    const { journal, disk } = fillable();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false, journal });
    const messages = new Messages(bob.device);
    await (
      await alice.device.send("@bob", "before")
    ).settled;
    disk.full = true;
    const first = await alice.device.send("@bob", "one");
    await bob.events.refused("storage_full");
    const second = await alice.device.send("@bob", "two");
    await alice.events.first("delivery", ({ delivery }) => delivery.id === second.id && delivery.state === "stored");
    disk.full = false;
    const third = await alice.device.send("@bob", "three");
    for (const sent of [first, second, third]) expect((await sent.settled).state).toBe("delivered");
    await messages.count(4);
    expect(messages.texts).toEqual(["before", "one", "two", "three"]);
  });

  it("a full disk keeps a link's messages from being acknowledged until there is room again", async () => {
    await using scope = await MeshScope.start();
    const { journal, disk } = fillable();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { journal });
    const messages = new Messages(bob.device);
    await alice.device.connect("@bob");
    disk.full = true;
    const first = await alice.device.send("@bob", "one");
    await bob.events.refused("storage_full");
    expect(first.state().state).toBe("accepted");
    disk.full = false;
    const second = await alice.device.send("@bob", "two");
    for (const sent of [first, second]) expect((await sent.settled).state).toBe("delivered");
    await messages.count(2);
    expect(messages.texts).toEqual(["one", "two"]);
  });

  it("a handler that was there before the session keeps what a crash left until its sender is known", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    const stuck = new Messages(bob.device, () => new Promise(() => undefined));
    await (
      await alice.device.send("@bob", "left over")
    ).settled;
    await stuck.count(1);
    await bob.device.stop();
    const again = await scope.opened(bob.joined, { journal: bob.journal });
    const messages = new Messages(again);
    await again.start();
    expect(await messages.count(1)).toMatchObject([{ text: "left over", from: { name: "alice" } }]);
  });
});

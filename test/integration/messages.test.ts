import { limits, maxChunkBytes } from "@parley/protocol";
import { openSqliteJournal } from "@parley/store-sqlite";
import { describe, expect, it } from "vitest";

import { MeshScope, Messages, numbered } from "./device-fixture.ts";

describe("durable messages", () => {
  it("wait in the mailbox while the recipient is away, and say so", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    await bob.device.stop();
    await scope.gone("bob");
    const sent = await alice.device.send("@bob", "while you were out");
    expect(sent.accepted.state).toBe("accepted");
    const stored = await alice.events.first("delivery", ({ delivery }) => delivery.state === "stored");
    expect(stored.delivery).toMatchObject({ id: sent.id, path: "mailbox" });
    expect(sent.state().state).toBe("stored");

    const again = await scope.restart(bob.joined, { journal: bob.journal });
    const messages = new Messages(again.device);
    const [message] = await messages.count(1);
    expect(message).toMatchObject({
      id: sent.id,
      text: "while you were out",
      path: "mailbox",
      class: "durable",
      redelivered: false,
      from: { name: "alice", member: alice.device.member, device: alice.device.device, kind: "agent" },
    });
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "mailbox", device: bob.device.device });
  });

  it("go by relay to a recipient that is connected without links", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    const messages = new Messages(bob.device);
    const sent = await alice.device.send("bob", "hello");
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "relay", device: bob.device.device });
    expect((await messages.count(1))[0]).toMatchObject({ id: sent.id, path: "relay" });
  });

  it("go by the link once there is one", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const messages = new Messages(bob.device);
    const link = await alice.device.connect("@bob");
    expect(link).toMatchObject({ state: "open", path: "direct", name: "bob" });
    const sent = await alice.device.send("@bob", "hello");
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "direct" });
    expect((await messages.count(1))[0]).toMatchObject({ id: sent.id, path: "direct" });
  });

  it("of every size up to the limit arrive whole by relay and link, and larger ones are refused", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol", { links: false });
    await alice.device.connect("@bob");
    // The JSON around the text has eleven bytes.
    const sizes = [maxChunkBytes - 1, maxChunkBytes, maxChunkBytes + 1, limits.envelopeBytes];
    const texts = sizes.map((size, index) =>
      String(index).repeat(size - JSON.stringify({ type: "text", text: "" }).length),
    );
    for (const to of [bob, carol]) {
      const messages = new Messages(to.device);
      const sent = await Promise.all(texts.map((text) => alice.device.send(to.device.member, text)));
      await messages.count(texts.length);
      expect(messages.texts).toEqual(texts);
      for (const one of sent) expect((await one.settled).state).toBe("delivered");
      const tooLong = `${texts[3] ?? ""}x`;
      await expect(alice.device.send(to.device.member, tooLong)).rejects.toMatchObject({ code: "too_large" });
      const after = await alice.device.send(to.device.member, "still in order");
      expect((await after.settled).state).toBe("delivered");
    }
  });

  it("pass each other when both sides send at once", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const toAlice = new Messages(alice.device);
    const toBob = new Messages(bob.device);
    const count = 1000;
    await Promise.all([
      ...numbered("a", count).map((text) => alice.device.send("@bob", text)),
      ...numbered("b", count).map((text) => bob.device.send("@alice", text)),
    ]);
    await Promise.all([toAlice.count(count), toBob.count(count)]);
    expect(toBob.texts).toEqual(numbered("a", count));
    expect(toAlice.texts).toEqual(numbered("b", count));
  });

  it("reach a member whose name the registry cannot be asked for any more", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    const messages = new Messages(bob.device);
    await (
      await alice.device.send("@bob", "one")
    ).settled;
    await scope.mesh.stopRegistry();
    const sent = await alice.device.send("@bob", "two");
    expect(sent.state().state).toBe("accepted");
    await expect(alice.device.send("@nobody", "x")).rejects.toMatchObject({ code: "unreachable" });
    await scope.mesh.startRegistry();
    expect((await sent.settled).state).toBe("delivered");
    expect(messages.texts).toEqual(["one", "two"]);
  });

  it("expire where they wait, and what follows them arrives", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { links: false });
    const first = await alice.device.send("@bob", "known");
    expect((await first.settled).state).toBe("delivered");
    await scope.mesh.stopRegistry();
    const short = await alice.device.send("@bob", "short-lived", { ttlMs: 1 });
    const long = await alice.device.send("@bob", "lasting");
    expect(await short.settled).toMatchObject({ state: "expired" });
    await scope.mesh.startRegistry();
    expect((await long.settled).state).toBe("delivered");
    const messages = new Messages(bob.device);
    expect((await messages.count(2)).map(({ text }) => text)).toEqual(["known", "lasting"]);
  });
});

describe("restarts", () => {
  it("of the sender lose nothing that was accepted", async () => {
    await using scope = await MeshScope.start();
    const dir = await scope.folder();
    const journal = openSqliteJournal({ dir });
    const alice = await scope.join("alice", { journal });
    const bob = await scope.join("bob", { links: false });
    await (
      await alice.device.send("@bob", "first")
    ).settled;
    await scope.mesh.stopRegistry();
    await Promise.all(numbered("kept", 50).map((text) => alice.device.send("@bob", text)));
    await alice.device.stop();
    await journal.close();
    await scope.mesh.startRegistry();
    const again = await scope.restart(alice.joined, { journal: openSqliteJournal({ dir }) });
    await (
      await again.device.send("@bob", "last")
    ).settled;
    const messages = new Messages(bob.device);
    await messages.count(52);
    expect(messages.texts).toEqual(["first", ...numbered("kept", 50), "last"]);
    expect(messages.all.map(({ path }) => path)).not.toContain("direct");
  });

  it("of the recipient hand out again only what was not handled, flagged", async () => {
    await using scope = await MeshScope.start();
    const dir = await scope.folder();
    const journal = openSqliteJournal({ dir });
    const alice = await scope.join("alice");
    const bob = await scope.join("bob", { journal });
    const stuck = Promise.withResolvers<void>();
    const before = new Messages(bob.device, ({ text }) => (text === "m 2" ? stuck.promise : undefined));
    const sent = await Promise.all(numbered("m", 5).map((text) => alice.device.send("@bob", text)));
    for (const one of sent) expect((await one.settled).state).toBe("delivered");
    await before.count(3);
    await bob.device.stop();
    await journal.close();
    stuck.resolve();

    const again = await scope.restart(bob.joined, { journal: openSqliteJournal({ dir }) });
    const after = new Messages(again.device);
    const fresh = await alice.device.send("@bob", "new");
    expect((await fresh.settled).state).toBe("delivered");
    await after.count(4);
    expect(after.texts).toEqual(["m 2", "m 3", "m 4", "new"]);
    expect(after.all.map(({ redelivered }) => redelivered)).toEqual([true, true, true, false]);
  });
});

/** What agentchat 0.3 did wrong and the door must not, one test each. */
import { SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { ClientIds } from "../src/client-ids.ts";
import type { ClientKey } from "../src/client-key.ts";
import { openDoor, openPair } from "./door-fixture.ts";
import { PlainClient, PlainKey } from "./plain-client.ts";

describe("the door, unlike agentchat 0.3", () => {
  it.each([
    null,
    1,
    "x",
    [],
    { type: "MSG", to: 1, content: "x" },
    { type: "INVITE", channel: "#general", agent: {} },
    { type: "PROPOSAL", to: 7, task: "x", sig: "x" },
  ])("survives any one frame (%j), before and after login", async (frame) => {
    const { url, a, b } = await openPair();
    const early = await PlainClient.open(url);
    expect(await early.refused(frame)).toBe("INVALID_MSG");
    expect(await a.refused(frame)).toBe("INVALID_MSG");
    a.send({ type: "MSG", to: "#general", content: "still here" });
    expect(await b.next("MSG")).toMatchObject({ content: "still here" });
  });

  it("checks the signature of a MSG, refuses a wrong one, and passes on a right one with what checks it", async () => {
    const { url, clock, mesh } = await openDoor();
    const key = new PlainKey();
    const client = await PlainClient.come(url, { pubkey: key.pubkey });
    await client.join("#general");
    const ts = clock.now();
    const signed = JSON.stringify({ to: "#general", content: "mine", ts });
    const sig = key.sign(signed);
    const message = { type: "MSG", to: "#general", content: "mine", ts, sig };
    expect(await client.refused({ ...message, content: "yours" })).toBe("VERIFICATION_FAILED");
    expect(await client.refused({ ...message, sig: "x" })).toBe("VERIFICATION_FAILED");
    client.send(message);
    const echo = await client.next("MSG");
    expect(echo).toMatchObject({ sig, sig_ts: ts, ts: expect.any(Number) });
    expect(mesh.postsOf("general")[0]?.via).toMatchObject({
      standing: "unproven",
      key: echo["key"],
      signature: sig,
      signed,
    });
    expect(key.pubkey).toContain(echo["key"]);
  });

  it("passes on no signature twice, nor one that is old or nobody can check", async () => {
    const { url, clock } = await openDoor();
    const key = new PlainKey();
    const client = await PlainClient.come(url, { pubkey: key.pubkey });
    await client.join("#general");
    const at = (ts: number): object => ({
      type: "MSG",
      to: "#general",
      content: "x",
      ts,
      sig: key.sign(JSON.stringify({ to: "#general", content: "x", ts })),
    });
    client.send(at(clock.now()));
    expect(await client.next("MSG")).toHaveProperty("sig");
    client.send(at(clock.now()));
    expect(await client.next("MSG")).not.toHaveProperty("sig");
    client.send(at(clock.now() - 120_001));
    expect(await client.next("MSG")).not.toHaveProperty("sig");
    const keyless = await PlainClient.come(url);
    await keyless.join("#general");
    await keyless.next("MSG");
    keyless.send({ type: "MSG", to: "#general", content: "y", ts: 1, sig: "junk" });
    expect(await keyless.next("MSG", ({ content }) => content === "y")).not.toHaveProperty("sig");
  });

  it("gives two keys whose hashes begin alike two ids", () => {
    const ids = new ClientIds(new SeededRandom(1), 100, () => false);
    const key = (hash: string): ClientKey => ({ hash }) as ClientKey;
    expect(ids.ofKey(key("0123456789abcdef"))).toBe("01234567");
    expect(ids.ofKey(key("012345678fffffff"))).toBe("012345678");
    expect(ids.ofKey(key("012345678eeeeeee"))).toBe("012345678e");
    expect(ids.ofKey(key("0123456789abcdef"))).toBe("01234567");
  });

  it("gives no id twice at a time, and none by chance that a key could have", () => {
    const taken = new Set<string>();
    let draws = 0;
    // The same bytes twice in a row.
    const random = { bytes: (count: number) => new Uint8Array(count).fill(Math.floor(draws++ / 2) % 256) };
    const ids = new ClientIds(random, 100, (id) => taken.has(id));
    for (let number = 0; number < 20; number++) {
      const id = ids.byChance();
      expect(taken.has(id)).toBe(false);
      expect(id).toMatch(/^[0-9][0-9a-z]{6}[g-z]$/);
      taken.add(id);
    }
  });

  it("keeps the members of a private channel to its members", async () => {
    const { url, a, b } = await openPair();
    a.send({ type: "CREATE_CHANNEL", channel: "#den", invite_only: true });
    await a.next("JOINED");
    const stranger = await PlainClient.open(url);
    expect(await stranger.refused({ type: "LIST_AGENTS", channel: "#den" })).toBe("CHANNEL_NOT_FOUND");
    expect(await b.refused({ type: "LIST_AGENTS", channel: "#den" })).toBe("CHANNEL_NOT_FOUND");
    a.send({ type: "LIST_AGENTS", channel: "#den" });
    expect(await a.next("AGENTS")).toMatchObject({ channel: "#den", list: [a.id] });
  });

  it("says nothing, to anybody, when somebody leaves what it is not in", async () => {
    const { a, b } = await openPair();
    a.send({ type: "CREATE_CHANNEL", channel: "#den", invite_only: true });
    await a.next("JOINED");
    b.send({ type: "LEAVE", channel: "#den" });
    b.send({ type: "LEAVE", channel: "#nowhere" });
    expect(await b.rest()).toEqual([]);
    expect(await a.rest()).toEqual([]);
  });

  it("passes on control and bidirectional characters only as JSON escapes, so that what comes can be printed", async () => {
    const { a, b } = await openPair();
    const content = "a\u0007\u001b[2J\u007f\u009b31m\u061c\u200e\u202eb\u2066\u2028\ufeff\u{e0041} ä\u{1f600}\n";
    const raw = new Promise<string>((resolve) => b.socket.once("message", (data: Buffer) => resolve(data.toString())));
    a.send({ type: "MSG", to: b.id, content });
    const text = await raw;
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(text).toContain("ä\u{1f600}");
    expect(await b.next("MSG")).toMatchObject({ content });
  });

  it("lets nobody speak in its name or in another's", async () => {
    const { a, b } = await openPair();
    a.send({ type: "MSG", to: b.id, content: "x", from: "@door", from_name: "door", standing: "member" });
    expect(await b.next("MSG")).toMatchObject({ from: a.id, from_name: "tester", standing: "keyless" });
  });

  it("refuses a second login with a key only while the first one is alive, not until TCP notices", async () => {
    const { url, clock } = await openDoor();
    const key = new PlainKey();
    const first = await PlainClient.come(url, { pubkey: key.pubkey });
    first.socket.pause();
    const second = await PlainClient.open(url);
    second.send({ type: "IDENTIFY", name: "x", pubkey: key.pubkey });
    await second.next("CHALLENGE");
    clock.advance(3000);
    await second.next("WELCOME");
  });

  it("refuses a task or terms of megabytes", async () => {
    const { a } = await openPair();
    expect(await a.refused({ type: "PROPOSAL", to: "@x", task: "x".repeat(4097), sig: "x" })).toBe("INVALID_MSG");
  });

  it("closes its sockets when it stops, and says that the port is taken when it is", async () => {
    const { door, clock, url, a } = await openPair();
    const port = Number(new URL(url).port);
    await expect(door.listen({ port })).rejects.toMatchObject({ code: "address_in_use" });
    const closing = door.close();
    clock.advance(2000);
    await closing;
    expect(await a.closed).toBe(1001);
    await expect(PlainClient.open(url)).rejects.toThrow("ECONNREFUSED");
  });

  it("refuses wrong settings", async () => {
    for (const wrong of [{ replay: -1 }, { replay: 201 }, { replay: 1.5 }, { rate: 0 }, { burst: 0 }])
      await expect(openDoor(wrong)).rejects.toMatchObject({ code: "invalid_config" });
    const { door } = await openDoor();
    await expect(door.listen({ port: 0, tls: { cert: "x", key: "x" } })).rejects.toMatchObject({
      code: "invalid_config",
    });
  });

  it("writes neither content nor keys to its log", async () => {
    const { a, b, url, log } = await openPair();
    const key = new PlainKey();
    const keyed = await PlainClient.come(url, { pubkey: key.pubkey, name: "secretname" });
    a.send({ type: "MSG", to: b.id, content: "secretcontent" });
    await b.next("MSG");
    await keyed.bye();
    await a.bye();
    await b.rest();
    expect(log.join("\n")).toMatch(/door\.came/);
    expect(log.join("\n")).not.toMatch(/secret|KEY|MCow/);
  });
});

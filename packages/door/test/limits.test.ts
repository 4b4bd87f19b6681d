import type { Socket } from "node:net";

import { describe, expect, it } from "vitest";

import { openDoor, openPair } from "./door-fixture.ts";
import { PlainClient } from "./plain-client.ts";

const say = (content: string): object => ({ type: "MSG", to: "#general", content });

describe("messages", () => {
  it("pass at one a second with a burst of ten, and what is too fast is dropped", async () => {
    const { a, b, clock } = await openPair();
    for (let number = 0; number < 11; number++) a.send(say(`${number}`));
    expect(await a.refusal()).toBe("RATE_LIMITED");
    const heard = (await b.rest()).length + (await b.rest()).length;
    expect(heard).toBe(10);
    clock.advance(999);
    expect(await a.refused(say("early"))).toBe("RATE_LIMITED");
    clock.advance(1);
    a.send(say("in time"));
    expect(await b.next("MSG")).toMatchObject({ content: "in time" });
    // The slot is spent even when a later check fails.
    clock.advance(1000);
    expect(await a.refused({ type: "MSG", to: "@nobody", content: "x" })).toBe("AGENT_NOT_FOUND");
    expect(await a.refused(say("spent"))).toBe("RATE_LIMITED");
  });

  it("pass at the rate and burst that are set", async () => {
    const { a, b, clock } = await openPair({ rate: 0.5, burst: 2 });
    for (let number = 0; number < 3; number++) a.send(say(`${number}`));
    expect(await a.refusal()).toBe("RATE_LIMITED");
    clock.advance(2000);
    a.send(say("later"));
    expect(await b.next("MSG", ({ content }) => content === "later")).toBeDefined();
  });

  it("of all other types have a bucket of their own", async () => {
    const { a, clock } = await openPair({ bounds: { messagesPerSecond: 1, messagesBurst: 10 } });
    clock.advance(10_000);
    for (let number = 0; number < 10; number++) a.send({ type: "LIST_CHANNELS" });
    expect(await a.refused({ type: "PING" })).toBe("RATE_LIMITED");
    clock.advance(1000);
    a.send({ type: "PING" });
    await a.next("PONG");
  });

  it("are asked of the mesh once, however many ask for the list of channels", async () => {
    const { a, mesh } = await openPair();
    mesh.asked = 0;
    for (let number = 0; number < 30; number++) a.send({ type: "LIST_CHANNELS" });
    await a.rest();
    expect(mesh.asked).toBe(1);
  });

  it("of 64 KiB are read, larger ones refused, and those of 2 MB cut off with a reason", async () => {
    const { url } = await openDoor();
    const client = await PlainClient.come(url);
    const sized = (bytes: number): string => `{"type":"PING","pad":"${"x".repeat(bytes - 24)}"}`;
    client.sendText(sized(64 * 1024));
    await client.next("PONG");
    client.sendText(sized(64 * 1024 + 1));
    expect(await client.refusal()).toBe("INVALID_MSG");
    client.sendText(JSON.stringify({ type: "MSG", to: "#general", content: "ä".repeat(40_000) }));
    expect(await client.refusal()).toBe("INVALID_MSG");
    client.send({ type: "PING" });
    await client.next("PONG");
    client.sendText(JSON.stringify({ type: "MSG", to: "#general", content: "x".repeat(2_000_000) }));
    expect(await client.refusal()).toBe("INVALID_MSG");
    expect(await client.closed).toBe(1009);
  });
});

describe("a flood", () => {
  it("of pings from one that reads no answers ends with the connection, and holds no memory until then", async () => {
    const { url, a, b, door } = await openPair({ bounds: { messagesBurst: 50, refusalsBurst: 50 } });
    const flooder = await PlainClient.come(url);
    flooder.socket.pause();
    const ping = Buffer.alloc(125);
    for (let number = 0; number < 5000; number++) flooder.socket.ping(ping);
    flooder.socket.resume();
    let answers = 0;
    flooder.socket.on("pong", () => answers++);
    expect(await flooder.closed).toBe(1008);
    expect(answers).toBeLessThanOrEqual(50);
    expect(flooder.all.filter(({ type }) => type === "ERROR").length).toBeLessThanOrEqual(52);
    await expect.poll(() => door.counts.connections).toBe(2);
    a.send(say("still here"));
    expect(await b.next("MSG")).toMatchObject({ content: "still here" });
  });

  it("from many connections at once, of all that is wrong and of what is right, leaves the others what is theirs", async () => {
    const { url, a, b, mesh } = await openPair({
      burst: 2,
      bounds: { actsBurst: 2, messagesBurst: 60, refusalsBurst: 40 },
    });
    const flooders = await Promise.all(Array.from({ length: 30 }, () => PlainClient.come(url)));
    const wrong = ["null", "[", `{"type":${"[".repeat(5000)}`, '{"type":"NOPE"}', "x".repeat(70_000), "\u0000\u202e"];
    for (const flooder of flooders) {
      flooder.send({ type: "JOIN", channel: "#general" });
      for (let round = 0; round < 12; round++) {
        for (const text of wrong) flooder.sendText(text);
        flooder.send(say("flood"));
        flooder.send({ type: "JOIN", channel: `#none${round}` });
        flooder.send({ type: "LEAVE", channel: "#general" });
      }
    }
    a.send(say("do you hear me?"));
    const heard = await b.next("MSG", ({ content }) => content === "do you hear me?");
    expect(heard).toMatchObject({ from: a.id });
    expect(await Promise.all(flooders.map(({ closed }) => closed))).toEqual(flooders.map(() => 1008));
    b.send(say("I do"));
    await a.next("MSG", ({ content }) => content === "I do");
    await Promise.all([a.rest(), b.rest()]);
    // Two MSGs of each, one JOIN and one way out.
    expect(mesh.postsOf("general").filter(({ text }) => text === "flood").length).toBeLessThanOrEqual(60);
    for (const each of [a, b]) {
      expect(each.all.filter(({ type }) => type === "AGENT_JOINED").length).toBeLessThanOrEqual(31);
      expect(each.all.filter(({ type }) => type === "ERROR")).toEqual([]);
    }
  });

  it("of refused messages ends with the connection, and others notice nothing", async () => {
    const { a, b } = await openPair({ bounds: { refusalsBurst: 20 } });
    for (let number = 0; number < 50; number++) a.sendText("null");
    expect(await a.closed).toBe(1008);
    expect((await b.rest()).map(({ type }) => type)).toEqual(["AGENT_LEFT"]);
  });

  it("of joins and leaves is slowed down, so that others hear little of it", async () => {
    const { url, b } = await openPair({ bounds: { actsBurst: 5, messagesBurst: 1000 } });
    const c = await PlainClient.come(url);
    for (let number = 0; number < 100; number++) {
      c.send({ type: "JOIN", channel: "#general" });
      c.send({ type: "LEAVE", channel: "#general" });
    }
    await c.rest();
    expect((await b.rest()).map(({ type }) => type)).toEqual(
      Array.from({ length: 5 }, () => ["AGENT_JOINED", "AGENT_LEFT"]).flat(),
    );
  });

  it("of connections from one address is refused", async () => {
    const { url, clock } = await openDoor({
      bounds: { connectionsOfMachine: 3, arrivalsBurst: 6, arrivalsPerSecond: 1 },
    });
    const first = await PlainClient.open(url);
    await PlainClient.open(url);
    await PlainClient.open(url);
    await expect(PlainClient.open(url)).rejects.toThrow("429");
    await first.bye();
    await expect
      .poll(() =>
        PlainClient.open(url).then(
          () => true,
          () => clock.advance(1000),
        ),
      )
      .toBe(true);
    for (let number = 0; number < 8; number++) await PlainClient.open(url).catch(() => undefined);
    await expect(PlainClient.open(url)).rejects.toThrow("429");
  });

  it("of connections in all is refused", async () => {
    const { url } = await openDoor({ bounds: { connections: 2 } });
    await PlainClient.open(url);
    await PlainClient.open(url);
    await expect(PlainClient.open(url)).rejects.toThrow("429");
  });
});

describe("frames that are no messages", () => {
  it.each([
    ["text that is no UTF-8", Buffer.of(0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28), 1007],
    ["an unknown kind of frame", Buffer.of(0x83, 0x80, 0, 0, 0, 0), 1002],
    ["a compressed one", Buffer.of(0xc1, 0x81, 0, 0, 0, 0, 0x41), 1002],
    ["one without a mask", Buffer.of(0x81, 0x01, 0x41), 1002],
    ["a length beyond all bounds", Buffer.of(0x81, 0xff, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), 1009],
  ])("end the connection with a reason, and nobody else's: %s", async (_what, bytes, code) => {
    const { url, a, b } = await openPair();
    const client = await PlainClient.come(url);
    (client.socket as unknown as { readonly _socket: Socket })._socket.write(bytes);
    expect(await client.refusal()).toBe("INVALID_MSG");
    expect(await client.closed).toBe(code);
    a.send(say("still here"));
    expect(await b.next("MSG")).toMatchObject({ content: "still here" });
  });
});

describe("a client that does not read", () => {
  it("is cut off, and the others get everything", async () => {
    const { a, b, mesh, door } = await openPair({ bounds: { unsentBytes: 64 * 1024 } });
    b.socket.pause();
    for (let number = 0; number < 400; number++) {
      mesh.say("general", "librarian", "x".repeat(60_000));
      await a.next("MSG");
    }
    await expect.poll(() => door.counts.connections).toBe(1);
    expect(await a.next("AGENT_LEFT")).toMatchObject({ agent: b.id });
  });

  it("and answers no ping is gone after 70 seconds; one that does stays", async () => {
    const { a, b, clock } = await openPair();
    b.socket.pause();
    for (let second = 0; second < 75; second += 5) {
      clock.advance(5000);
      await a.rest();
    }
    expect(a.all.filter(({ type }) => type === "AGENT_LEFT")).toMatchObject([{ agent: b.id }]);
  });
});

describe("one connection", () => {
  it("says who it is in time", async () => {
    const { url, clock } = await openDoor();
    const client = await PlainClient.open(url);
    for (let second = 0; second < 121; second++) {
      clock.advance(1000);
      if (second % 20 === 0 && second < 100) await client.rest();
    }
    expect(await client.refusal()).toBe("AUTH_REQUIRED");
    expect(await client.closed).toBe(1008);
  });

  it("is in a bounded number of channels, and makes fewer", async () => {
    const { url } = await openDoor({ bounds: { channelsPerClient: 3, channelsMadeByGuest: 2 } });
    const client = await PlainClient.come(url);
    await client.join("#general");
    client.send({ type: "CREATE_CHANNEL", channel: "#one" });
    client.send({ type: "CREATE_CHANNEL", channel: "#two", invite_only: true });
    await client.next("JOINED");
    await client.next("JOINED");
    expect(await client.refused({ type: "JOIN", channel: "#agents" })).toBe("LIMIT_REACHED");
    client.send({ type: "LEAVE", channel: "#general" });
    await client.next("LEFT");
    expect(await client.refused({ type: "CREATE_CHANNEL", channel: "#three" })).toBe("LIMIT_REACHED");
    await client.join("#agents");
  });

  it("of many makes a bounded number of channels a minute together", async () => {
    const { url } = await openDoor({ bounds: { channelsMadePerMinute: 1 } });
    const [a, b] = [await PlainClient.come(url), await PlainClient.come(url)];
    a.send({ type: "CREATE_CHANNEL", channel: "#one", invite_only: true });
    await a.next("JOINED");
    expect(await b.refused({ type: "CREATE_CHANNEL", channel: "#two" })).toBe("LIMIT_REACHED");
  });

  it("invites a bounded number, and empty private channels give way", async () => {
    const { url } = await openDoor({ bounds: { invitedPerChannel: 2, privateChannels: 1 } });
    const [a, b] = [await PlainClient.come(url), await PlainClient.come(url)];
    a.send({ type: "CREATE_CHANNEL", channel: "#one", invite_only: true });
    await a.next("JOINED");
    a.send({ type: "INVITE", channel: "#one", agent: "@00000001" });
    expect(await a.refused({ type: "INVITE", channel: "#one", agent: "@00000002" })).toBe("LIMIT_REACHED");
    expect(await b.refused({ type: "CREATE_CHANNEL", channel: "#two", invite_only: true })).toBe("LIMIT_REACHED");
    a.send({ type: "LEAVE", channel: "#one" });
    await a.next("LEFT");
    b.send({ type: "CREATE_CHANNEL", channel: "#two", invite_only: true });
    await b.next("JOINED");
    expect(await a.refused({ type: "JOIN", channel: "#one" })).toBe("CHANNEL_NOT_FOUND");
  });
});

describe("a mesh in trouble", () => {
  it("that does not answer, or fails, is UNAVAILABLE, and what it said stays inside", async () => {
    const { a, mesh, clock, log } = await openPair();
    mesh.trouble = new Error("secret inside");
    a.send(say("x"));
    expect(await a.next("ERROR")).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.not.stringContaining("secret"),
    });
    expect(log.join()).not.toContain("secret");
    mesh.isSilent = true;
    a.send(say("y"));
    a.send({ type: "PING" });
    // What came after waits for its turn.
    await expect.poll(() => clock.pendingTimers).toBeGreaterThan(1);
    clock.advance(10_000);
    expect(await a.refusal()).toBe("UNAVAILABLE");
    await a.next("PONG");
  });
});

import { TestSocket } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { RawHttp, requestText } from "./raw-http.ts";
import { outcomeOf, startRegistry } from "./registry-fixture.ts";

const upgrade = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  "sec-websocket-protocol": "parley.v1",
};

describe("a registry that is flooded", () => {
  it("answers a request whose head never ends with too_slow, and others meanwhile", async () => {
    await using registry = await startRegistry({ bounds: { httpHeadersMs: 200 } });
    const slow = await RawHttp.open(registry.port);
    slow.write("GET /node HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ");
    expect((await fetch(`${registry.origin}/node`)).status).toBe(200);
    expect(await slow.answers()).toMatchObject([{ status: 408, code: "too_slow" }]);
  });

  it("closes connections on which nothing comes", async () => {
    await using registry = await startRegistry({ bounds: { httpHeadersMs: 200 } });
    const silent = await Promise.all(Array.from({ length: 20 }, () => RawHttp.open(registry.port)));
    for (const socket of silent) expect(await socket.answers()).toMatchObject([{ status: 408, code: "too_slow" }]);
  });

  it("answers a body that comes too slowly with too_slow", async () => {
    await using registry = await startRegistry({ bounds: { bodyPaceMs: 100, bodyBytesPerSecond: 1000 } });
    const slow = await RawHttp.open(registry.port);
    const headers = { "content-type": "application/json", "content-length": "1000" };
    slow.write(requestText("POST /pairings", headers, '{"secret":'));
    expect(await slow.answers()).toMatchObject([{ status: 408, code: "too_slow" }]);
  });

  it("holds so many connections of one address, and takes those of others", async () => {
    await using registry = await startRegistry({ bounds: { socketsPerAddress: 40 } });
    const mesh = await registry.claim();
    const flood: RawHttp[] = [];
    for (let count = 0; count < 1000; count++) flood.push(await RawHttp.open(registry.port, "127.0.0.2"));
    // What is one too many is closed as it comes: the last of them after all the others.
    await flood.at(-1)?.closed;
    for (const socket of flood.slice(0, 40)) socket.write(requestText("GET /healthz"));
    const answered = await Promise.all(flood.slice(0, 40).map((socket) => socket.answers()));
    expect(answered.every(([answer]) => answer?.status === 200)).toBe(true);
    expect(await Promise.all(flood.slice(40).map((socket) => socket.closed))).toEqual(Array(960).fill(""));
    const other = await RawHttp.open(registry.port, "127.0.0.3");
    other.write(requestText("GET /node"));
    expect(await other.answers()).toMatchObject([{ status: 200 }]);
    expect(await mesh.operator.request("directory.get", { name: "olivia" })).toBeDefined();
    await mesh.join("bob");
  });

  it("lets those who flood with handshakes displace themselves only", async () => {
    await using registry = await startRegistry({ bounds: { unprovenPerAddress: 4, unprovenSockets: 6 } });
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob");
    const honest = await TestSocket.open(registry.origin);
    const challenge = await honest.nextText();
    const flood: RawHttp[] = [];
    for (let count = 0; count < 40; count++) {
      const socket = await RawHttp.open(registry.port, `127.0.0.${2 + (count % 2)}`);
      socket.write(requestText("GET /session", upgrade));
      await socket.until("challenge");
      flood.push(socket);
    }
    // Closing is a handshake of two sides (RFC 6455 section 7.1.1), and these say nothing.
    for (const socket of flood.slice(0, 30)) expect(await socket.until("limit_reached")).toContain("101 Switching");
    expect(challenge).toContain("nonce");
    const first = await Promise.race([honest.closed.then(() => "displaced"), mesh.open(bob).then(() => "let in")]);
    expect(first).toBe("let in");
    honest.close();
    await honest.closed;
  });

  it("reads no more of a connection's requests than it answers at once", async () => {
    await using registry = await startRegistry({ bounds: { httpPipelined: 3 } });
    const raw = await RawHttp.open(registry.port);
    raw.write(requestText("GET /healthz", { connection: "keep-alive" }).repeat(50));
    const answers = await raw.answers();
    expect(answers.length).toBeLessThan(50);
    expect(answers.at(-1)).toMatchObject({ status: 429, code: "limit_reached" });
  });

  it("holds and then refuses whoever asks again and again, and no other address", async () => {
    await using registry = await startRegistry({ bounds: { plainRequestsPerSecond: 1, httpHoldMs: 20 } });
    const ask = async (from: string): Promise<readonly string[]> => {
      const raws = await Promise.all(Array.from({ length: 15 }, () => RawHttp.open(registry.port, from)));
      for (const raw of raws) raw.write(requestText("GET /healthz"));
      return (await Promise.all(raws.map((raw) => raw.answers()))).map(([answer]) => answer?.code ?? "done");
    };
    const outcomes = await ask("127.0.0.2");
    expect(outcomes.filter((code) => code === "done").length).toBeGreaterThanOrEqual(10);
    expect(outcomes).toContain("rate_limited");
    expect((await ask("127.0.0.3")).slice(0, 10)).toContain("done");
  });

  it("counts sessions that are opened one after the other by their address", async () => {
    await using registry = await startRegistry({ bounds: { sessionsPerSecond: 0.2 } });
    const outcomes: number[] = [];
    for (let count = 0; count < 4; count++) {
      const raw = await RawHttp.open(registry.port, "127.0.0.2");
      raw.write(requestText("GET /session", upgrade));
      outcomes.push(Number((await raw.until("\r\n\r\n")).slice(9, 12)));
      raw.end();
    }
    expect(outcomes).toEqual([101, 101, 429, 429]);
  });

  it("gives a member with several devices no more requests than one with one", async () => {
    await using registry = await startRegistry({ bounds: { requestsPerSecondOfMember: 1 } });
    const mesh = await registry.claim();
    const bob = await mesh.admit("bob", { devices: 2 });
    const [first, second] = [await mesh.open(bob, { device: 0 }), await mesh.open(bob, { device: 1 })];
    const ask = (device: typeof first): Promise<string> => outcomeOf(device.request("directory.get", { name: "bob" }));
    const outcomes = [];
    for (let count = 0; count < 5; count++) outcomes.push(await ask(first));
    expect(outcomes).toEqual(Array(5).fill("done"));
    expect(await ask(second)).toBe("rate_limited");
    expect(await ask(await mesh.join("carol"))).toBe("done");
  });

  it("gives a member's session tokens no more requests over HTTP than the member has", async () => {
    await using registry = await startRegistry({ bounds: { httpPerSecondOfMember: 1, httpHoldMs: 5 } });
    const mesh = await registry.claim();
    const ask = async (name: string): Promise<readonly number[]> => {
      const device = await mesh.join(name);
      const { token } = await device.request("token.get", {});
      const headers = { authorization: `Bearer ${token}` };
      const asked = Array.from({ length: 8 }, () => fetch(`${registry.origin}/blobs`, { headers }));
      return (await Promise.all(asked)).map(({ status }) => status).toSorted((left, right) => left - right);
    };
    expect(await ask("bob")).toEqual([200, 200, 429, 429, 429, 429, 429, 429]);
    expect(await ask("carol")).toContain(200);
  });

  it("takes messages beyond a session's rate later, all of them and in their order", async () => {
    await using registry = await startRegistry({ bounds: { messagesPerSecond: 200, messagesPerTurn: 4 } });
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    for (let count = 0; count < 300; count++) bob.sendFrame(carol.identity, new Uint8Array([count & 255, count >> 8]));
    for (let count = 0; count < 300; count++) {
      const { content } = await carol.nextDelivery();
      expect((content[0] ?? 0) + 256 * (content[1] ?? 0)).toBe(count);
    }
  });

  it("unpacks nothing: it takes no compression of messages, and closes on a message that has one", async () => {
    await using registry = await startRegistry();
    await registry.claim();
    const raw = await RawHttp.open(registry.port);
    raw.write(requestText("GET /session", { ...upgrade, "sec-websocket-extensions": "permessage-deflate" }));
    expect((await raw.until("nonce")).toLowerCase()).not.toContain("sec-websocket-extensions");
    // RSV1 says that it is compressed (RFC 7692 section 6).
    raw.write(new Uint8Array([0xc1, 0x84, 0, 0, 0, 0, 1, 2, 3, 4]));
    // 1002, a protocol error.
    await raw.until("\u0003\u00ea");
    raw.end();
  });
});

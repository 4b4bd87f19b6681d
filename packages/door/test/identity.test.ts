import { request } from "node:http";

import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { DoorTokens, MemoryDoorTokens } from "../src/index.ts";
import { openDoor, type Scene } from "./door-fixture.ts";
import { PlainClient, PlainKey, type Said } from "./plain-client.ts";

const proxied = { headers: { "x-forwarded-for": "203.0.113.9" } };

function answer(key: PlainKey, challenge: Said, wrong = ""): object {
  const timestamp = Date.UTC(2026, 0, 1);
  const { nonce, challenge_id } = challenge;
  const signature = key.sign(`AGENTCHAT_AUTH|${String(nonce)}|${String(challenge_id)}|${timestamp}${wrong}`);
  return { type: "VERIFY_IDENTITY", challenge_id, signature, timestamp };
}

async function prove(client: PlainClient, key: PlainKey): Promise<void> {
  client.send(answer(key, await client.next("CHALLENGE")));
  await client.next("VERIFIED");
}

const come = ({ url }: Scene, key: PlainKey): Promise<PlainClient> => PlainClient.come(url, { pubkey: key.pubkey });

describe("a key", () => {
  it("gives agentchat's id at once, with a challenge beside it", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const client = await come(scene, key);
    expect(client.id).toBe(`@${key.id}`);
    expect(await client.next("CHALLENGE")).toMatchObject({
      challenge_id: expect.any(String),
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      expires_at: scene.clock.now() + 60_000,
    });
  });

  it("is the same agent whatever white space its text has", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const pubkey = `\n${key.pubkey.replaceAll("\n", "\r\n")}  \n`;
    expect((await PlainClient.come(scene.url, { pubkey })).id).toBe(`@${key.id}`);
  });

  it("is proven by a signature over the challenge, and others see whether it was", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const client = await come(scene, key);
    await client.join("#general");
    client.send({ type: "MSG", to: "#general", content: "before" });
    expect(await client.next("MSG")).toMatchObject({ standing: "unproven" });
    await prove(client, key);
    client.send({ type: "MSG", to: "#general", content: "after" });
    expect(await client.next("MSG")).toMatchObject({ standing: "proven" });
    expect(scene.mesh.postsOf("general").map(({ via }) => via?.standing)).toEqual(["unproven", "proven"]);
  });

  it("is not proven by another key, another text, an old or a used challenge", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const fresh = async (): Promise<[PlainClient, Said]> => {
      const client = await come(scene, key);
      return [client, await client.next("CHALLENGE")];
    };
    const [first, challenge] = await fresh();
    expect(await first.refused(answer(new PlainKey(), challenge))).toBe("VERIFICATION_FAILED");
    expect(await first.refused(answer(key, challenge))).toBe("VERIFICATION_FAILED");
    await first.bye();
    const [second, other] = await fresh();
    expect(await second.refused(answer(key, other, "x"))).toBe("VERIFICATION_FAILED");
    await second.bye();
    const [third, late] = await fresh();
    scene.clock.advance(60_000);
    expect(await third.refused(answer(key, late))).toBe("VERIFICATION_FAILED");
  });

  it("needs to be an Ed25519 public key; a private key or a certificate is refused with what to do, and never logged", async () => {
    const { url, log } = await openDoor();
    const client = await PlainClient.open(url);
    const key = new PlainKey();
    for (const pubkey of [
      key.privkey,
      `${key.pubkey}${key.privkey}`,
      key.pubkey.replaceAll("PUBLIC KEY", "CERTIFICATE"),
      key.pubkey.replace("MCow", "MCoy"),
      key.pubkey.slice(0, 60),
      "ssh-ed25519 AAAA",
      "x".repeat(2049),
    ])
      expect(await client.refused({ type: "IDENTIFY", name: "x", pubkey })).toBe("INVALID_MSG");
    expect(client.all[0]?.["message"]).toMatch(/PRIVATE key.*new identity/);
    expect(log.join("\n")).not.toContain("KEY");
    expect(JSON.stringify(client.all)).not.toContain(key.privkey.split("\n")[1]);
  });
});

describe("two connections with one key", () => {
  it("an unproven one is refused while another is alive", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const first = await come(scene, key);
    const second = await PlainClient.open(scene.url);
    const pinged = new Promise((resolve) => first.socket.on("ping", resolve));
    second.send({ type: "IDENTIFY", name: "second", pubkey: key.pubkey });
    await second.next("CHALLENGE");
    await pinged;
    // Any time after it was asked; a pong would do as well.
    scene.clock.advance(1);
    first.send({ type: "PING" });
    await first.next("PONG");
    scene.clock.advance(3000);
    expect(await second.refusal()).toBe("INVALID_MSG");
    expect(await first.rest()).toMatchObject([{ type: "CHALLENGE" }]);
    second.send({ type: "IDENTIFY", name: "second" });
    await second.next("WELCOME");
  });

  it("a dead one gives way to a newcomer after a few seconds", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const first = await come(scene, key);
    // Its machine is gone: nothing is read, nothing is answered.
    first.socket.pause();
    const second = await PlainClient.open(scene.url);
    second.send({ type: "IDENTIFY", name: "second", pubkey: key.pubkey });
    await second.next("CHALLENGE");
    scene.clock.advance(3000);
    expect(await second.next("WELCOME")).toMatchObject({ agent_id: first.id });
    first.socket.resume();
    expect(await first.refusal()).toBe("SESSION_DISPLACED");
  });

  it("an unproven one yields to whoever proves the key, and is told so", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const impostor = await come(scene, key);
    await impostor.join("#general");
    const owner = await PlainClient.open(scene.url);
    owner.send({ type: "IDENTIFY", name: "owner", pubkey: key.pubkey });
    owner.send(answer(key, await owner.next("CHALLENGE")));
    expect(await owner.next("WELCOME")).toMatchObject({ agent_id: `@${key.id}` });
    await owner.next("VERIFIED");
    expect(await impostor.refusal()).toBe("SESSION_DISPLACED");
    expect(await impostor.closed).toBe(1008);
    expect((await owner.join("#general"))["agents"]).toEqual([`@${key.id}`]);
  });

  it("a proven one never yields to one that only shows the key, however silent it is", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const owner = await come(scene, key);
    await prove(owner, key);
    owner.socket.pause();
    const impostor = await PlainClient.open(scene.url);
    impostor.send({ type: "IDENTIFY", name: "impostor", pubkey: key.pubkey });
    await impostor.next("CHALLENGE");
    scene.clock.advance(3000);
    expect(await impostor.refusal()).toBe("INVALID_MSG");
  });

  it("whoever shows a key that was proven before gets nothing that is meant for its holder", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    const owner = await come(scene, key);
    await prove(owner, key);
    const friend = await PlainClient.come(scene.url);
    friend.send({ type: "CREATE_CHANNEL", channel: "#den", invite_only: true });
    await friend.next("JOINED");
    friend.send({ type: "INVITE", channel: "#den", agent: owner.id });
    await owner.next("MSG");
    await owner.bye();
    const impostor = await come(scene, key);
    expect(impostor.id).toBe(owner.id);
    expect(await impostor.refused({ type: "JOIN", channel: "#den" })).toBe("NOT_INVITED");
    expect(await friend.refused({ type: "MSG", to: owner.id, content: "secret" })).toBe("AGENT_NOT_FOUND");
    await prove(impostor, key);
    await impostor.join("#den");
  });
});

describe("a guest", () => {
  it.each([
    ["x-forwarded-for", "203.0.113.9"],
    ["X-Forwarded-Host", "mesh.example.org"],
    ["forwarded", "for=203.0.113.9"],
    ["via", "1.1 proxy"],
    ["cf-connecting-ip", "203.0.113.9"],
    ["cf-ray", "x"],
    ["x-real-ip", "203.0.113.9"],
    ["tailscale-user-login", "x"],
    ["host", "mesh.example.org"],
  ])("is refused with what to do when the header %s speaks of a way from elsewhere", async (header, value) => {
    const { url } = await openDoor();
    const client = await PlainClient.open(url, { headers: { [header]: value } });
    client.send({ type: "LIST_CHANNELS" });
    expect(await client.refusal()).toBe("AUTH_REQUIRED");
    client.send({ type: "IDENTIFY", name: "guest" });
    const refusal = await client.next("ERROR");
    expect(refusal).toMatchObject({ code: "AUTH_REQUIRED", message: expect.stringContaining("door-token create") });
    expect(await client.closed).toBe(1008);
  });

  it("is refused on a listener that is not this machine's alone", async () => {
    const { door } = await openDoor();
    const listener = await door.listen({ port: 0, host: "0.0.0.0" });
    const client = await PlainClient.open(`ws://127.0.0.1:${listener.port}`);
    expect(await client.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
    await client.closed;
  });

  it("is refused on this machine's listener too when that is told to take none", async () => {
    const { door } = await openDoor();
    const listener = await door.listen({ port: 0, guests: false });
    const client = await PlainClient.open(listener.url);
    expect(await client.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
    await client.closed;
  });

  it("is let in on this machine's listener under any of its names", async () => {
    const { url } = await openDoor();
    await PlainClient.come(url.replace("127.0.0.1", "localhost"));
    await PlainClient.come(`${url}/any/path`);
  });
});

/** From elsewhere, with a key, as far as the CHALLENGE that was answered. */
async function proveFromElsewhere({ url }: Scene, key: PlainKey): Promise<PlainClient> {
  const client = await PlainClient.open(url, proxied);
  client.send({ type: "IDENTIFY", name: "far", pubkey: key.pubkey });
  client.send(answer(key, await client.next("CHALLENGE")));
  return client;
}

describe("somebody from elsewhere", () => {
  it("with a member's key comes in once it is proven, and not before", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    scene.mesh.memberKeys.add(key.raw);
    const client = await PlainClient.open(scene.url, proxied);
    client.send({ type: "IDENTIFY", name: "far", pubkey: key.pubkey });
    const challenge = await client.next("CHALLENGE");
    expect(await client.refused({ type: "JOIN", channel: "#general" })).toBe("AUTH_REQUIRED");
    client.send(answer(key, challenge));
    expect(await client.next("WELCOME")).toMatchObject({ agent_id: `@${key.id}` });
    await client.next("VERIFIED");
    await client.join("#general");
  });

  it("with a key that is not proven, or not in time, is refused and closed, member's or not", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    scene.mesh.memberKeys.add(key.raw);
    const wrong = await PlainClient.open(scene.url, proxied);
    wrong.send({ type: "IDENTIFY", name: "far", pubkey: key.pubkey });
    wrong.send(answer(key, await wrong.next("CHALLENGE"), "x"));
    expect(await wrong.refusal()).toBe("VERIFICATION_FAILED");
    await wrong.closed;
    const late = await PlainClient.open(scene.url, proxied);
    late.send({ type: "IDENTIFY", name: "far", pubkey: key.pubkey });
    await late.next("CHALLENGE");
    scene.clock.advance(16_000);
    expect(await late.refusal()).toBe("AUTH_REQUIRED");
    await late.closed;
  });

  it("with a proven key that is no member's is refused with what to do, and nobody hears of it", async () => {
    const scene = await openDoor();
    const here = await PlainClient.come(scene.url);
    await here.join("#general");
    const stranger = await proveFromElsewhere(scene, new PlainKey());
    const refusal = await stranger.next("ERROR");
    expect(refusal).toMatchObject({ code: "AUTH_REQUIRED", message: expect.stringContaining("door-token create") });
    expect(await stranger.closed).toBe(1008);
    expect(stranger.all.map(({ type }) => type)).toEqual(["CHALLENGE", "ERROR"]);
    expect(await here.rest()).toEqual([]);
  });

  it("with a proven key comes in by a door token, whoever's key it is", async () => {
    const { url, tokens } = await openDoor();
    const { token } = await tokens.create("thermo");
    const key = new PlainKey();
    const client = await PlainClient.come(url, { pubkey: key.pubkey, token }, proxied);
    await prove(client, key);
    expect(client.id).toBe(`@${key.id}`);
    await client.join("#general");
  });

  it("with a member's key goes when the member is revoked, and stays while nobody can say", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    scene.mesh.memberKeys.add(key.raw);
    const client = await proveFromElsewhere(scene, key);
    await client.next("VERIFIED");
    scene.mesh.trouble = new Error("away");
    scene.clock.advance(31_000);
    await client.rest();
    scene.mesh.trouble = undefined;
    scene.mesh.memberKeys.clear();
    scene.clock.advance(31_000);
    expect(await client.refusal()).toBe("AUTH_REQUIRED");
    expect(await client.closed).toBe(1008);
  });

  it("is refused while the mesh cannot say whose key it is", async () => {
    const scene = await openDoor();
    const key = new PlainKey();
    scene.mesh.memberKeys.add(key.raw);
    scene.mesh.trouble = new Error("away");
    const client = await proveFromElsewhere(scene, key);
    expect(await client.refusal()).toBe("UNAVAILABLE");
    expect(await client.closed).toBe(1008);
  });

  it("in a crowd with new keys does not make the door ask the mesh without end", async () => {
    const scene = await openDoor({ bounds: { keysAskedPerSecond: 1, keysAskedBurst: 3 } });
    const codes: string[] = [];
    for (let number = 0; number < 5; number++)
      codes.push(await (await proveFromElsewhere(scene, new PlainKey())).refusal());
    expect(codes).toEqual(["AUTH_REQUIRED", "AUTH_REQUIRED", "AUTH_REQUIRED", "RATE_LIMITED", "RATE_LIMITED"]);
    expect(scene.mesh.asked).toBe(3);
  });
});

describe("a key that is proven on this machine and no member's", () => {
  it("gives its id and the mark, and no more than a guest's rights", async () => {
    const scene = await openDoor({ bounds: { channelsMade: 2, channelsMadeByGuest: 1 } });
    const key = new PlainKey();
    const client = await come(scene, key);
    await prove(client, key);
    client.send({ type: "CREATE_CHANNEL", channel: "#one" });
    await client.next("JOINED");
    expect(await client.refused({ type: "CREATE_CHANNEL", channel: "#two" })).toBe("LIMIT_REACHED");
    const { token } = await scene.tokens.create("thermo");
    const holder = await PlainClient.come(scene.url, { token });
    holder.send({ type: "CREATE_CHANNEL", channel: "#three" });
    holder.send({ type: "CREATE_CHANNEL", channel: "#four" });
    await holder.next("JOINED", ({ channel }) => channel === "#four");
  });
});

describe("a web page", () => {
  it("is refused unless its origin is listed", async () => {
    const { url } = await openDoor({ allowedOrigins: ["https://page.example.org"] });
    const status = (origin: string): Promise<number | undefined> =>
      new Promise((resolve) => {
        const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
        const headers = { ...upgrade, "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", origin };
        const asked = request(url.replace("ws:", "http:"), { headers });
        asked.on("response", (response) => resolve(response.statusCode));
        asked.on("upgrade", (response, socket) => {
          socket.destroy();
          resolve(response.statusCode);
        });
        asked.end();
      });
    expect(await status("https://evil.example.org")).toBe(403);
    expect(await status("null")).toBe(403);
    expect(await status("https://page.example.org")).toBe(101);
  });
});

describe("a door token", () => {
  it.each(["header", "IDENTIFY"])(
    "in the %s lets a keyless client in from anywhere under the token's name",
    async (where) => {
      const { url, tokens, mesh } = await openDoor();
      const { token } = await tokens.create("@thermo");
      const headers = { ...proxied.headers, ...(where === "header" ? { authorization: `Bearer ${token}` } : {}) };
      const identify = where === "header" ? {} : { token };
      const client = await PlainClient.come(url, identify, { headers });
      await client.join("#general");
      client.send({ type: "MSG", to: "#general", content: "21 degrees" });
      await client.next("MSG");
      expect(mesh.postsOf("general")[0]?.via).toMatchObject({ name: "thermo", standing: "keyless" });
    },
  );

  it("has an id that no command line takes for an option", async () => {
    const tokens = new DoorTokens({
      store: new MemoryDoorTokens(),
      clock: new FakeClock(),
      random: new SeededRandom(11),
      cost: 16,
    });
    for (let number = 0; number < 500; number++) {
      const { record, token } = await tokens.create("thermo");
      expect(record.id).toMatch(/^[A-Za-z][A-Za-z0-9_-]{10}$/);
      expect(await tokens.check(token)).toMatchObject({ id: record.id });
    }
  });

  it("keeps its id from one connection to the next; a second one beside it has another", async () => {
    const { url, tokens } = await openDoor();
    const { token } = await tokens.create("thermo");
    const first = await PlainClient.come(url, { token });
    const beside = await PlainClient.come(url, { token });
    expect(beside.id).not.toBe(first.id);
    await first.bye();
    expect((await PlainClient.come(url, { token })).id).toBe(first.id);
  });

  it("lets many of one address in at the same time", async () => {
    const { url, tokens } = await openDoor();
    const { token } = await tokens.create("thermo");
    const all = await Promise.all(Array.from({ length: 12 }, () => PlainClient.come(url, { token })));
    expect(new Set(all.map(({ id }) => id)).size).toBe(12);
  });

  it("that is wrong, unknown, revoked or no token is refused, and few may be tried", async () => {
    const { url, tokens } = await openDoor();
    const { token, record } = await tokens.create("thermo");
    const refusal = async (bad: string): Promise<string> => {
      const client = await PlainClient.open(url);
      client.send({ type: "IDENTIFY", name: "x", token: bad });
      const said = await client.next("ERROR");
      await client.closed;
      return `${String(said["code"])} ${String(said["message"]).slice(0, 8)}`;
    };
    const flipped = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
    expect(await refusal(flipped)).toBe("AUTH_REQUIRED This doo");
    expect(await refusal(`pdt_${"A".repeat(11)}.${"A".repeat(43)}`)).toBe("AUTH_REQUIRED This doo");
    expect(await refusal("hello")).toBe("AUTH_REQUIRED This doo");
    await tokens.revoke(record.id);
    expect(await refusal(token)).toBe("AUTH_REQUIRED This doo");
    expect(await refusal("hello")).toBe("AUTH_REQUIRED This doo");
    expect(await refusal("hello")).toBe("AUTH_REQUIRED Too many");
  });

  it("that is revoked ends the connections that came in with it", async () => {
    const { url, tokens, clock } = await openDoor();
    const { token, record } = await tokens.create("thermo");
    const client = await PlainClient.come(url, { token });
    await tokens.revoke(record.id);
    clock.advance(31_000);
    expect(await client.refusal()).toBe("AUTH_REQUIRED");
    await client.closed;
  });

  it("is kept as a salted hash only", async () => {
    const { tokens, log } = await openDoor();
    const { token } = await tokens.create("thermo");
    const [first] = await tokens.list();
    const secret = token.split(".")[1] ?? "none";
    expect(JSON.stringify(first)).not.toContain(secret);
    expect(first).toMatchObject({ name: "thermo", created: expect.any(Number), lastUsed: undefined });
    await tokens.create("thermo");
    const salts = (await tokens.list()).map(({ salt }) => salt);
    expect(new Set(salts).size).toBe(2);
    expect(log.join("")).not.toContain(secret);
    await expect(tokens.create("two words")).rejects.toMatchObject({ code: "invalid_name" });
    await expect(tokens.revoke("nothing")).rejects.toMatchObject({ code: "not_found" });
  });
});

import { createHash, randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";

import { openMemoryStores, signStatement, systemClock } from "@parley/core";
import { limits, type Statement } from "@parley/protocol";
import type { TestDevice, WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

const stores = openMemoryStores({ clock: systemClock });
let registry: RunningRegistry;
let mesh: WireMesh;

beforeAll(async () => {
  registry = await startRegistry({ stores });
  mesh = await registry.claim();
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await stores.close();
});

/** A way to end what a member shows, and what it then shows. */
interface Ending {
  readonly what: string;
  readonly credential: (device: TestDevice) => Promise<string>;
  readonly end: (device: TestDevice) => Promise<void>;
  /** Of the next request; a key of a member that is revoked is deleted a moment later. */
  readonly statuses: readonly number[];
}

const revoked: string[] = [];
let list = 0;

async function revoke({ identity }: TestDevice): Promise<void> {
  revoked.push(identity.member);
  const revocations = await mesh.operator.identity.revoke(mesh.mesh, ++list, revoked);
  await mesh.operator.request("order.publish", { type: "revocations", statement: revocations });
}

const restricted: Statement<"restrictions">["restrictions"] = [];

/** Adds to the operators' restrictions. */
async function restrict({ identity }: TestDevice, kind: "banned" | "muted"): Promise<void> {
  const at = Date.now();
  restricted.push({ member: identity.member, kind, at });
  const restrictions = { mesh: mesh.mesh, number: restricted.length, restrictions: restricted, iat: at };
  const statement = await signStatement("restrictions", restrictions, mesh.operator.identity.root);
  await mesh.operator.request("order.publish", { type: "restrictions", statement });
}

/** Takes the first device off the list: the second one says so. */
async function removeDevice({ identity }: TestDevice): Promise<void> {
  const other = await mesh.open(identity, { device: 1 });
  const { id: device, publicKey: key } = identity.device(1);
  const devices = await identity.deviceList(mesh.mesh, {
    number: 2,
    devices: [{ device, key, label: "other", since: Date.now() }],
  });
  await other.request("devices.publish", { devices });
}

const tokenOf = async (device: TestDevice): Promise<string> => (await device.request("token.get", {})).token;
const keyOf = async (device: TestDevice): Promise<string> =>
  (await device.request("key.create", { name: "ci", scopes: ["blobs:read", "blobs:write"] })).text;

const endings: readonly Ending[] = [
  { what: "a session token when its member is revoked", credential: tokenOf, end: revoke, statuses: [403] },
  { what: "an API key when its member is revoked", credential: keyOf, end: revoke, statuses: [401, 403] },
  {
    what: "a session token when its member is banned",
    credential: tokenOf,
    end: (device) => restrict(device, "banned"),
    statuses: [403],
  },
  {
    what: "an API key when its member is banned",
    credential: keyOf,
    end: (device) => restrict(device, "banned"),
    statuses: [403],
  },
  { what: "a session token when its device is removed", credential: tokenOf, end: removeDevice, statuses: [401] },
  { what: "an API key when the device that made it is removed", credential: keyOf, end: removeDevice, statuses: [401] },
  {
    what: "an API key when it is revoked",
    credential: keyOf,
    end: async (device) => {
      const [key] = (await device.request("key.list", {})).keys;
      await device.request("key.revoke", { key: key?.key ?? "" });
    },
    statuses: [401],
  },
];

const join = (name: string): Promise<TestDevice> => mesh.join(name, { kind: "person", devices: 2 });
let members = 0;
const next = (): string => `member-${++members}`;

const hashOf = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** Calls that run now by a token or key, as the node counts them. */
async function running(): Promise<number> {
  const text = await (await fetch(`${registry.origin}/metrics`)).text();
  return Number(/^parley_http_calls (\d+)$/m.exec(text)?.[1]);
}

/** All that comes on a raw connection, until it ends. */
function received(socket: Socket): Promise<number> {
  let bytes = 0;
  socket.on("data", (data: Buffer) => {
    bytes += data.length;
  });
  socket.on("error", () => undefined);
  return new Promise((resolve) => socket.once("close", () => resolve(bytes)));
}

describe.each(endings)("the end of $what", ({ credential, end, statuses }) => {
  it("holds on a connection that stays open", async () => {
    const device = await join(next());
    const held = await credential(device);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request(`${registry.origin}/blobs`, { agent, headers: { authorization: `Bearer ${held}` } });
        sent.once("socket", (socket) => void sockets.add(socket));
        sent.once("response", (response) => {
          response.resume().once("end", () => resolve(response.statusCode ?? 0));
        });
        sent.once("error", reject).end();
      });
    expect([await ask(), await ask()]).toEqual([200, 200]);
    await end(device);
    expect(statuses).toContain(await ask());
    expect(sockets.size).toBe(1);
    agent.destroy();
    expect(JSON.stringify(registry.lines)).not.toContain(held);
  });

  it("breaks off a part that is being sent, which is not kept", async () => {
    const device = await join(next());
    const held = await credential(device);
    const content = randomBytes(1000);
    const hash = hashOf(content);
    const socket = connect(registry.port, "127.0.0.1");
    const answer = received(socket);
    socket.write(
      `PUT /blobs/${hash} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${held}\r\n` +
        `Content-Type: application/octet-stream\r\nContent-Length: ${content.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    // The node read the head and let it in.
    await new Promise<void>((resolve) => socket.once("data", () => resolve()));
    socket.write(content.subarray(0, 500));
    await expect.poll(running, { timeout: 10_000 }).toBe(1);
    await end(device);
    await answer;
    expect(await stores.blobs.stat(hash, device.identity.member)).toBeUndefined();
  });

  it("breaks off parts that are being fetched", async () => {
    const device = await join(next());
    const held = await credential(device);
    const content = randomBytes(limits.blobPartBytes);
    const hash = hashOf(content);
    await stores.blobs.put(hash, content, { owner: mesh.operator.identity.member, expiresAt: Date.now() + 60_000 });
    const socket = connect(registry.port, "127.0.0.1");
    const asked = limits.blobTransfers;
    const head = `GET /blobs/${hash} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${held}\r\n\r\n`;
    // More than the buffers in between take, and nobody reads it.
    socket.pause();
    socket.write(head.repeat(asked));
    await expect.poll(running, { timeout: 10_000 }).toBeGreaterThan(1);
    await end(device);
    await expect.poll(running, { timeout: 10_000 }).toBe(0);
    const all = received(socket);
    socket.resume();
    expect(await all).toBeLessThan(asked * content.length);
  });
});

describe("a member that is muted", () => {
  it("leaves nothing for others, and reads on", async () => {
    const device = await join(next());
    const held = await keyOf(device);
    const content = randomBytes(10);
    const put = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${held}`, "content-type": "application/octet-stream" };
      const path = `${registry.origin}/blobs/${hashOf(content)}`;
      return (await fetch(path, { method: "PUT", headers, body: new Uint8Array(content) })).status;
    };
    expect(await put()).toBe(200);
    await restrict(device, "muted");
    expect(await put()).toBe(403);
    const read = await fetch(`${registry.origin}/blobs`, { headers: { authorization: `Bearer ${held}` } });
    expect(read.status).toBe(200);
  });
});

describe("a member that is revoked", () => {
  it("leaves no API key in the store", async () => {
    const device = await join(next());
    await keyOf(device);
    const ofMember = async (): Promise<number> => {
      const { records } = await stores.records.list("api-key/");
      return records.filter(({ value }) => Buffer.from(value).toString().includes(device.identity.member)).length;
    };
    expect(await ofMember()).toBe(1);
    await revoke(device);
    await expect.poll(ofMember).toBe(0);
  });
});

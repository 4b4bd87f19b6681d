import { sha256 } from "@parley/core";
import { errorCodeOfClose, errorTable, type Statement } from "@parley/protocol";
import { randomId16, TestDevice, TestIdentity, TestSocket, type WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;
let mesh: WireMesh;
let bob: TestIdentity;

beforeAll(async () => {
  registry = await startRegistry();
  mesh = await registry.claim();
  bob = await mesh.admit("bob");
});

afterAll(() => registry[Symbol.asyncDispose]());

/** Opens a socket, answers the challenge with what `answer` makes of it, and tells the code of the close. */
async function closeAfter(
  answer: (challenge: string, socket: TestSocket) => Promise<string | Uint8Array<ArrayBuffer>>,
): Promise<string | undefined> {
  const socket = await TestSocket.open(registry.origin);
  socket.send(await answer(await socket.nextText(), socket));
  return errorCodeOfClose((await socket.closed).code);
}

async function goodProof(challenge: string, identity = bob): Promise<Record<string, unknown>> {
  const statement = await identity.session(mesh.mesh, await sha256(challenge));
  return {
    type: "proof",
    statement,
    root: identity.root.publicKey,
    rotations: [],
    devices: await identity.deviceList(mesh.mesh),
  };
}

/** The close after a proof with these fields changed; undefined leaves a field out. */
const closeAfterProof = (change: Record<string, unknown>): Promise<string | undefined> =>
  closeAfter(async (challenge) => JSON.stringify({ ...(await goodProof(challenge)), ...change }));

/** The close after a proof whose session statement is changed. */
const closeAfterSession = (change: Partial<Statement<"session">>): Promise<string | undefined> =>
  closeAfter(async (challenge) => {
    const statement = await bob.session(mesh.mesh, await sha256(challenge), change);
    return JSON.stringify({ ...(await goodProof(challenge)), statement });
  });

describe("the handshake", () => {
  it("welcomes an admitted device", async () => {
    const device = await mesh.open(bob);
    expect(device.welcome).toMatchObject({ type: "welcome", mailbox: { first: 1, last: 0 } });
    await device.close();
  });

  it.each(["type", "statement", "root", "rotations", "devices"])("closes when the proof has no %s", async (field) => {
    expect(await closeAfterProof({ [field]: undefined })).toBe("invalid_argument");
  });

  it("closes when the proof has a field that the protocol does not know", async () => {
    expect(await closeAfterProof({ extra: 1 })).toBe("invalid_argument");
  });

  it.each([
    ["an empty statement", { statement: "" }],
    ["a statement that is no JWS", { statement: "abc" }],
    ["a root key that is too short", { root: "abc" }],
    ["rotations that are no list", { rotations: "abc" }],
    ["too many rotations", { rotations: Array.from({ length: 65 }, () => "a.b.c") }],
    ["a device list that is no statement", { devices: 5 }],
  ])("closes on %s", async (_title, change) => {
    expect(await closeAfterProof(change)).toBe("invalid_argument");
  });

  it("closes on a statement longer than the limit", async () => {
    expect(await closeAfterProof({ statement: `a.b.${"c".repeat(64 * 1024)}` })).toBe("invalid_argument");
  });

  it("closes on text that is no JSON, too deep or too long", async () => {
    expect(await closeAfter(async () => "hello")).toBe("invalid_argument");
    expect(await closeAfter(async () => "[".repeat(100))).toBe("too_large");
    expect(await closeAfter(async () => `"${"x".repeat(130 * 1024)}"`)).toBe("too_large");
  });

  it("cuts off a text of two megabytes with the WebSocket's own code", async () => {
    const socket = await TestSocket.open(registry.origin);
    socket.send("x".repeat(2 * 1024 * 1024));
    expect((await socket.closed).code).toBe(1009);
  });

  it("closes on anything but a proof: bytes, a request, a second proof", async () => {
    expect(await closeAfter(async () => new Uint8Array([1, 2, 3]))).toBe("unauthenticated");
    expect(await closeAfter(async () => JSON.stringify({ id: 1, type: "ping", body: {} }))).toBe("invalid_argument");
    const twice = closeAfter(async (challenge, socket) => {
      const proof = JSON.stringify(await goodProof(challenge));
      socket.send(proof);
      return proof;
    });
    expect(await twice).toBe("unauthenticated");
  });

  it("closes on a signature by another key, and on one of another statement", async () => {
    const eve = await TestIdentity.create("eve");
    const forged = closeAfter(async (challenge) => {
      const statement = await eve.session(mesh.mesh, await sha256(challenge), {
        member: bob.member,
        device: bob.device().id,
      });
      return JSON.stringify({ ...(await goodProof(challenge)), statement });
    });
    expect(await forged).toBe("bad_signature");
    expect(await closeAfterProof({ statement: await bob.deviceList(mesh.mesh) })).toBe("bad_signature");
    expect(await closeAfterProof({ devices: await eve.deviceList(mesh.mesh, { member: bob.member }) })).toBe(
      "bad_signature",
    );
  });

  it("closes when the root key, the member or the device is another's", async () => {
    const eve = await TestIdentity.create("eve");
    expect(await closeAfterProof({ root: eve.root.publicKey })).toBe("unauthenticated");
    expect(await closeAfterSession({ member: eve.member })).toBe("unauthenticated");
    expect(await closeAfterSession({ device: eve.device().id })).toBe("unauthenticated");
  });

  it("closes on a proof that answered another challenge", async () => {
    const socket = await TestSocket.open(registry.origin);
    const old = await socket.nextText();
    socket.close();
    expect(await closeAfter(async () => JSON.stringify(await goodProof(old)))).toBe("replayed");
  });

  it("closes on a proof for another mesh", async () => {
    expect(await closeAfterSession({ mesh: bob.member })).toBe("wrong_mesh");
    const list = closeAfter(async (challenge) =>
      JSON.stringify({ ...(await goodProof(challenge)), devices: await bob.deviceList(bob.member) }),
    );
    expect(await list).toBe("wrong_mesh");
  });

  it("allows two minutes of clock skew and no more", async () => {
    expect(await closeAfterSession({ iat: Date.now() - 130_000 })).toBe("clock_skew");
    expect(await closeAfterSession({ iat: Date.now() + 130_000 })).toBe("clock_skew");
    const device = await mesh.open(bob, { session: { iat: Date.now() - 110_000 } });
    await device.close();
  });

  it("agrees on the newest version that both speak, or closes", async () => {
    expect(await closeAfterSession({ versions: [2], version: 2 })).toBe("unsupported_version");
    expect(await closeAfterSession({ suite: 9 })).toBe("unsupported_version");
    expect(await closeAfterSession({ versions: [1, 2], version: 2 })).toBe("version_downgrade");
    const device = await mesh.open(bob, { session: { versions: [1, 2], version: 1 } });
    await device.close();
  });

  it.each(["boot", "nonce", "versions", "challenge", "iat"])(
    "closes on a session statement without %s",
    async (field) => {
      const code = closeAfter(async (challenge) => {
        const whole: Record<string, unknown> = {
          mesh: mesh.mesh,
          member: bob.member,
          device: bob.device().id,
          boot: randomId16(),
          challenge: await sha256(challenge),
          nonce: randomId16(),
          versions: [1],
          version: 1,
          suite: 1,
          iat: Date.now(),
        };
        delete whole[field];
        return JSON.stringify({ ...(await goodProof(challenge)), statement: await signAnything("session", whole) });
      });
      expect(await code).toBe("bad_signature");
    },
  );

  it("closes on a member that nobody admitted, and tells one that was rejected", async () => {
    const stranger = await TestIdentity.create("stranger");
    await expect(mesh.open(stranger)).rejects.toMatchObject({ code: "not_admitted" });
    const { pairing } = await mesh.pair(stranger, await mesh.invite());
    await expect(mesh.open(stranger)).rejects.toMatchObject({ code: "not_admitted" });
    await mesh.operator.request("pairing.reject", { pairing, reason: "who are you" });
    await expect(mesh.open(stranger)).rejects.toMatchObject({ code: "rejected" });
  });

  it("takes a newer device list along, and turns away a device that is not on it any more", async () => {
    const dan = await TestIdentity.create("dan", { devices: 2 });
    const { pairing } = await mesh.pair(dan, await mesh.invite());
    await mesh.approve(pairing, dan);
    const first = dan.device(0);
    const only = { number: 2, devices: [{ device: first.id, key: first.publicKey, label: "left", since: Date.now() }] };
    const device = await mesh.open(dan, { devices: await dan.deviceList(mesh.mesh, only) });
    await expect(mesh.open(dan, { device: 1 })).rejects.toMatchObject({ code: "device_removed" });
    await device.close();
  });

  it("closes a socket that says nothing", async () => {
    await using quick = await startRegistry({ bounds: { handshakeMs: 50 } });
    await quick.claim();
    const socket = await TestSocket.open(quick.origin);
    expect(errorCodeOfClose((await socket.closed).code)).toBe("timeout");
  });

  it("closes at once while nobody has claimed the mesh", async () => {
    await using fresh = await startRegistry();
    const socket = await TestSocket.open(fresh.origin);
    expect(errorCodeOfClose((await socket.closed).code)).toBe("not_admitted");
  });

  it("bounds the sockets that proved nothing: the oldest gives way and a device still comes in", async () => {
    await using small = await startRegistry({ bounds: { unprovenSockets: 20 } });
    const flooded = await small.claim();
    const sockets = await Promise.all(Array.from({ length: 200 }, () => TestSocket.open(small.origin)));
    const device = await flooded.join("bob");
    const closed = await Promise.all(sockets.slice(0, 150).map((socket) => socket.closed));
    expect(new Set(closed.map(({ code }) => code))).toEqual(new Set([errorTable.limit_reached.close]));
    await device.close();
    for (const socket of sockets) socket.close();
  });

  it("refuses the upgrade without the sub-protocol", async () => {
    await expect(TestSocket.open(registry.origin, "chat")).rejects.toThrow("refused");
  });

  it("lets the newest session of a device win", async () => {
    const first = await mesh.open(bob);
    const second = await mesh.open(bob);
    expect(errorCodeOfClose((await first.closed).code)).toBe("superseded");
    expect(await second.request("ping", {})).toHaveProperty("time");
    await second.close();
  });

  it("gives every session of a device a higher generation, also when many open at once", async () => {
    const carl = await mesh.admit("carl");
    const opened = await Promise.allSettled(
      Array.from({ length: 8 }, () => TestDevice.open(registry.origin, carl, mesh.mesh)),
    );
    const devices = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const generations = devices.map(({ welcome }) => generationOf(welcome.statement));
    expect(new Set(generations).size).toBe(generations.length);
    const newest = devices[generations.indexOf(Math.max(...generations))];
    expect(await newest?.request("ping", {})).toHaveProperty("time");
    await newest?.close();
    await Promise.all(devices.map(({ closed }) => closed));
  });
});

function generationOf(welcome: string): number {
  const payload: { generation: number } = JSON.parse(Buffer.from(welcome.split(".")[1] ?? "", "base64url").toString());
  return payload.generation;
}

/** A JWS whose payload no schema has seen. */
async function signAnything(type: string, payload: unknown): Promise<string> {
  const device = bob.device();
  const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${text({ alg: "EdDSA", typ: `parley-${type}`, kid: device.id })}.${text(payload)}`;
  const signature = await crypto.subtle.sign("Ed25519", device.privateKey, new TextEncoder().encode(input));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

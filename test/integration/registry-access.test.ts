import { signStatement } from "@parley/core";
import { errorTable, requestTable, type Role } from "@parley/protocol";
import { accessTable, frameRoles } from "@parley/registry";
import { callRegistry, TestDevice, TestSocket, type WireMesh } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcomeOf, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

const roles: readonly Role[] = ["operator", "admin", "member", "guest", "observer"];

let registry: RunningRegistry;
let mesh: WireMesh;

beforeAll(async () => {
  registry = await startRegistry();
  mesh = await registry.claim();
});

afterAll(() => registry[Symbol.asyncDispose]());

const requests = accessTable
  .filter(({ via, needs }) => via === "session" && Array.isArray(needs))
  .map(({ what }) => what)
  .filter((what) => what !== "frame" && what !== "post");

describe("the table of access", () => {
  it("has every request of the protocol, frames, and every route of the registry's own description", async () => {
    expect(requests.toSorted()).toEqual(Object.keys(requestTable).toSorted());
    const { paths } = await callRegistry<{ paths: Record<string, object> }>(mesh.origin, "GET", "/openapi.json");
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const http = accessTable.filter(({ via }) => via === "http").map(({ what }) => what);
    expect(http.toSorted()).toEqual([...described, "GET /join", "GET /session"].toSorted());
  });

  it.each(roles)("holds for a member with the role %s only", async (role) => {
    const device = await mesh.join(`role-${role}`, { roles: [role] });
    for (const row of accessTable) {
      if (!requests.includes(row.what)) continue;
      const isAllowed = Array.isArray(row.needs) && row.needs.includes(role);
      // A body of the right form that does no harm; whether it is then found wanting is not the question here.
      const ask = device.request.bind(device) as (type: string, body: unknown) => Promise<unknown>;
      const code = await outcomeOf(ask(row.what, bodies[row.what] ?? {}));
      expect(code === "forbidden", `${role} asks ${row.what}: ${code}`).toBe(!isAllowed);
      expect(["invalid_argument", "internal"], `${row.what}: ${code}`).not.toContain(code);
    }
    const to = await mesh.admit(`to-${role}`);
    device.sendFrame(to, new Uint8Array([1]), { store: true });
    const { state } = await device.nextResult();
    expect(state).toBe(frameRoles.includes(role) ? "stored" : "refused");
    const { channel } = await device.request("channel.join", { name: "general" });
    const { error } = await device.post(channel.channel);
    expect(error?.code).toBe(frameRoles.includes(role) ? undefined : "forbidden");
  });

  it.each([
    ["muted", "muted"],
    ["paused", "paused"],
    ["stopped", "paused"],
  ] as const)("leaves a member that is %s what those may who only read", async (kind, code) => {
    await using own = await startRegistry();
    const other = await own.claim();
    const devices = [await other.join("one", { roles: ["member"] }), await other.join("two", { roles: ["operator"] })];
    const { identity } = other.operator;
    const at = Date.now();
    const restrictions = devices.map((device) => ({ member: device.identity.member, kind, at }));
    const list = { mesh: other.mesh, number: 1, restrictions, iat: at };
    const statement = await signStatement("restrictions", list, identity.root);
    await other.operator.request("order.publish", { type: "restrictions", statement });
    for (const device of devices)
      for (const type of requests) {
        const { roles: needed } = requestTable[type as keyof typeof requestTable];
        const isOwn = needed.includes(device === devices[0] ? "member" : "operator");
        const isReading = needed.includes("observer");
        const ask = device.request.bind(device) as (type: string, body: unknown) => Promise<unknown>;
        const outcome = await outcomeOf(ask(type, bodies[type] ?? {}));
        // Roles first, then the restriction; what only reads is answered as ever.
        const meets = !isOwn ? "forbidden" : isReading ? "as ever" : code;
        const met = outcome === "forbidden" || outcome === code ? outcome : "as ever";
        expect(met, `${kind}: ${type}: ${outcome}`).toBe(meets);
      }
    // What it would write goes nowhere, whoever it is for.
    const device = devices[0] as (typeof devices)[0];
    const to = await other.admit("to");
    device.sendFrame(to, new Uint8Array([1]), { store: true });
    expect((await device.nextResult()).error?.code).toBe(code);
    expect((await device.post("A".repeat(43))).error?.code).toBe(code);
  });

  it("lets nobody in, and nobody stay, who is banned", async () => {
    await using own = await startRegistry();
    const other = await own.claim();
    const bob = await other.join("bob");
    const at = Date.now();
    const restrictions = [{ member: bob.identity.member, kind: "banned" as const, at }];
    const list = { mesh: other.mesh, number: 1, restrictions, iat: at };
    const statement = await signStatement("restrictions", list, other.operator.identity.root);
    await other.operator.request("order.publish", { type: "restrictions", statement });
    expect((await bob.closed).code).toBe(errorTable.banned.close);
    await expect(other.open(bob.identity)).rejects.toMatchObject({ code: "banned" });
  });

  it.each(requests)("answers no %s to who proved nothing", async (what) => {
    const socket = await TestSocket.open(mesh.origin);
    await socket.nextText();
    socket.send(JSON.stringify({ id: 1, type: what, body: bodies[what] ?? {} }));
    expect((await socket.closed).code).toBe(errorTable.invalid_argument.close);
  });

  it("lets nobody in who was revoked", async () => {
    const bob = await mesh.admit("bob");
    await mesh.operator.request("order.publish", {
      type: "revocations",
      statement: await mesh.operator.identity.revoke(mesh.mesh, 1, [bob.member]),
    });
    await expect(mesh.open(bob)).rejects.toMatchObject({ code: "revoked" });
  });

  it("lets no member of another mesh in", async () => {
    await using other = await startRegistry();
    const foreign = await other.claim();
    const eve = await foreign.admit("eve");
    await expect(mesh.open(eve)).rejects.toMatchObject({ code: "not_admitted" });
    await expect(TestDevice.open(mesh.origin, eve, foreign.mesh)).rejects.toMatchObject({ code: "wrong_mesh" });
  });
});

const id16 = "AAAAAAAAAAAAAAAAAAAAAA";
const id32 = "A".repeat(43);
const inChannel = { channel: id32 };
const sealed = { kid: "AAAAAAAAAAA", encapsulated: id32, counter: 0, sealed: "AAAA" };
const wrap = { member: id32, by: id32, ...sealed };
const bodies: Readonly<Record<string, unknown>> = {
  "resource.take": { resource: "x", claim: "A".repeat(22), lifeMs: 1000 },
  "resource.renew": { resource: "x", generation: 1, lifeMs: 1000 },
  "resource.release": { resource: "x" },
  "resource.break": { resource: "y" },
  "resource.watch": { resource: "x" },
  "directory.get": { name: "olivia" },
  "directory.watch": { members: [] },
  "card.publish": { card: "a.b.c" },
  "devices.publish": { devices: "a.b.c" },
  "rotation.publish": { rotation: "a.b.c", devices: "a.b.c" },
  "device.invite": { enrolment: id16 },
  "device.answer": { enrolment: id16 },
  "invite.create": { kind: "link" },
  "invite.grant": { grant: "a.b.c", redeem: id16 },
  "invite.cancel": { invite: id16 },
  "pairing.approve": { pairing: id16, admission: "a.b.c" },
  "pairing.reject": { pairing: id16 },
  "order.publish": { type: "revocations", statement: "a.b.c" },
  "admission.get": { name: "olivia" },
  "admission.publish": { admission: "a.b.c" },
  "operators.propose": { operators: [{ member: id32, key: id32 }], approval: "a.b.c" },
  "operators.approve": { proposal: id16 },
  "operators.withdraw": { proposal: id16 },
  "operators.publish": { operators: "a.b.c" },
  "node.certify": { certificate: "a.b.c" },
  "mailbox.ack": { offset: 0 },
  "inbox.release": { generation: 1000 },
  "mailbox.refuse": { offset: 0, code: "cannot_open" },
  "mailbox.dead.remove": { offsets: [0] },
  "mailbox.dead.redeliver": { offset: 0 },
  // A maker of this name would be refused: it is taken.
  "channel.create": { name: "general", kind: "public" },
  "channel.get": inChannel,
  "channel.join": inChannel,
  "channel.leave": inChannel,
  "channel.set": inChannel,
  "channel.invite": { ...inChannel, member: id32 },
  "channel.kick": { ...inChannel, member: id32 },
  "channel.members": inChannel,
  "channel.follow": { channels: [{ ...inChannel, after: 0 }] },
  "channel.unfollow": { channels: [id32] },
  "channel.read": inChannel,
  "channel.typing": { ...inChannel, writes: true },
  "channel.floor": { ...inChannel, post: id16 },
  "group.commit": { ...inChannel, info: "AAAA", devices: [] },
  "group.commits": { ...inChannel, from: 0 },
  "group.info": inChannel,
  "blocks.set": { blocked: [] },
  "agreement.advance": { agreement: id16, number: 2, previous: id32, hash: id32 },
  "agreement.heads": { agreement: id16 },
  "key.create": { name: "ci", scopes: ["directory:read"] },
  "key.revoke": { key: "0".repeat(12) },
  "audit.witness": { witness: "a.b.c" },
  "member.kick": { member: id32 },
  "usage.report": { usage: "a.b.c" },
  "channel.restrict": { ...inChannel, member: id32, kind: "muted" },
  "channel.lift": { ...inChannel, member: id32, kind: "muted" },
  "withdrawals.publish": { withdrawals: "a.b.c" },
  "board.submit": { tasks: [{ statement: "a.b.c", input: "AAAA", own: wrap, wraps: [] }] },
  "board.share": { task: id16, wraps: [wrap] },
  "board.get": { task: id16 },
  "board.follow": { tasks: [id16] },
  "board.act": { task: id16, entry: "a.b.c" },
  "board.acknowledge": { tasks: [id16] },
  "board.work": { skills: [], slots: 0, holds: [] },
  "board.renew": { leases: [{ task: id16, generation: 1 }] },
  "board.complete": {
    results: [{ task: id16, generation: 1, entry: "a.b.c", result: { member: id32, device: id32, ...sealed } }],
  },
  "board.return": { task: id16, generation: 1, begun: true, code: "closed" },
};

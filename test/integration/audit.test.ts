import { AuditReader, Operator } from "@parley/client";
import { createSigner, signStatement } from "@parley/core";
import { limits } from "@parley/protocol";
import { TestSocket } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { auditScene, type AuditScene, entryIn, rechained, secondOperator } from "./audit-scene.ts";
import { Events, until } from "./device-fixture.ts";
import { outcomeOf } from "./registry-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

const actsIn = async (scene: AuditScene): Promise<readonly string[]> => (await scene.entries()).map(({ act }) => act);

const operatorOf = ({ scope, operator }: AuditScene): Operator =>
  new Operator({
    device: operator.device,
    root: operator.identity.root,
    trust: () => operator.joined.trust,
    registry: scope.mesh.origin,
  });

describe("the audit log", () => {
  it("has every act on the control plane: what, by whom, on what, with what outcome", async () => {
    await using scene = await auditScene();
    const { scope, operator, node } = scene;
    const acts = operatorOf(scene);
    const { invite } = await acts.createInvite({ kind: "code" });
    await acts.cancelInvite(invite.invite);
    expect(await outcomeOf(acts.cancelInvite(invite.invite))).toBe("not_found");
    const ada = await scope.join("ada", { kind: "person", links: false });
    const bob = await scope.join("bob", { links: false });
    await scope.mesh.addDevice(ada);
    const { channel } = await ada.device.request("channel.create", { name: "plans", kind: "public" });
    await ada.device.request("channel.invite", { channel: channel.channel, member: bob.device.member });
    await ada.device.request("channel.kick", { channel: channel.channel, member: bob.device.member });
    await ada.device.request("channel.set", { channel: channel.channel, archived: true });
    await ada.device.request("channel.set", { channel: channel.channel, archived: false });
    await scope.mesh.revoke("bob");
    await scope.mesh.stopRegistry();
    await scope.startRegistry();
    await until(async () => (await actsIn(scene)).filter((act) => act === "registry.started").length === 2);
    const entries = await scene.entries();
    const wanted = [
      "registry.started",
      "mesh.claimed",
      "member.admitted",
      "invite.created",
      "invite.cancelled",
      "invite.redeemed",
      "pairing.requested",
      "pairing.approved",
      "device-link.opened",
      "device-link.used",
      "device-link.answered",
      "device.added",
      "channel.created",
      "channel.invited",
      "channel.kicked",
      "channel.archived",
      "channel.reopened",
      "revocations.published",
      "member.revoked",
      "registry.stopped",
    ];
    expect(new Set(entries.map(({ act }) => act))).toEqual(expect.objectContaining(new Set(wanted)));
    for (const act of wanted) expect(entries.map((entry) => entry.act)).toContain(act);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const of = (act: string) => entries.filter((entry) => entry.act === act);
    const { member, device } = operator.device;
    expect(of("invite.cancelled")).toMatchObject([
      { by: { member, device }, subject: invite.invite, outcome: "done" },
      { by: { member, device }, subject: invite.invite, outcome: "not_found" },
    ]);
    expect(of("member.admitted").at(-1)).toMatchObject({
      by: { operator: member },
      subject: bob.device.member,
      facts: { name: "bob", roles: "member" },
    });
    expect(of("member.revoked")).toMatchObject([{ by: { operator: member }, subject: bob.device.member }]);
    expect(of("device.added")).toMatchObject([{ by: { member: ada.device.member } }]);
    expect(of("pairing.requested")[0]).toMatchObject({ by: { address: "127.0.0.1" } });
    expect(of("registry.started")).toMatchObject([{ by: { node } }, { by: { node } }]);
  });

  it("holds no secret and no content, whatever is done", async () => {
    await using scene = await auditScene();
    const { scope, operator } = scene;
    const planted = "planted-5c1d77aa";
    const acts = operatorOf(scene);
    const link = await acts.createInvite({ kind: "link", label: planted });
    const code = await acts.createInvite({ kind: "code", label: planted });
    const linkSecret = JSON.parse(Buffer.from(link.text.split("#")[1] ?? "", "base64url").toString()) as Readonly<
      Record<string, unknown>
    >;
    const ada = await scope.join("ada", { kind: "person", links: false });
    const bob = await scope.join("bob", { links: false });
    const { text: deviceLink } = await scope.mesh.devicesOf(ada).invite();
    await ada.device.send("@bob", planted);
    const { channel } = await ada.device.request("channel.create", { name: planted, kind: "public", topic: planted });
    await ada.device.request("channel.set", { channel: channel.channel, topic: `${planted} again` });
    const { token } = await ada.device.request("token.get", {});
    await acts.revoke("bob", planted);
    await until(() => bob.events.seen.some((event) => event.type === "session" && event.state === "stopped"));
    const text = (await scene.lines()).join("\n");
    const deviceSecret = JSON.parse(Buffer.from(deviceLink.split("#")[1] ?? "", "base64url").toString()) as Readonly<
      Record<string, unknown>
    >;
    const isPublic = (value: unknown): boolean =>
      [operator.joined.trust.mesh, ada.device.member].includes(String(value));
    const secrets = [
      planted,
      code.text,
      link.text,
      linkSecret["secret"],
      deviceLink,
      token,
      "privateKey",
      ...Object.values(deviceSecret).filter((value) => String(value).length > 20 && !isPublic(value)),
    ];
    expect(secrets.length).toBeGreaterThan(7);
    expect(secrets.filter((secret) => text.includes(String(secret)))).toEqual([]);
  });

  it("is for operators: a member that asks is refused, and the attempt is in it", async () => {
    await using scene = await auditScene();
    const ada = await scene.scope.join("ada", { links: false });
    expect(await outcomeOf(ada.device.request("audit.list", {}))).toBe("forbidden");
    expect(await outcomeOf(ada.device.request("audit.head", {}))).toBe("forbidden");
    expect(await outcomeOf(ada.device.request("audit.witness", { witness: "a.b.c" }))).toBe("forbidden");
    await until(async () => (await actsIn(scene)).filter((act) => act === "request.refused").length === 3);
    const entry = (await scene.entries()).find(({ act }) => act === "request.refused");
    expect(entry).toMatchObject({ by: { member: ada.device.member }, subject: "audit.list", outcome: "forbidden" });
  });

  it("is verified and witnessed by the device of an operator, and by no other", async () => {
    await using scene = await auditScene();
    await scene.scope.join("ada", { links: false });
    await scene.witnessed();
    const op2 = await secondOperator(scene);
    await until(async () => (await scene.operator.device.request("audit.head", {})).witnesses.length === 2);
    const reader = new AuditReader({ device: op2.device, trust: () => op2.joined.trust });
    const view = await reader.open();
    expect(view.witnesses.map(({ name }) => name).toSorted()).toEqual(["op", "op2"]);
    expect(await reader.walk(view, undefined)).toEqual({ flaw: undefined, from: 1, to: view.head.number });
    expect(scene.events.seen.filter(({ type }) => type === "audit")).toEqual([]);
  });

  it("takes no witness that is not of the asking device, of this log, or of what it has", async () => {
    await using scene = await auditScene();
    const { operator, node } = scene;
    const { trust } = operator.joined;
    const view = await new AuditReader({ device: operator.device, trust: () => trust }).open();
    const { epoch, number, hash } = view.head;
    const { member, device } = operator.device;
    const good = { mesh: trust.mesh, member, device, node, epoch, number, hash, iat: Date.now() };
    const leave = async (change: Partial<typeof good>, signer = operator.identity.device): Promise<string> => {
      const witness = await signStatement("witness", { ...good, ...change }, signer);
      return outcomeOf(operator.device.request("audit.witness", { witness }));
    };
    expect(await leave({}, await createSigner("device"))).toBe("bad_signature");
    expect(await leave({ device: node })).toBe("forbidden");
    expect(await leave({ node: member })).toBe("wrong_mesh");
    expect(await leave({ hash: node })).toBe("conflict");
    expect(await leave({ number: number + 1 })).toBe("conflict");
    expect(await leave({ epoch: "another" })).toBe("conflict");
    expect(await leave({})).toBe("done");
  });

  it("is found by act, by who did it and by time, forwards and backwards, in pages", async () => {
    await using scene = await auditScene();
    const { operator } = scene;
    const acts = operatorOf(scene);
    for (let count = 0; count < 5; count++) await acts.createInvite({ kind: "link" });
    const list = (body: Parameters<typeof operator.device.request<"audit.list">>[1]) =>
      operator.device.request("audit.list", body);
    const numbers = (texts: readonly string[]): number[] => texts.map((text) => entryIn(text).seq);
    const all = await list({});
    expect(numbers(all.entries)).toEqual(Array.from({ length: all.last }, (_, index) => index + 1));
    const created = await list({ act: "invite.created", limit: 2 });
    expect(created.entries.map((text) => entryIn(text).act)).toEqual(["invite.created", "invite.created"]);
    const rest = await list({ act: "invite", after: created.next ?? 0, limit: 3 });
    expect(rest.entries).toHaveLength(3);
    const back = await list({ act: "invite.created", before: Number.MAX_SAFE_INTEGER, limit: 5 });
    expect(numbers(back.entries)).toEqual([...numbers([...created.entries, ...rest.entries])].reverse());
    expect((await list({ by: operator.device.member, act: "invite.created" })).entries).toHaveLength(5);
    expect((await list({ by: scene.node })).entries.every((text) => "node" in entryIn(text).by)).toBe(true);
    expect((await list({ since: Date.now() + 60_000 })).entries).toEqual([]);
    expect((await list({ until: 1 })).entries).toEqual([]);
  });
});

describe("a registry with the audit log in hostile hands", () => {
  it.each([0.1, 0.4, 0.9])("cannot change a byte of an entry unseen (at %s of the text)", async (part) => {
    await using scene = await auditScene();
    await scene.scope.join("ada", { links: false });
    const op2 = await secondOperator(scene);
    await op2.device.stop();
    const seen = await scene.lines();
    const victim = 3;
    const from = await scene.rewrite((lines) => {
      const text = lines[victim - 1] ?? "";
      const at = Math.floor(text.length * part);
      const changed = text[at] === "x" ? "y" : "x";
      return lines.with(victim - 1, `${text.slice(0, at)}${changed}${text.slice(at + 1)}`);
    });
    // Whoever verified that part before holds the hash of its end; whoever comes anew walks through it.
    const fresh = await scene.scope.restart(op2.joined, { links: false });
    expect(await fresh.events.first("audit")).toMatchObject({ kind: "altered", entry: victim });
    expect(seen.length).toBeGreaterThan(victim);
    expect(from).toBeGreaterThan(0);
  });

  it("cannot take an entry out", async () => {
    await using scene = await auditScene();
    const op2 = await secondOperator(scene);
    await op2.device.stop();
    await scene.rewrite((lines) => lines.toSpliced(4, 1));
    const fresh = await scene.scope.restart(op2.joined, { links: false });
    expect(await fresh.events.first("audit")).toMatchObject({ kind: "missing", entry: 5, to: 5 });
  });

  it("cannot cut off what an operator's device has seen, also not for a device that has not", async () => {
    await using scene = await auditScene();
    const op2 = await secondOperator(scene);
    await op2.device.stop();
    await scene.witnessed();
    const { length } = await scene.lines();
    // Its next entry would be another one of the same number, so more are cut than it writes again.
    const from = await scene.rewrite((lines) => lines.slice(0, -6));
    expect(await scene.alarm(from)).toMatchObject({ kind: "truncated" });
    const fresh = await scene.scope.restart(op2.joined, { links: false });
    const { kind, to } = await fresh.events.first("audit");
    expect(kind).toBe("truncated");
    expect(to).toBeGreaterThan(length - 3);
  });

  it("cannot say that its stores began anew to hide that entries are gone", async () => {
    await using scene = await auditScene();
    await scene.scope.join("ada", { links: false });
    await scene.witnessed();
    const from = await scene.rewrite((lines) => lines.slice(0, -6), "another-epoch");
    expect(await scene.alarm(from)).toMatchObject({ kind: "restored" });
  });

  it("cannot show another history to one operator", async () => {
    await using scene = await auditScene();
    const op2 = await secondOperator(scene);
    await scene.scope.join("ada", { links: false });
    await op2.device.stop();
    await scene.witnessed();
    const from = await scene.rewrite((lines) =>
      rechained(lines, (entry) => (entry.act === "invite.created" ? { ...entry, act: "invite.cancelled" } : entry)),
    );
    expect(await scene.alarm(from)).toMatchObject({ kind: "forked" });
    // A device that saw nothing holds it against what the other operator's device witnessed.
    const fresh = await scene.scope.restart(op2.joined, { links: false });
    expect(await fresh.events.first("audit")).toMatchObject({ kind: "forked" });
  });

  it("cannot have its log's head signed by another key", async () => {
    await using scene = await auditScene();
    const { scope } = scene;
    const { device: honest, joined } = await secondOperator(scene);
    await honest.stop();
    await using proxy = await RegistryProxy.start(scope.mesh.origin);
    const other = await createSigner("node");
    const forged = await signStatement(
      "head",
      { mesh: joined.trust.mesh, node: scene.node, epoch: "e", number: 1, hash: other.id, iat: Date.now() },
      other,
    );
    proxy.replies["audit.head"] = (body) => ({ ...body, head: forged });
    const device = await scope.opened(joined, { registry: proxy.origin });
    const events = new Events(device);
    await device.start();
    expect(await events.first("audit")).toMatchObject({ kind: "forged" });
    const from = events.seen.length;
    proxy.replies["audit.head"] = (body) => body;
    proxy.inject({ type: "audit.head", body: { head: forged } });
    // It was told once; the device stays with it, and witnesses nothing more.
    await device.request("ping", {});
    expect(events.seen.slice(from).filter(({ type }) => type === "audit")).toEqual([]);
  });

  it("is told of again at each start, until an operator takes the log as it is", async () => {
    await using scene = await auditScene();
    await scene.witnessed();
    const from = await scene.rewrite((lines) => lines.slice(0, -4), "another-epoch");
    const first = await scene.alarm(from);
    const again = await scene.rewrite((lines) => lines, "another-epoch");
    expect(await scene.alarm(again)).toEqual(first);
  });
});

describe("a flood", () => {
  it("of refused sessions is counted, and does not make the log grow beyond its bound", async () => {
    const bounds = { auditAddressBurst: 20, sweepMs: 50, auditFlushMs: 50 };
    await using scene = await auditScene({ bounds });
    const refusals = async () => (await scene.entries()).filter(({ act }) => act === "session.refused");
    const flood = 200;
    for (let at = 0; at < flood; at += 20)
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const socket = await TestSocket.open(scene.scope.mesh.origin);
          await socket.nextText();
          socket.send("nonsense");
          await socket.closed;
        }),
      );
    const counted = async (): Promise<number> => (await refusals()).reduce((sum, { count = 1 }) => sum + count, 0);
    await until(async () => (await counted()) === flood);
    const entries = await refusals();
    // One address has a twentieth of the burst, at least one; the rest is counted.
    expect(entries.filter(({ count }) => count === undefined)).toHaveLength(1);
    expect(entries.length).toBeLessThan(flood / 4);
    expect(entries.find(({ count }) => count !== undefined)).toMatchObject({
      by: { address: "127.0.0.1" },
      outcome: "invalid_argument",
    });
  });

  it("of acts by one member is counted, too, and an operator's acts are not", async () => {
    const bounds = { auditMemberBurst: 5, sweepMs: 50, auditFlushMs: 50 };
    await using scene = await auditScene({ bounds });
    const ada = await scene.scope.join("ada", { links: false });
    for (let count = 0; count < 30; count++) await outcomeOf(ada.device.request("audit.head", {}));
    await until(async () => (await scene.entries()).some(({ count }) => count !== undefined));
    const refused = (await scene.entries()).filter(({ act }) => act === "request.refused");
    expect(refused.filter(({ count }) => count === undefined)).toHaveLength(5);
    const acts = operatorOf(scene);
    for (let count = 0; count < 30; count++) await acts.createInvite({ kind: "link" });
    expect((await actsIn(scene)).filter((act) => act === "invite.created").length).toBe(31);
  });
});

describe("a log that is too long", () => {
  it("is trimmed under a signed checkpoint, and verifies across it", async () => {
    await using scene = await auditScene({ bounds: { auditEntries: 20 } });
    const acts = operatorOf(scene);
    await scene.witnessed();
    for (let count = 0; count < 60; count++) {
      const { invite } = await acts.createInvite({ kind: "link" });
      await acts.cancelInvite(invite.invite);
      const { first, last } = await scene.operator.device.request("audit.list", { limit: 1 });
      expect(last - first + 1).toBeLessThanOrEqual(20 + 8);
    }
    const reader = new AuditReader({ device: scene.operator.device, trust: () => scene.operator.joined.trust });
    // A trim that is under way has its checkpoint first.
    await until(async () => {
      const { checkpoints } = await reader.open();
      return checkpoints.at(-1)?.to === (await scene.operator.device.request("audit.list", { limit: 1 })).first - 1;
    });
    const view = await reader.open();
    const newest = view.checkpoints.at(-1);
    expect(view.checkpoints.length).toBeLessThanOrEqual(limits.auditCheckpoints);
    const { first } = await scene.operator.device.request("audit.list", { limit: 1 });
    expect(newest?.to).toBe(first - 1);
    expect(await reader.walk(view, undefined)).toMatchObject({ flaw: undefined, from: first, to: view.head.number });
    expect((await scene.entries()).filter(({ act }) => act === "audit.trimmed").at(-1)).toMatchObject({
      facts: { to: newest?.to },
    });
    // Whoever saw it last before what went is told of the gap, and goes on.
    const old = { node: scene.node, epoch: view.head.epoch, number: 2, hash: scene.node };
    expect((await reader.walk(view, old)).flaw).toMatchObject({ kind: "gap", entry: 3, to: newest?.to });
  });
});

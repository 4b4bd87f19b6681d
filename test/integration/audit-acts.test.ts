import { awaitAdmission, createIdentityDraft, pairWithLink } from "@parley/client";
import { parseInviteLink } from "@parley/protocol";
import { callRegistry, TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { auditScene, type AuditScene } from "./audit-scene.ts";
import { type Joined, until } from "./device-fixture.ts";
import { outcomeOf } from "./registry-fixture.ts";

const entriesOf = async (scene: AuditScene, act: string) =>
  (await scene.entries()).filter((entry) => entry.act === act);
const written = (scene: AuditScene, act: string): Promise<void> =>
  until(async () => (await entriesOf(scene, act)).length > 0);

/** Who asked in a session. */
const by = ({ device: { member, device } }: Pick<Joined, "device">) => ({ member, device });

describe("the audit log has", () => {
  it("API keys as they come and go, and no word of what they are", async () => {
    await using scene = await auditScene({ bounds: { sweepMs: 50 } });
    const { scope, operator } = scene;
    const ada = await scope.join("ada", { links: false });
    const texts: string[] = [];
    const make = async (lifeMs?: number): Promise<string> => {
      const wanted = { name: "planted-name", scopes: ["directory:read" as const] };
      const made = await ada.device.request("key.create", lifeMs === undefined ? wanted : { ...wanted, lifeMs });
      texts.push(made.text);
      return made.key.key;
    };
    const [first, second] = [await make(), await make()];
    await ada.device.request("key.revoke", { key: first });
    await operator.device.request("key.revoke", { key: second });
    expect(await outcomeOf(ada.device.request("key.revoke", { key: second }))).toBe("not_found");
    const third = await make();
    await scope.mesh.revoke("ada");
    await written(scene, "key.ended");
    expect((await entriesOf(scene, "key.created")).map(({ subject }) => subject)).toEqual([first, second, third]);
    expect(await entriesOf(scene, "key.created")).toMatchObject([
      { by: by(ada), facts: { scopes: 1 } },
      { by: by(ada) },
      { by: by(ada) },
    ]);
    expect(await entriesOf(scene, "key.revoked")).toMatchObject([
      { by: by(ada), subject: first, outcome: "done" },
      { by: by(operator), subject: second, outcome: "done" },
      { by: by(ada), subject: second, outcome: "not_found" },
    ]);
    expect(await entriesOf(scene, "key.ended")).toMatchObject([
      { by: { node: scene.node }, subject: third, facts: { member: ada.device.member, why: "revoked" } },
    ]);
    const text = (await scene.lines()).join("\n");
    const secrets = texts.map((each) => each.slice(-20));
    expect([...texts, ...secrets, "planted-name"].filter((secret) => text.includes(secret))).toEqual([]);
  });

  it("the keys that session tokens are signed with, by their ids", async () => {
    await using scene = await auditScene();
    const { token } = await scene.operator.device.request("token.get", {});
    await written(scene, "token-key.made");
    const { kid } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
    expect(await entriesOf(scene, "token-key.made")).toMatchObject([{ by: { node: scene.node }, subject: kid }]);
    expect((await scene.lines()).join("\n")).not.toContain(token);
  });

  it("every step to another set of operators, and a certificate of the node", async () => {
    await using scene = await auditScene();
    const { scope, operator } = scene;
    const { mesh } = scope;
    const people: Joined[] = [];
    for (const name of ["ada", "ben"]) {
      const joined = await scope.join(name, { kind: "person", links: false });
      let change = await mesh.acts().operators.add(`@${name}`, true);
      for (const other of people)
        if (change.state !== "changed") change = await mesh.acts(other).operators.approve(change.proposal.proposal);
      people.push(joined);
      await until(() => people.every((one) => one.joined.trust.operators.keys.has(joined.device.member)));
    }
    const [ada] = people as [Joined];
    await scope.join("carol", { kind: "person", links: false });
    const change = await mesh.acts().operators.add("@carol", true);
    expect(change.state).toBe("proposed");
    const { proposal } = (change as Extract<typeof change, { state: "proposed" }>).proposal;
    expect(await outcomeOf(ada.device.request("operators.withdraw", { proposal }))).toBe("not_found");
    await operator.device.request("operators.withdraw", { proposal });
    expect(await outcomeOf(operator.device.request("node.certify", { certificate: "a.b.c" }))).not.toBe("done");
    expect((await entriesOf(scene, "operators.proposed")).at(-1)).toMatchObject({
      by: by(operator),
      subject: proposal,
    });
    expect(await entriesOf(scene, "operators.withdrawn")).toMatchObject([
      { by: by(ada), subject: proposal, outcome: "not_found" },
      { by: by(operator), subject: proposal, outcome: "done" },
    ]);
    expect((await entriesOf(scene, "operators.published")).every(({ outcome }) => outcome === "done")).toBe(true);
    expect((await entriesOf(scene, "operators.published")).length).toBe(2);
    await written(scene, "node.certified");
    const second = await mesh.acts().operators.add("@carol", true);
    if (second.state === "proposed") await mesh.acts(ada).operators.approve(second.proposal.proposal);
    expect((await entriesOf(scene, "operators.approved")).at(-1)).toMatchObject({ by: by(ada), outcome: "done" });
    expect((await entriesOf(scene, "operators.published")).length).toBe(3);
  });

  it("a link that lets in by itself, who came in by it on whose word, and later admissions", async () => {
    await using scene = await auditScene();
    const { scope, operator } = scene;
    const acts = scope.mesh.acts();
    const { text, invite } = await acts.createApprovedInvite({ roles: ["guest"] });
    const draft = await createIdentityDraft({ name: "night", kind: "agent", label: "test" });
    const pending = await pairWithLink(draft, parseInviteLink(text));
    const joined = "pairing" in pending ? await awaitAdmission(pending) : pending;
    const night = joined.identity.member;
    await acts.renew("@night");
    expect(await outcomeOf(operator.device.request("admission.publish", { admission: "a.b.c" }))).not.toBe("done");
    const { member } = operator.device;
    expect(await entriesOf(scene, "invite.granted")).toMatchObject([
      { by: by(operator), subject: invite.invite, facts: { uses: 1, roles: "guest" } },
    ]);
    expect((await entriesOf(scene, "member.admitted")).filter(({ subject }) => subject === night)).toMatchObject([
      { by: { operator: member }, facts: { name: "night", roles: "guest", invite: invite.invite } },
      { by: { operator: member }, facts: { name: "night", number: 2 } },
    ]);
    await until(async () => (await entriesOf(scene, "admission.published")).length === 2);
    expect(await entriesOf(scene, "admission.published")).toMatchObject([
      { by: by(operator), outcome: "done" },
      { by: by(operator) },
    ]);
    expect((await scene.lines()).join("\n")).not.toContain(text.split("#")[1]);
  });

  it("the lock that wrong codes reach, once, and an address that is turned away, once a minute", async () => {
    await using scene = await auditScene({
      bounds: { codeFailures: 2, plainRequestsPerSecond: 1, httpHoldMs: 10, auditAddressBurst: 2000 },
    });
    const { origin } = scene.scope.mesh;
    const { mesh } = scene.operator.joined.trust;
    for (let guess = 0; guess < 6; guess++) await outcomeOf(guessCode(origin, mesh, String(100_000 + guess)));
    await written(scene, "code.locked");
    expect(await entriesOf(scene, "code.locked")).toMatchObject([{ by: { node: scene.node }, outcome: "done" }]);
    expect((await scene.lines()).join("\n")).not.toMatch(/10000\d/);
    for (let burst = 0; burst < 5; burst++)
      await Promise.all(Array.from({ length: 8 }, () => outcomeOf(callRegistry(origin, "GET", "/node"))));
    await written(scene, "address.turned-away");
    expect(await entriesOf(scene, "address.turned-away")).toMatchObject([
      { by: { address: "127.0.0.1" }, outcome: "rate_limited", facts: { why: "requests" } },
    ]);
  });

  it("who is held off for its budget, and when it may go on", async () => {
    await using scene = await auditScene();
    const { scope } = scene;
    const ada = await scope.join("ada", { links: false });
    const rules = [{ allow: ["see" as const, "call" as const, "message" as const] }];
    await scope.mesh.orders.publishPolicy({ rules, budgets: [{ who: ["@ada"], tokens: { day: 10 } }] });
    await until(() => ada.joined.trust.orderNumbers.policy >= 1);
    await expect(ada.device.reportUsage({ tokens: 1000 })).rejects.toMatchObject({ code: "over_budget" });
    await written(scene, "member.held");
    await scope.mesh.orders.publishPolicy({ rules });
    await written(scene, "member.released");
    expect(await entriesOf(scene, "member.held")).toMatchObject([
      { by: { node: scene.node }, subject: ada.device.member, facts: { until: expect.any(Number) as number } },
    ]);
    expect(await entriesOf(scene, "member.released")).toMatchObject([{ subject: ada.device.member }]);
  });

  it("how the node could be reached when it was started", async () => {
    await using scene = await auditScene();
    await written(scene, "registry.started");
    expect(await entriesOf(scene, "registry.started")).toMatchObject([
      { facts: { host: "127.0.0.1", tls: false, proxies: false, plaintext: false } },
    ]);
    await using open = await auditScene({ host: "0.0.0.0" });
    await written(open, "registry.started");
    expect(await entriesOf(open, "registry.started")).toMatchObject([{ facts: { host: "0.0.0.0", plaintext: true } }]);
  });
});

/** Somebody asks to join with a code that it guesses. */
async function guessCode(origin: string, mesh: string, secret: string): Promise<unknown> {
  const eve = await TestIdentity.create("eve");
  const [request, devices] = [await eve.pairing(mesh), await eve.deviceList(mesh)];
  return callRegistry(origin, "POST", "/pairings", { secret, request, devices });
}

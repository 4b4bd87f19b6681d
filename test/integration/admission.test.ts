import { createIdentityDraft, type JoinedMesh, pairWithLink, type PendingPairing } from "@parley/client";
import { peekStatement } from "@parley/core";
import { parseInviteLink } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Events, type Joined, MeshScope, until } from "./device-fixture.ts";
import { hostileScene } from "./hostile-scene.ts";
import { serve } from "./task-fixture.ts";

type Paired = JoinedMesh | PendingPairing;

async function pair(text: string, name: string, asks?: Parameters<typeof pairWithLink>[2]): Promise<Paired> {
  const draft = await createIdentityDraft({ name, kind: "agent", label: `${name}'s laptop` });
  return pairWithLink(draft, parseInviteLink(text), asks);
}

function joinedBy(paired: Paired): JoinedMesh {
  if ("admission" in paired) return paired;
  throw new Error("waits for approval");
}

/** A skill that the callee's library lets somebody call, or the code why not. */
const outcomeOf = async (caller: Pick<Joined, "device">, skill: string): Promise<string> =>
  caller.device.delegate("@callee", { skill, input: { text: "hello" } }).then(
    (run) =>
      run.outcome.then(
        () => "done",
        (error: unknown) => (error as { code: string }).code,
      ),
    (error: unknown) => (error as { code: string }).code,
  );

describe("who waits for approval", () => {
  it("is shown with its key in words, device, address, invite and what it asks for", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const events = new Events(mesh.operator.device);
    const { text } = await mesh.acts().createInvite({ kind: "link", label: "build agents" });
    const asks = { roles: ["guest" as const], scope: { skills: ["search"] }, text: "to look things up" };
    const paired = await pair(text, "bob", { asks });
    if (!("words" in paired)) throw new Error("let in at once");
    expect(await events.first("pairing-pending")).toMatchObject({
      name: "bob",
      address: expect.stringContaining("127.0.0.1"),
    });
    expect(await mesh.acts().pending()).toMatchObject([
      { name: "bob", kind: "agent", label: "bob's laptop", inviteLabel: "build agents", words: paired.words, asks },
    ]);
  });
});

describe("an admission's scope", () => {
  it("is enforced by the callee, follows a change, and is kept by a renewal", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const callee = await scope.join("callee");
    await serve(callee, ["echo", "steps"]);
    const { text } = await mesh.acts().createApprovedInvite({ scope: { skills: ["echo"] } });
    const caller = await scope.restart(joinedBy(await pair(text, "caller")));
    await caller.device.connect("@callee");
    expect([await outcomeOf(caller, "echo"), await outcomeOf(caller, "steps")]).toEqual(["done", "out_of_scope"]);
    const changed = await mesh.acts().change("@caller", { scope: { skills: ["steps"] } });
    expect(changed).toMatchObject({ number: 2, scope: { skills: ["steps"] }, roles: ["member"] });
    await until(async () => (await outcomeOf(caller, "echo")) === "out_of_scope");
    expect(await outcomeOf(caller, "steps")).toBe("done");
    const renewed = await mesh.acts().renew("@caller", 90 * 86_400_000);
    expect(renewed).toMatchObject({ number: 3, scope: { skills: ["steps"] } });
    await mesh.acts().change("@caller", { scope: null });
    await until(async () => (await outcomeOf(caller, "echo")) === "done");
    await expect(mesh.acts(caller).renew("@caller")).rejects.toMatchObject({ code: "forbidden" });
  });
});

describe("a registry that would widen an admission", () => {
  it("cannot alter its scope, and cannot show the wider one from before", async () => {
    await using scene = await hostileScene();
    const { scope, proxy, alice, bob, entry } = scene;
    const wide = await entry(bob);
    await scope.mesh.acts().change("@bob", { scope: { skills: ["search"], channels: [] } });
    const narrow = await entry(bob);
    const [head = "", payload = "", signature = ""] = narrow.record.admission.split(".");
    const said = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as object;
    const altered = Buffer.from(JSON.stringify({ ...said, scope: { channels: [] } })).toString("base64url");
    proxy.push = (type) => type !== "member.changed";
    proxy.replies["directory.get"] = () => ({
      ...narrow,
      record: { ...narrow.record, admission: `${head}.${altered}.${signature}` },
    });
    await expect(alice.memberOf("@bob")).rejects.toMatchObject({ code: "bad_signature" });
    proxy.replies["directory.get"] = () => narrow;
    expect((await alice.memberOf("@bob")).verified.scope).toEqual({ skills: ["search"], channels: [] });
    proxy.break();
    await scene.events.session("connected", scene.events.seen.length);
    proxy.replies["directory.get"] = () => wide;
    await expect(alice.memberOf(bob.device.member)).rejects.toMatchObject({ code: "stale_statement" });
  });
});

describe("a pre-approved link", () => {
  it("lets in at once, under the name, kind and end that it says", async () => {
    await using scope = await MeshScope.start();
    const memberLifeMs = 3_600_000;
    const { text } = await scope.mesh
      .acts()
      .createApprovedInvite({ roles: ["guest"], name: "night-shift", memberKind: "agent", memberLifeMs });
    const joined = joinedBy(await pair(text, "bob"));
    expect(joined).toMatchObject({ roles: ["guest"], identity: { name: "night-shift" } });
    const { device } = await scope.restart(joined);
    const { verified } = await scope.mesh.operator.device.memberOf("@night-shift");
    expect(verified).toMatchObject({ member: device.member, roles: ["guest"] });
    expect(verified.admissionExpires).toBeLessThanOrEqual(Date.now() + 2 * 86_400_000);
    const person = await scope.mesh.acts().createApprovedInvite({ memberKind: "person" });
    await expect(pair(person.text, "carol")).rejects.toMatchObject({ code: "forbidden" });
  });

  it("never shows the registry its secret, and takes no grant of another link from it", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const narrow = await mesh.acts().createApprovedInvite({ roles: ["observer"], uses: 2 });
    const wide = await mesh.acts().createApprovedInvite({ roles: ["member"] });
    const link = parseInviteLink(narrow.text);
    const secret = "secret" in link.payload ? link.payload.secret : "";
    const seen: string[] = [];
    const bodies: { grant?: string }[] = [];
    /** Carries what is asked and answered, and shows the grant that was seen first from then on. */
    const swapping: typeof fetch = async (url, init) => {
      if (typeof init?.body === "string") seen.push(init.body);
      const response = await fetch(url, init);
      const body = (await response.json()) as { grant?: string };
      if (body.grant !== undefined) bodies.push({ ...body });
      const other = bodies[0]?.grant;
      return Response.json(body.grant === undefined || other === undefined ? body : { ...body, grant: other }, {
        status: response.status,
      });
    };
    const pairing = async (text: string, name: string): Promise<Paired> =>
      pairWithLink(await createIdentityDraft({ name, kind: "agent", label: "test" }), parseInviteLink(text), {
        fetch: swapping,
      });
    expect(joinedBy(await pairing(wide.text, "bob")).roles).toEqual(["member"]);
    await expect(pairing(narrow.text, "eve")).rejects.toMatchObject({ code: "bad_signature" });
    expect(seen.join()).not.toContain(secret);
    expect(joinedBy(await pair(narrow.text, "carol")).roles).toEqual(["observer"]);
  });
});

describe("recovery", () => {
  it("gives a lost member's name to a new key, revokes the old one, and its peers are told that the key changed", async () => {
    await using scope = await MeshScope.start();
    const { mesh } = scope;
    const peer = await scope.join("peer");
    const lost = await scope.join("ada");
    await peer.device.conversations.say("@ada", { text: "before" });
    const { text } = await mesh.acts().createInvite({ kind: "link", uses: 3 });
    await expect(pair(text, "ada")).rejects.toMatchObject({ code: "name_taken" });
    const paired = await pair(text, "ada", { asks: { recovers: true } });
    if (!("pairing" in paired)) throw new Error("let in at once");
    const pending = await mesh.acts().pendingOf(paired.pairing);
    await expect(mesh.acts().approve(pending)).rejects.toMatchObject({ code: "name_taken" });
    const admission = await mesh.acts().approve(pending, { replaces: "@ada" });
    expect(peekStatement("admission", admission)).toMatchObject({ name: "ada", replaces: lost.device.member });
    expect(await lost.events.session("stopped")).toMatchObject({ error: { code: "revoked" } });
    const found = await scope.restart({ ...paired, admission, roles: ["member"] });
    await until(async () => (await peer.device.memberOf("@ada")).member === found.device.member);
    await expect(peer.device.conversations.say("@ada", { text: "after" })).rejects.toMatchObject({
      code: "key_changed",
    });
    await peer.device.conversations.verify("@ada");
    await peer.device.conversations.say("@ada", { text: "after" });
    await expect(mesh.acts().approve(pending, { replaces: mesh.operator.device.member })).rejects.toMatchObject({
      code: "conflict",
    });
  });
});

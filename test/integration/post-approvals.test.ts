import { digestOf, signStatement } from "@parley/core";
import { type ApprovalAction, type PolicyDocument, type Statement, textContent } from "@parley/protocol";
import { randomId16, type TestDevice } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { MeshScope, until } from "./device-fixture.ts";
import { startRegistry } from "./registry-fixture.ts";

const rules = (quorum = 1, channel = "#releases"): PolicyDocument["rules"] => [
  { allow: ["see", "call", "message", "post", "invite"] },
  { allow: ["post"], channels: [channel], approval: { quorum } },
  { allow: ["approve"], who: ["@ada", "@ben", "@author"], channels: [channel] },
];

type Change = Partial<Extract<ApprovalAction, { kind: "post" }>>;

describe("the registry, where a rule asks for an approval of posts", () => {
  it("takes a post with the yeses it needs, and none that is altered, of another post, self-granted, late or reused", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [author, ada, ben, eve] = [
      await mesh.join("author"),
      await mesh.join("ada"),
      await mesh.join("ben"),
      await mesh.join("eve"),
    ];
    const { channel } = (await author.request("channel.create", { name: "releases", kind: "public" })).channel;
    const { operator } = mesh;
    const order = { mesh: mesh.mesh, number: 1, policy: { rules: rules(2) }, iat: Date.now() };
    const statement = await signStatement("policy", order, operator.identity.root);
    await operator.request("order.publish", { type: "policy", statement });

    const content = { type: "text" as const, text: "1.2.0 is out" };
    const id = randomId16();
    const actionOf = (change: Change = {}): ApprovalAction => ({
      kind: "post",
      mesh: mesh.mesh,
      channel,
      name: "releases",
      author: author.identity.member,
      device: author.device,
      id,
      content,
      ...change,
    });
    const yes = async (
      who: TestDevice,
      change: Change = {},
      said: Partial<Statement<"approval">> = {},
    ): Promise<string> => {
      const digests = [await digestOf(actionOf(change))];
      const iat = Date.now();
      const body = { mesh: mesh.mesh, by: who.identity.member, decision: "granted" as const, digests, iat };
      return signStatement("approval", { ...body, exp: iat + 60_000, ...said }, who.identity.device());
    };
    const refused = async (change: Partial<Statement<"post">>, code = "approval_required"): Promise<void> =>
      expect(await author.post(channel, { id, content, ...change })).toMatchObject({ error: { code } });

    const good = [await yes(ada), await yes(ben)];
    await refused({});
    await refused({ approvals: good.slice(0, 1) });
    await refused({ approvals: [await yes(ada), await yes(ada)] });
    await refused({ approvals: [await yes(ada), await yes(author)] });
    await refused({ approvals: [await yes(ada), await yes(eve)] });
    await refused({ approvals: [await yes(ada), await yes(ben, {}, { exp: Date.now() - 1 })] });
    await refused({ approvals: [await yes(ada), await yes(ben, {}, { decision: "denied" })] });
    await refused({ approvals: [await yes(ada), await yes(ben, {}, { by: ada.identity.member })] });
    await refused({ approvals: [await yes(ada), await yes(ben, { name: "general" })] });
    await refused({ approvals: good, content: { type: "text", text: "1.2.1 is out" } });
    // What the schema does not know is content as well.
    const [head = "", payload = "", signature = ""] = (
      await author.makePost(channel, { id, content, approvals: good })
    ).split(".");
    const more = Buffer.from(payload, "base64url").toString().replace('"type":"text"', '"shown":"too","type":"text"');
    author.sendPosts([[head, Buffer.from(more).toString("base64url"), signature].join(".")]);
    expect(await author.nextPostResult()).toMatchObject({ error: { code: "approval_required" } });
    await refused({ approvals: good, id: randomId16() });
    const first = await author.post(channel, { id, content, approvals: good });
    expect(first.error).toBeUndefined();
    // The same again is the same post; under another id, or by another device, it is another one.
    const { offset } = await author.post(channel, { id, content, approvals: good });
    expect(offset).toBe(first.offset);
    await refused({ approvals: good, id: randomId16() });
    await refused({ approvals: [await yes(ada, { device: ben.device }), await yes(ben, { device: ben.device })] });
  });
});

describe("a post that needs an approval", () => {
  it("waits for those who may approve, and is in the channel after their yes", async () => {
    await using scope = await MeshScope.start();
    const [author, ada] = [await scope.join("author", { kind: "person" }), await scope.join("ada", { kind: "person" })];
    await author.device.conversations.createChannel({ name: "releases", kind: "public" });
    await ada.device.conversations.joinChannel("#releases");
    const number = await scope.mesh.orders.publishPolicy({ rules: rules() });
    for (const { joined } of [author, ada]) await until(() => joined.trust.orderNumbers.policy === number);
    const saying = author.device.conversations.say("#releases", { text: "1.2.0 is out" });
    const { asked } = await ada.events.first("approval-asked");
    expect(asked.what).toMatchObject({ type: "action", action: { kind: "post", name: "releases" } });
    expect(await author.device.approvals.list()).toEqual([]);
    await ada.device.approvals.answer([asked.request], "granted");
    expect((await (await saying).settled).state).toBe("stored");
    await until(async () => {
      const { messages } = await ada.device.conversations.messages({ conversation: "#releases", limit: 10 });
      return messages.some(({ content }) => textContent(content)?.text === "1.2.0 is out");
    });
    const denied = author.device.conversations.say("#releases", { text: "and this?" });
    await until(async () => (await ada.device.approvals.list()).length === 1);
    const [next] = await ada.device.approvals.list();
    await ada.device.approvals.answer([next?.request ?? ""], "denied");
    await expect(denied).rejects.toMatchObject({ code: "approval_denied" });
  });

  it("is refused in an encrypted channel, where nobody outside can compare it", async () => {
    await using scope = await MeshScope.start();
    const author = await scope.join("author");
    await author.device.conversations.createChannel({ name: "plans", kind: "invite" });
    const number = await scope.mesh.orders.publishPolicy({ rules: rules(1, "#plans") });
    await until(() => author.joined.trust.orderNumbers.policy === number);
    await expect(author.device.conversations.say("#plans", { text: "hello" })).rejects.toMatchObject({
      code: "not_approvable",
    });
  });
});

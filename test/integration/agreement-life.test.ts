import { verifyTimelineFile } from "@parley/core";
import { describe, expect, it } from "vitest";

import { accepted, actsHeard, agreementScene, heard, terms } from "./agreement-scene.ts";
import { MeshScope, until } from "./device-fixture.ts";

const dispute = { type: "dispute", reason: "half of it is missing" } as const;
const forAsker = { type: "resolve", outcome: { for: "asker" } } as const;
const inPart = { type: "resolve", outcome: { for: "both", price: { amount: "6", currency: "EUR" } } } as const;

describe("a dispute", () => {
  it("ends when both sides say the same, where nobody else decides", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    await asker.device.agreements.act(agreement, dispute);
    await heard(worker, "dispute");
    await worker.device.agreements.act(agreement, inPart);
    expect(await heard(asker, "resolve")).toMatchObject({ state: "disputed" });
    await asker.device.agreements.act(agreement, forAsker);
    expect(await heard(worker, "resolve", asker)).toMatchObject({ state: "disputed" });
    await worker.device.agreements.act(agreement, forAsker);
    await until(async () => (await asker.device.agreements.get(agreement)).state === "resolved");
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ outcome: { for: "asker" }, mayDo: [] });
  });

  it("is decided by the arbiter alone, where there is one", async () => {
    await using mesh = await MeshScope.start();
    const [asker, worker, judge] = [await mesh.join("asker"), await mesh.join("worker"), await mesh.join("judge")];
    const { agreement } = await asker.device.agreements.propose("@worker", { terms, arbiter: "@judge" });
    await heard(worker, "propose");
    await worker.device.agreements.act(agreement, { type: "accept" });
    await heard(judge, "accept");
    await expect(judge.device.agreements.act(agreement, { type: "deliver" })).rejects.toMatchObject({
      code: "act_not_allowed",
    });
    await worker.device.agreements.act(agreement, dispute);
    await heard(asker, "dispute");
    await expect(asker.device.agreements.act(agreement, forAsker)).rejects.toMatchObject({ code: "act_not_allowed" });
    expect((await heard(judge, "dispute")).mayDo).toEqual(["resolve"]);
    await judge.device.agreements.act(agreement, inPart);
    for (const who of [asker, worker]) expect(await heard(who, "resolve")).toMatchObject({ state: "resolved" });
    const file = await worker.device.agreements.export(agreement);
    const { parties } = await verifyTimelineFile(new TextEncoder().encode(file), { mesh: worker.device.mesh });
    expect(parties.map(({ name }) => name).toSorted()).toEqual(["asker", "judge", "worker"]);
  });
});

describe("an agreement", () => {
  it("expires by itself from each of its waits, and takes nothing after that", { timeout: 60_000 }, async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const short = 400;
    const unanswered = await asker.device.agreements.propose("@worker", { terms, lifeMs: short });
    const offered = await asker.device.agreements.propose(undefined, {
      terms: { ...terms, skill: "x" },
      lifeMs: short,
    });
    const undelivered = await accepted(scene, { deadline: Date.now() + 3000 }, 2000);
    const unseen = await accepted(scene, { review: short });
    await worker.device.agreements.act(unseen, { type: "deliver" });
    const unsettled = await accepted(scene, { settle: short });
    await worker.device.agreements.act(unsettled, dispute);
    const expected = [
      [unanswered.agreement, "proposed"],
      [offered.agreement, "offered"],
      [undelivered, "accepted"],
      [unseen, "delivered"],
      [unsettled, "disputed"],
    ] as const;
    for (const [agreement, expiredIn] of expected) {
      await until(async () => (await asker.device.agreements.get(agreement)).state === "expired");
      expect(await asker.device.agreements.get(agreement)).toMatchObject({ expiredIn, until: undefined, mayDo: [] });
    }
    await until(async () => (await worker.device.agreements.get(unseen)).state === "expired");
    await expect(asker.device.agreements.act(unseen, { type: "accept-work" })).rejects.toMatchObject({
      code: "act_not_allowed",
    });
  });

  it("is not acted on after its time, also before anybody said that it expired", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const { agreement, until: end = 0 } = await asker.device.agreements.propose("@worker", { terms, lifeMs: 300 });
    await heard(worker, "propose");
    await until(() => Date.now() > end + 50);
    const late = worker.device.agreements.act(agreement, { type: "accept" });
    await expect(late).rejects.toMatchObject({ code: expect.stringMatching(/^(expired|act_not_allowed|conflict)$/) });
  });

  it("goes on after a crash between the registry's number and the sending", async () => {
    await using scene = await agreementScene();
    const { scope, asker, worker, proxy } = scene;
    const agreement = await accepted(scene);
    // The number is given; its answer and all that would follow never comes.
    proxy.replies["agreement.advance"] = () => {
      proxy.break();
      return {};
    };
    await asker.device.agreements.act(agreement, dispute);
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ state: "accepted", pending: "dispute" });
    await asker.device.stop();
    expect(actsHeard(worker)).not.toContain("3 dispute");
    const again = await scope.restart(asker.joined, { journal: asker.journal });
    expect(await heard(worker, "dispute")).toMatchObject({ state: "disputed" });
    expect(await again.device.agreements.get(agreement)).toMatchObject({ state: "disputed", pending: undefined });
    expect(actsHeard(worker).filter((act) => act === "3 dispute")).toHaveLength(1);
  });

  it("keeps what is done while the registry is away, and has it done when it is back", async () => {
    await using scene = await agreementScene();
    const { scope, asker, worker } = scene;
    const agreement = await accepted(scene);
    await scope.mesh.stopRegistry();
    await until(() => worker.device.state !== "connected");
    expect(await worker.device.agreements.act(agreement, { type: "deliver" })).toMatchObject({
      state: "accepted",
      pending: "deliver",
    });
    await scope.startRegistry();
    expect(await heard(asker, "deliver")).toMatchObject({ state: "delivered" });
  });

  it("is there after a restart, and can be proven after its member's root key was changed", async () => {
    await using scene = await agreementScene();
    const { scope, asker, worker } = scene;
    const agreement = await accepted(scene);
    await worker.device.rotateRoot();
    await worker.device.agreements.act(agreement, { type: "deliver" });
    await heard(asker, "deliver");
    await asker.device.stop();
    const again = await scope.restart(asker.joined, { journal: asker.journal });
    expect(await again.device.agreements.list()).toMatchObject([{ agreement, state: "delivered" }]);
    const file = await again.device.agreements.export(agreement);
    const { operators } = asker.joined.trust;
    const report = await verifyTimelineFile(new TextEncoder().encode(file), { mesh: again.device.mesh, operators });
    expect(report.entries).toHaveLength(3);
  });

  it("is known to every device of a person, whichever of them acted", async () => {
    await using mesh = await MeshScope.start();
    const [ada, ben] = [await mesh.join("ada", { kind: "person" }), await mesh.join("ben", { kind: "person" })];
    const phone = await mesh.mesh.addDevice(ada);
    const { agreement } = await ada.device.agreements.propose("@ben", { terms });
    await heard(ben, "propose");
    await until(async () => (await phone.device.agreements.list()).some((one) => one.agreement === agreement));
    await phone.device.agreements.act(agreement, { type: "withdraw" });
    expect(await heard(ben, "withdraw")).toMatchObject({ state: "withdrawn" });
    await heard(ada, "withdraw");
  });

  it("of somebody who is not known waits until it is accepted, and of one who is blocked never comes", async () => {
    await using mesh = await MeshScope.start();
    const ada = await mesh.join("ada", { kind: "person", strangers: "ask" });
    const [ben, eve] = [await mesh.join("ben"), await mesh.join("eve")];
    await ada.device.conversations.block("@eve");
    const { agreement } = await ben.device.agreements.propose("@ada", { terms });
    await eve.device.agreements.propose("@ada", { terms });
    await ada.events.first("contact", ({ contact }) => contact.name === "ben" && contact.standing === "request");
    expect(await ada.device.agreements.list()).toEqual([]);
    await ada.device.conversations.accept("@ben");
    expect(await heard(ada, "propose")).toMatchObject({ agreement });
    expect(await ada.device.agreements.list()).toHaveLength(1);
  });
});

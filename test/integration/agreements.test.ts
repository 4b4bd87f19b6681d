import type { AgreementSummary } from "@parley/client";
import { agreementOf, sha256, verifyTimelineFile } from "@parley/core";
import type { AgreementActType, AgreementTerms } from "@parley/protocol";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope } from "./device-fixture.ts";

const terms: AgreementTerms = {
  task: "Read the corpus and list what is new.",
  skill: "search",
  price: { amount: "12.5", currency: "EUR" },
  payment: "invoice 7",
};

/** The agreement as a member hears of it after an act. */
const heard = async (who: Joined, type: AgreementActType, by?: string): Promise<AgreementSummary> =>
  (await who.events.first("agreement", ({ act }) => act.act.type === type && (by === undefined || act.by === by)))
    .agreement;

describe("an agreement", () => {
  it("goes its whole way, and both sides can prove every step offline", async () => {
    await using mesh = await MeshScope.start();
    const [asker, worker] = [await mesh.join("asker"), await mesh.join("worker")];
    const { agreement } = await asker.device.agreements.propose("@worker", { terms });
    expect(await heard(worker, "propose")).toMatchObject({
      agreement,
      state: "proposed",
      terms,
      names: { [asker.device.member]: "asker", [worker.device.member]: "worker" },
      mayDo: ["counter", "accept", "reject"],
    });
    const dearer = { ...terms, price: { amount: "15", currency: "EUR" } };
    await worker.device.agreements.act(agreement, { type: "counter", terms: dearer });
    expect(await heard(asker, "counter")).toMatchObject({ terms: dearer, mayDo: ["counter", "accept", "reject"] });
    await asker.device.agreements.act(agreement, { type: "accept" });
    expect((await heard(worker, "accept")).mayDo).toEqual(["deliver", "dispute"]);
    const evidence = [{ digest: await sha256("the list"), label: "list.txt" }];
    await worker.device.agreements.act(agreement, { type: "deliver", note: "here it is", evidence });
    expect(await heard(asker, "deliver")).toMatchObject({ state: "delivered", evidence });
    await asker.device.agreements.act(agreement, { type: "accept-work", payment: "transfer 99" });
    expect(await heard(worker, "accept-work")).toMatchObject({ state: "completed", until: undefined, mayDo: [] });
    const files = [await asker.device.agreements.export(agreement), await worker.device.agreements.export(agreement)];
    for (const file of files) {
      const report = await verifyTimelineFile(new TextEncoder().encode(file), { mesh: asker.device.mesh });
      expect(report.entries.map(({ statement }) => statement.act.type)).toEqual([
        "propose",
        "counter",
        "accept",
        "deliver",
        "accept-work",
      ]);
      expect(report.parties.map(({ name }) => name).toSorted()).toEqual(["asker", "worker"]);
      expect(agreementOf(report.entries as never).state).toBe("completed");
    }
  });

  it("is taken up by exactly one of those who have the skill, when it is an open offer", async () => {
    await using mesh = await MeshScope.start();
    const asker = await mesh.join("asker");
    const [one, two, other] = [await mesh.join("one"), await mesh.join("two"), await mesh.join("other")];
    for (const { device } of [one, two]) await device.publishCard(testCard(device, [{ id: "search" }]));
    const { agreement } = await asker.device.agreements.propose(undefined, { terms });
    await expect(other.device.agreements.take(agreement)).rejects.toMatchObject({ code: "forbidden" });
    const { offers } = await one.device.agreements.offers({ skill: "search" });
    expect(offers).toMatchObject([{ agreement, name: "asker", terms }]);
    expect((await one.device.agreements.offers({ skill: "read" })).offers).toEqual([]);
    const taken = await Promise.allSettled([one, two].map(({ device }) => device.agreements.take(agreement)));
    expect(taken.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const worker = taken[0]?.status === "fulfilled" ? one : two;
    expect(await heard(asker, "accept")).toMatchObject({ state: "accepted", worker: worker.device.member });
    expect((await two.device.agreements.offers()).offers).toEqual([]);
    await worker.device.agreements.act(agreement, { type: "deliver" });
    await heard(asker, "deliver");
  });
});

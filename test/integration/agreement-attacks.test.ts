import { readEntry } from "@parley/core";
import { describe, expect, it } from "vitest";

import {
  accepted,
  actsHeard,
  advance,
  agreementScene,
  entriesOf,
  heard,
  inject,
  sign,
  terms,
} from "./agreement-scene.ts";
import { until } from "./device-fixture.ts";

const dispute = { type: "dispute", reason: "it is late" } as const;

describe("an act of an agreement", () => {
  it("by somebody who has no part in it is taken nowhere", async () => {
    await using scene = await agreementScene();
    const { asker, dave } = scene;
    const agreement = await accepted(scene);
    const entries = await entriesOf(asker, agreement);
    const act = await sign(dave, agreement, entries.at(-1), dispute);
    await expect(advance(dave, act)).rejects.toMatchObject({ code: "not_found" });
    await inject(scene, dave, agreement, [...entries, act]);
    await asker.events.refused("forbidden");
    // Nor in the name of somebody who has.
    const from = asker.events.seen.length;
    const forged = await sign(dave, agreement, entries.at(-1), dispute, { as: scene.worker });
    await inject(scene, dave, agreement, [...entries, forged]);
    await asker.events.refused("forbidden", from);
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ state: "accepted", number: 2 });
  });

  it("that the registry gave no number to is not taken, and one that has another's number is refused", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    const entries = await entriesOf(asker, agreement);
    const one = await sign(worker, agreement, entries.at(-1), { type: "deliver", note: "one" });
    const other = await sign(worker, agreement, entries.at(-1), { type: "deliver", note: "other" });
    await inject(scene, worker, agreement, [...entries, one]);
    await advance(worker, other);
    await inject(scene, worker, agreement, [...entries, one]);
    await asker.events.refused("timeline_broken");
    await inject(scene, worker, agreement, [...entries, other]);
    await heard(asker, "deliver");
    const { acts } = await asker.device.agreements.get(agreement);
    expect(acts.at(-1)?.act).toMatchObject({ note: "other" });
    // Two acts for one place are seen for what they are, whatever the registry says.
    const from = asker.events.seen.length;
    await inject(scene, worker, agreement, [...entries, one]);
    await asker.events.refused("timeline_broken", from);
  });

  it("is not taken when it is altered, of another agreement, or not this member's to do", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    const entries = await entriesOf(asker, agreement);
    const act = await sign(worker, agreement, entries.at(-1), { type: "deliver", note: "done" });
    const [head = "", payload = "", signature = ""] = act.compact.split(".");
    const text = atob(payload.replaceAll("-", "+").replaceAll("_", "/")).replace("done", "dome");
    const altered = `${head}.${btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}.${signature}`;
    await advance(worker, await readEntry("agreement", altered));
    await inject(scene, worker, agreement, [...entries, { compact: altered }]);
    await asker.events.refused("timeline_broken");

    const second = await accepted(scene);
    const others = await entriesOf(asker, second);
    let from = asker.events.seen.length;
    await inject(scene, worker, second, [...others, ...entries.slice(0, 1)]);
    await asker.events.refused("timeline_broken", from);

    from = asker.events.seen.length;
    const notIts = await sign(worker, second, others.at(-1), { type: "accept-work" });
    await advance(worker, notIts);
    await inject(scene, worker, second, [...others, notIts]);
    await asker.events.refused("act_not_allowed", from);
    expect(await asker.device.agreements.get(second)).toMatchObject({ state: "accepted", number: 2 });
  });

  it("that is dated otherwise than it came is not taken", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    const entries = await entriesOf(asker, agreement);
    const act = await sign(worker, agreement, entries.at(-1), { type: "deliver" }, { iat: Date.now() + 300_000 });
    await advance(worker, act);
    await inject(scene, worker, agreement, [...entries, act]);
    await asker.events.refused("clock_skew");
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ state: "accepted" });
  });

  it("that comes again is told once", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    await worker.device.agreements.act(agreement, { type: "deliver" });
    await heard(asker, "deliver");
    const entries = await entriesOf(asker, agreement);
    for (const acts of [entries, entries, entries.slice(0, 1)]) await inject(scene, worker, agreement, acts);
    await asker.device.agreements.act(agreement, { type: "accept-work" });
    await heard(worker, "accept-work");
    expect(actsHeard(asker)).toEqual(["1 propose", "2 accept", "3 deliver", "4 accept-work"]);
    expect(actsHeard(worker)).toEqual(["1 propose", "2 accept", "3 deliver", "4 accept-work"]);
  });

  it("has one place even when both sides act at once", async () => {
    await using scene = await agreementScene();
    const { asker, worker } = scene;
    const agreement = await accepted(scene);
    const acts = await Promise.allSettled(
      [asker, worker].map(({ device }) => device.agreements.act(agreement, dispute)),
    );
    const lost = acts.flatMap((act) => (act.status === "rejected" ? [act.reason as unknown] : []));
    expect(lost).toMatchObject([{ code: "conflict" }]);
    await Promise.all([heard(asker, "dispute"), heard(worker, "dispute")]);
    expect(await entriesOf(asker, agreement)).toEqual(await entriesOf(worker, agreement));
  });
});

describe("a registry", () => {
  it("that withholds the order delays an act, and alters nothing", async () => {
    await using scene = await agreementScene();
    const { asker, worker, proxy } = scene;
    const agreement = await accepted(scene);
    proxy.replies["agreement.heads"] = (body) => ({ ...body, heads: (body["heads"] as unknown[]).slice(0, 2) });
    await worker.device.agreements.act(agreement, { type: "deliver" });
    await until(() => proxy.passed.some((data) => typeof data === "string" && data.includes("agreement.heads")));
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ state: "accepted" });
    delete proxy.replies["agreement.heads"];
    proxy.break();
    expect(await heard(asker, "deliver")).toMatchObject({ state: "delivered" });
  });

  it("that names another order has it refused", async () => {
    await using scene = await agreementScene();
    const { asker, worker, proxy } = scene;
    const agreement = await accepted(scene);
    proxy.replies["agreement.heads"] = (body) => ({ ...body, heads: (body["heads"] as unknown[]).toReversed() });
    await worker.device.agreements.act(agreement, { type: "deliver" });
    await asker.events.refused("timeline_broken");
    expect(await asker.device.agreements.get(agreement)).toMatchObject({ state: "accepted" });
  });

  it("that shows offers which nobody signed, or other terms than were, shows them to nobody", async () => {
    await using scene = await agreementScene();
    const { asker, worker, proxy } = scene;
    const open = { ...terms, skill: "search" };
    const { agreement } = await worker.device.agreements.propose(undefined, { terms: open });
    const [offer] = (await asker.device.agreements.offers()).offers;
    expect(offer).toMatchObject({ agreement, name: "worker" });
    const forged = await sign(
      scene.dave,
      agreement,
      undefined,
      {
        type: "propose",
        worker: "recipient",
        terms: open,
        until: Date.now() + 60_000,
      },
      { as: worker },
    );
    proxy.replies["agreement.offers"] = () => ({ offers: [{ agreement, offer: forged.compact, at: Date.now() }] });
    expect(await asker.device.agreements.offers()).toMatchObject({ offers: [] });
    await expect(asker.device.agreements.take(agreement)).rejects.toMatchObject({ code: "timeline_broken" });
  });
});

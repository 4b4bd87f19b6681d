import { type Log, openMemoryStores, sha256, type Signer, type Stores, systemRandom } from "@parley/core";
import { createSigner } from "@parley/core";
import { type AuditEntry, decodeAuditEntry, limits, ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { beforeAll, describe, expect, it } from "vitest";

import { AuditTrail, type AuditTrailOptions, byAddress } from "../../src/audit/audit-trail.ts";
import { defaultBounds } from "../../src/bounds.ts";

let nodeKey: Signer;
beforeAll(async () => (nodeKey = await createSigner("node")));

const member = "m".repeat(42) + "A";

interface Scene {
  readonly trail: AuditTrail;
  readonly clock: FakeClock;
  readonly reported: string[];
  readonly heads: string[];
  readonly entries: () => Promise<AuditEntry[]>;
}

async function scene(change: Partial<AuditTrailOptions> = {}, stores?: Stores): Promise<Scene & { stores: Stores }> {
  const clock = new FakeClock();
  const random = systemRandom;
  const own = stores ?? openMemoryStores({ clock, faults: { random, offsetGaps: true, conflicts: true } });
  const reported: string[] = [];
  const heads: string[] = [];
  const trail = new AuditTrail({
    log: own.log,
    records: own.records,
    nodeKey,
    clock,
    mesh: () => member,
    bounds: { ...defaultBounds, ...change.bounds },
    onHead: (head) => void heads.push(head),
    report: (_level, event) => void reported.push(event),
    ...(change.log === undefined ? {} : { log: change.log }),
  });
  await trail.open();
  const entries = async (): Promise<AuditEntry[]> => {
    const { lines } = await trail.log.after(0);
    return lines.flatMap(({ text }) => {
      const entry = decodeAuditEntry(text);
      return entry.ok ? [entry.value] : [];
    });
  };
  return { trail, clock, reported, heads, entries, stores: own };
}

const started = { act: "registry.started", by: { node: member } } as const;

describe("the audit trail", () => {
  it("chains entries in the order in which they came, over restarts", async () => {
    const { trail, stores } = await scene();
    await Promise.all(Array.from({ length: 150 }, (_, count) => trail.record({ ...started, facts: { count } })));
    const { trail: next } = await scene({}, stores);
    await next.record({ ...started, facts: { count: 150 } });
    let before = await sha256(`parley-audit-v1:${nodeKey.id}`);
    let number = 0;
    for (let after = 0; after < 151; after = number) {
      const { lines } = await next.log.after(after);
      for (const { text } of lines) {
        const entry = decodeAuditEntry(text);
        expect(entry).toMatchObject({ ok: true, value: { seq: number + 1, before, facts: { count: number } } });
        before = await sha256(text);
        number++;
      }
    }
    expect(number).toBe(151);
    expect(next.log.tail).toMatchObject({ number: 151, hash: before });
  });

  it("finds every entry again, wherever a reader begins", async () => {
    const { trail, stores } = await scene();
    for (let count = 1; count <= 40; count++) {
      await Promise.all(Array.from({ length: count % 4 }, () => trail.record(started)));
      await trail.record(started);
    }
    const { trail: fresh } = await scene({}, stores);
    const last = fresh.log.tail.number;
    for (let after = 0; after < last; after++) {
      const [line] = (await fresh.log.after(after)).lines;
      expect(line?.number).toBe(after + 1);
      expect(decodeAuditEntry(line?.text ?? "")).toMatchObject({ ok: true, value: { seq: after + 1 } });
    }
  });

  it("fails no act while the store takes nothing, and writes down what came once it does", async () => {
    const stores = openMemoryStores({ clock: new FakeClock() });
    let isFull = false;
    const log: Log = Object.assign(Object.create(stores.log) as Log, {
      append: (...args: Parameters<Log["append"]>) =>
        isFull ? Promise.reject(new ParleyError("storage_full")) : stores.log.append(...args),
      bounds: stores.log.bounds.bind(stores.log),
      read: stores.log.read.bind(stores.log),
    });
    const { trail, clock, reported, entries } = await scene({ log }, stores);
    isFull = true;
    await trail.record({ ...started, facts: { while: "full" } });
    expect(reported).toContain("audit.failed");
    isFull = false;
    const written = trail.record({ ...started, facts: { while: "free" } });
    clock.advance(1000);
    await written;
    expect((await entries()).map(({ facts }) => facts)).toEqual([{ while: "full" }, { while: "free" }]);
  });

  it("takes for written what the store kept although it said otherwise", async () => {
    const stores = openMemoryStores({ clock: new FakeClock() });
    let isLying = true;
    const log: Log = Object.assign(Object.create(stores.log) as Log, {
      append: async (...args: Parameters<Log["append"]>) => {
        const result = await stores.log.append(...args);
        if (isLying) throw new ParleyError("storage_unavailable");
        return result;
      },
      bounds: stores.log.bounds.bind(stores.log),
      read: stores.log.read.bind(stores.log),
    });
    const { trail, entries } = await scene({ log }, stores);
    await trail.record(started);
    isLying = false;
    await trail.record(started);
    expect((await entries()).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it.each([
    [2, 0],
    [3, 0],
    [4, 1],
  ])("keeps at most three acts that wait, and says how many more were lost (%i acts)", async (acts, lost) => {
    const { trail, entries } = await scene({ bounds: { ...defaultBounds, auditWaiting: 3 } });
    await Promise.all(Array.from({ length: acts }, () => trail.record(started)));
    await trail.record(started);
    const entry = (await entries()).find(({ act }) => act === "audit.lost");
    expect(entry?.facts?.["entries"] ?? 0).toBe(lost);
  });

  it("leaves out an act that says more than it may, and tells of it", async () => {
    const { trail, reported, entries } = await scene();
    const facts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${"abcdefghij".charAt(index)}`, index]));
    await trail.record({ ...started, facts: { text: "a whole sentence" } });
    await trail.record({ ...started, facts: facts(limits.auditFacts + 1) });
    await trail.record({ ...started, subject: "two words" });
    expect(reported).toEqual(["audit.failed", "audit.failed", "audit.failed"]);
    await trail.record({ ...started, facts: facts(limits.auditFacts) });
    expect((await entries()).map(({ act }) => act)).toEqual(["registry.started", "audit.lost"]);
  });

  it("does an act, writes down what came of it, and then answers", async () => {
    const { trail, entries } = await scene();
    const act = { act: "invite.cancelled", by: { member } } as const;
    expect(await trail.watched(act, () => "answer")).toBe("answer");
    expect(await entries()).toMatchObject([{ outcome: "done" }]);
    await expect(trail.watched(act, () => Promise.reject(new ParleyError("not_found")))).rejects.toMatchObject({
      code: "not_found",
    });
    await trail.close();
    expect(await entries()).toMatchObject([{ outcome: "done" }, { outcome: "not_found" }]);
  });

  it("tells of a head not more often than its pause", async () => {
    const { trail, clock, heads } = await scene();
    for (let count = 0; count < 10; count++) await trail.record(started);
    clock.advance(0);
    await expect.poll(() => heads.length).toBe(1);
    for (let count = 0; count < 10; count++) await trail.record(started);
    clock.advance(defaultBounds.auditHeadMs - 1);
    await trail.head();
    expect(heads).toHaveLength(1);
    clock.advance(1);
    await expect.poll(() => heads.length).toBe(2);
  });

  it("goes where it is too old, under a checkpoint, in the order of its chain", async () => {
    const { trail, clock, stores, entries } = await scene();
    for (let day = 0; day < 30; day++) {
      await trail.record(started);
      clock.advance(86_400_000);
    }
    clock.advance(limits.auditAgeMs - 15 * 86_400_000);
    await trail.sweep();
    const [first] = await entries();
    expect(first?.seq).toBeGreaterThan(10);
    expect((await entries()).at(-1)).toMatchObject({
      act: "audit.trimmed",
      facts: { from: 1, to: (first?.seq ?? 0) - 1 },
    });
    const { trail: next } = await scene({}, stores);
    expect(next.log.first).toBe(first?.seq);
  });

  it("finishes at its next start a trim that was cut short after its checkpoint", async () => {
    const { trail, stores } = await scene();
    for (let count = 0; count < 10; count++) await trail.record(started);
    const cut = await trail.log.cut(4);
    await trail.checkpoints.sign(1, { number: cut?.number ?? 0, hash: cut?.hash ?? "" });
    const { trail: next } = await scene({}, stores);
    expect(next.log.first).toBe(5);
    await next.record(started);
    expect(next.log.tail.number).toBe(11);
  });
});

describe("acts that anybody may cause", () => {
  const refused = (address: string) =>
    ({ act: "session.refused", by: byAddress(address), code: "unauthenticated" }) as const;

  it("are written down up to a rate for each address and for all, then counted", async () => {
    const { trail, clock, entries } = await scene({ bounds: { ...defaultBounds, auditAddressBurst: 40 } });
    for (let count = 0; count < 5; count++) await trail.record(refused("192.0.2.1"));
    expect(await entries()).toHaveLength(2);
    for (let address = 0; address < 200; address++) await trail.record(refused(`198.51.100.${address}`));
    expect(await entries()).toHaveLength(40);
    clock.advance(defaultBounds.auditFlushMs);
    await trail.sweep();
    const all = await entries();
    expect(all).toHaveLength(41);
    expect(all.at(-1)).toMatchObject({ by: { address: "*" }, count: 205 - 40, outcome: "unauthenticated" });
  });

  it("are counted by the member where there is one", async () => {
    const { trail, entries } = await scene({ bounds: { ...defaultBounds, auditMemberBurst: 1 } });
    const by = { member, device: "d".repeat(42) + "A" };
    for (let count = 0; count < 4; count++) await trail.record({ act: "card.published", by });
    await trail.close();
    expect(await entries()).toMatchObject([{ by }, { by, count: 3 }]);
  });

  it("do not make the log longer than its bound, however long they go on", async () => {
    const { trail, clock } = await scene({ bounds: { ...defaultBounds, auditEntries: 100 } });
    for (let hour = 0; hour < 50; hour++) {
      for (let count = 0; count < 100; count++) void trail.record(refused(`203.0.113.${count}`));
      clock.advance(3_600_000);
      await trail.sweep();
      expect(trail.log.size).toBeLessThanOrEqual(101);
    }
    expect((await trail.checkpoints.all()).length).toBeGreaterThan(0);
    expect((await trail.checkpoints.all()).length).toBeLessThanOrEqual(limits.auditCheckpoints);
  });
});

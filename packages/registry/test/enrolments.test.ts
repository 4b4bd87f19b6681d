import { openMemoryStores, type Stores } from "@parley/core";
import { type EnrolmentAsk, limits } from "@parley/protocol";
import { FakeClock, randomId16, SeededRandom } from "@parley/testkit";
import { expect, it } from "vitest";

import { defaultBounds } from "../src/bounds.ts";
import { Enrolments } from "../src/enrolments.ts";

const [ada, eve] = ["a".repeat(42) + "A", "e".repeat(42) + "A"];
const key = "A".repeat(43);
const ask: EnrolmentAsk = { key, seal: key, label: "phone", iat: 1, proof: key };
const lifeMs = 600_000;

async function scene(options: { stores?: Stores; enrolments?: number } = {}) {
  const clock = new FakeClock();
  const stores = options.stores ?? openMemoryStores({ clock });
  const pending: string[] = [];
  const enrolments = new Enrolments({
    records: stores.records,
    clock,
    bounds: { ...defaultBounds, enrolments: options.enrolments ?? defaultBounds.enrolments },
    onPending: (member, enrolment) => void pending.push(`${member} ${enrolment}`),
  });
  await enrolments.open(new AbortController().signal);
  return { clock, stores, pending, enrolments };
}

it("pass from the link over the request to the answer", async () => {
  const { enrolments, pending } = await scene();
  const id = randomId16();
  const { expires } = await enrolments.invite(ada, id, lifeMs);
  expect(await enrolments.state(id, 0)).toEqual({ enrolment: id, state: "open" });
  expect((await enrolments.ask(id, ask)).state).toBe("asked");
  expect(new Set(pending)).toEqual(new Set([`${ada} ${id}`]));
  expect(await enrolments.invite(ada, id, lifeMs)).toEqual({ expires, request: ask });
  await enrolments.answer(ada, id, "AAAA");
  expect(await enrolments.state(id, 0)).toEqual({ enrolment: id, state: "answered", answer: "AAAA" });
});

it("take the same step again, and no other one in its place", async () => {
  const { enrolments } = await scene();
  const id = randomId16();
  await enrolments.invite(ada, id, lifeMs);
  await expect(enrolments.answer(ada, id, "AAAA")).rejects.toMatchObject({ code: "conflict" });
  await enrolments.ask(id, ask);
  expect((await enrolments.ask(id, ask)).state).toBe("asked");
  await expect(enrolments.ask(id, { ...ask, label: "thief" })).rejects.toMatchObject({ code: "expired" });
  await enrolments.answer(ada, id, "AAAA");
  await enrolments.answer(ada, id, "AAAA");
  await expect(enrolments.answer(ada, id, "BBBB")).rejects.toMatchObject({ code: "conflict" });
  await enrolments.answer(ada, id, undefined);
  expect((await enrolments.state(id, 0)).answer).toBe("AAAA");
  await expect(enrolments.invite(ada, id, lifeMs)).rejects.toMatchObject({ code: "expired" });
});

it("end at their time: to the millisecond for the request, and the answer can still be fetched for a while", async () => {
  const { enrolments, clock } = await scene();
  const [late, just] = [randomId16(), randomId16()];
  await enrolments.invite(ada, late, lifeMs);
  await enrolments.invite(ada, just, lifeMs);
  clock.advance(lifeMs - 1);
  expect((await enrolments.ask(just, ask)).state).toBe("asked");
  clock.advance(1);
  await expect(enrolments.ask(late, ask)).rejects.toMatchObject({ code: "expired" });
  expect((await enrolments.state(late, 0)).state).toBe("expired");
  await enrolments.answer(ada, just, "AAAA");
  clock.advance(defaultBounds.enrolmentStepMs - 1);
  expect((await enrolments.state(just, 0)).state).toBe("answered");
  clock.advance(1);
  expect((await enrolments.state(just, 0)).state).toBe("expired");
  await enrolments.sweep();
  await expect(enrolments.state(just, 0)).rejects.toMatchObject({ code: "not_found" });
  await expect(enrolments.ask(just, ask)).rejects.toMatchObject({ code: "invalid_link" });
});

it("belong to the member that opened them", async () => {
  const { enrolments } = await scene();
  const id = randomId16();
  await enrolments.invite(ada, id, lifeMs);
  await expect(enrolments.invite(eve, id, lifeMs)).rejects.toMatchObject({ code: "already_exists" });
  await enrolments.ask(id, ask);
  await expect(enrolments.answer(eve, id, "AAAA")).rejects.toMatchObject({ code: "not_found" });
  await expect(enrolments.answer(ada, randomId16(), "AAAA")).rejects.toMatchObject({ code: "not_found" });
});

it("tell a waiting device at once when it is answered, or refused", async () => {
  const { enrolments } = await scene();
  for (const answer of ["AAAA", undefined]) {
    const id = randomId16();
    await enrolments.invite(ada, id, lifeMs);
    await enrolments.ask(id, ask);
    const waiting = enrolments.state(id, 20_000);
    await enrolments.answer(ada, id, answer);
    expect((await waiting).state).toBe(answer === undefined ? "refused" : "answered");
  }
});

it("are bounded for a member and in all; what was used counts no more", async () => {
  const { enrolments } = await scene({ enrolments: limits.enrolmentsPerMember + 1 });
  const ids = Array.from({ length: limits.enrolmentsPerMember }, randomId16);
  for (const id of ids) await enrolments.invite(ada, id, lifeMs);
  await expect(enrolments.invite(ada, randomId16(), lifeMs)).rejects.toMatchObject({ code: "limit_reached" });
  await enrolments.invite(eve, randomId16(), lifeMs);
  await expect(enrolments.invite(eve, randomId16(), lifeMs)).rejects.toMatchObject({ code: "limit_reached" });
  await enrolments.invite(ada, ids[0] ?? "", lifeMs);
  await enrolments.answer(ada, ids[0] ?? "", undefined);
  await enrolments.invite(ada, randomId16(), lifeMs);
});

it("are told at another node too, and outlive the node that took them in", async () => {
  const first = await scene();
  const second = await scene({ stores: first.stores });
  const id = randomId16();
  await first.enrolments.invite(ada, id, lifeMs);
  await first.enrolments.ask(id, ask);
  await expect.poll(() => second.pending).toContain(`${ada} ${id}`);
  await second.enrolments.answer(ada, id, "AAAA");
  expect((await first.enrolments.state(id, 0)).answer).toBe("AAAA");
});

it("are decided once by a store that deals conflicts", async () => {
  const clock = new FakeClock();
  const { enrolments } = await scene({
    stores: openMemoryStores({ clock, faults: { random: new SeededRandom(7), conflicts: true, offsetGaps: true } }),
  });
  const id = randomId16();
  await enrolments.invite(ada, id, lifeMs);
  const asked = await Promise.allSettled(["one", "two", "three"].map((label) => enrolments.ask(id, { ...ask, label })));
  expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

import type { DeliveryView } from "@parley/client";
import { errorTable, ParleyError, toBase64url } from "@parley/protocol";
import { expect, it } from "vitest";

import { statesOf } from "../src/delivery-filter.ts";
import { findReference, mailboxOffsetOf, mailboxReference, shortReference } from "../src/delivery-reference.ts";
import { deliveryTable } from "../src/delivery-table.ts";
import { formatMoment, formatTime } from "../src/moment.ts";

const member = toBase64url(new Uint8Array(32).fill(7));
const now = new Date(2026, 10, 20, 18, 0, 0).getTime();
const at = new Date(2026, 10, 20, 14, 3, 22, 123).getTime();

const record = (changes: Partial<DeliveryView> = {}): DeliveryView => ({
  place: 1,
  id: "Yx3mQp0aT5eJ9uWcAAAAAA.17",
  epoch: "Yx3mQp0aT5eJ9uWcAAAAAA",
  seq: 17,
  direction: "out",
  member,
  name: "bob",
  device: undefined,
  created: at,
  expires: undefined,
  bytes: 2048,
  pending: true,
  redelivered: false,
  state: "stored",
  facts: [
    { state: "accepted", at: at - 1000 },
    { state: "stored", at, path: "mailbox", via: "not-connected" },
  ],
  receipts: {},
  text: "one\ntwo",
  ...changes,
});
const letter = {
  offset: 3,
  at,
  code: "cannot_open" as const,
  device: member,
  fromMember: member,
  fromDevice: member,
  frame: toBase64url(new Uint8Array(16)),
  bytes: 10,
  expires: 0,
};

it("shows a message with all columns where there is room, and fewer where there is less", () => {
  const headingsAt = (columns: number | undefined): string =>
    deliveryTable([record()], [], columns, now).headings.join(" ");
  expect(headingsAt(undefined)).toBe("ID WAY WITH STATE PATH WHEN SIZE TEXT");
  expect(headingsAt(120)).toBe("ID WAY WITH STATE PATH WHEN SIZE TEXT");
  expect(headingsAt(80)).toBe("ID WAY WITH STATE PATH WHEN TEXT");
  expect(headingsAt(60)).toBe("ID WAY WITH STATE WHEN TEXT");
  expect(deliveryTable([record()], [], undefined, now).rows).toEqual([
    ["Yx3mQp.17", "out", "@bob", "stored", "mailbox", "14:03:22", "2.0 KiB", "one\ntwo"],
  ]);
});

it("says what it does not know in plain words", () => {
  const { rows } = deliveryTable([record({ name: undefined, text: undefined, facts: [] })], [], undefined, now);
  expect(rows[0]).toEqual([
    "Yx3mQp.17",
    "out",
    member.slice(0, 8),
    "stored",
    "",
    "14:03:22",
    "2.0 KiB",
    "(not a message)",
  ]);
});

it("cuts a text where no terminal says how much fits", () => {
  const { rows } = deliveryTable([record({ text: "x".repeat(100) })], [], undefined, now);
  expect(rows[0]?.at(-1)).toBe(`${"x".repeat(59)}…`);
});

it("lists dead letters of the mailbox by their place there", () => {
  const { rows } = deliveryTable([], [{ letter, name: "bob" }], undefined, now);
  expect(rows).toEqual([
    [
      "mailbox.3",
      "in",
      "@bob",
      "dead-lettered",
      "mailbox",
      "14:03:22",
      "10 bytes",
      "(sealed, at the registry: cannot_open)",
    ],
  ]);
  expect([mailboxReference(3), mailboxOffsetOf("mailbox.3"), mailboxOffsetOf("mailbox.x")]).toEqual([
    "mailbox.3",
    3,
    undefined,
  ]);
});

it("shortens ids to something that can be typed, whatever they begin with", () => {
  expect(shortReference("Yx3mQp0aT5eJ9uWcAAAAAA.17")).toBe("Yx3mQp.17");
  expect(shortReference("--_Yx3mQp0aT5eJ9uWcAAA.2")).toBe("Yx3mQp.2");
  expect(shortReference("Yx3.2")).toBe("Yx3.2");
});

it("finds one message by part of its id, and names the candidates when several fit", async () => {
  const [first, second] = [record(), record({ id: "Yx3mQp0aT5eJ9uWcBBBBBB.17" })];
  const deviceWith = (...records: DeliveryView[]) =>
    ({ deliveries: async () => ({ records, next: undefined }) }) as unknown as Parameters<typeof findReference>[0];
  expect(await findReference(deviceWith(first), "Yx3.17")).toEqual({ place: "device", records: [first] });
  expect(await findReference(deviceWith(first, second), second.id)).toEqual({ place: "device", records: [second] });
  const twice = record({ direction: "in" });
  expect(await findReference(deviceWith(first, twice), "Yx3.17")).toMatchObject({ records: [first, twice] });
  expect(await findReference(deviceWith(), "mailbox.4")).toEqual({ place: "mailbox", offset: 4 });
  const failed = await findReference(deviceWith(first, second), "Yx3.17").catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ParleyError);
  expect(failed).toMatchObject({ code: "invalid_argument", data: { candidates: [first.id, second.id] } });
  expect((failed as Error).message).toContain(second.id);
  await expect(findReference(deviceWith(), "Yx3.17")).rejects.toMatchObject({ code: "not_found" });
  for (const wrong of ["", "17", ".17", "Yx3.", "Yx3.0", "Yx3.17.1", "a b.1"])
    await expect(findReference(deviceWith(first), wrong)).rejects.toMatchObject({ code: "invalid_argument" });
});

it("reads states, each once, and refuses other words with the list", () => {
  expect(statesOf(undefined)).toBeUndefined();
  expect(statesOf("stored, expired,stored")).toEqual(["stored", "expired"]);
  for (const wrong of ["sent", "", "stored,"])
    expect(() => statesOf(wrong)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  expect(errorTable.invalid_argument.exit).toBe(2);
});

it("says when something was as short as it says enough", () => {
  expect([formatMoment(at, now), formatMoment(at - 86_400_000, now)]).toEqual(["14:03:22", "2026-11-19"]);
  expect(formatTime(at)).toBe("2026-11-20 14:03:22.123");
});

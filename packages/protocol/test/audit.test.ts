import {
  auditActTable,
  type AuditEntry,
  canonicalJson,
  decodeAuditEntry,
  encodeAuditEntry,
  limits,
} from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isTotal } from "./frames.ts";

const id = "A".repeat(43);
const entry: AuditEntry = {
  seq: 1,
  at: 0,
  node: id,
  before: id,
  act: "invite.created",
  by: { member: id, device: id },
  outcome: "done",
};

describe("an entry of the audit log", () => {
  it("has one form", () => {
    const text = encodeAuditEntry(entry);
    expect(decodeAuditEntry(text)).toEqual({ ok: true, value: entry });
    for (const other of [` ${text}`, JSON.stringify(entry), text.replace('"at":0', '"at":0.0'), `${text}\n`])
      expect(decodeAuditEntry(other)).toMatchObject({ ok: false, code: "invalid_argument" });
  });

  it("takes acts that this build does not know, from newer nodes", () => {
    expect(decodeAuditEntry(encodeAuditEntry({ ...entry, act: "moon.landed", outcome: "some_code" })).ok).toBe(true);
    for (const act of Object.keys(auditActTable))
      expect(decodeAuditEntry(encodeAuditEntry({ ...entry, act })).ok).toBe(true);
  });

  it.each([
    { act: "nodot" },
    { by: {} },
    { by: { member: id, address: "::1" } },
    { by: { address: "a b" } },
    { subject: "two words" },
    { subject: "x".repeat(129) },
    { facts: { text: "a sentence" } },
    { facts: { Name: 1 } },
    { outcome: "Done" },
    { seq: 0 },
    { count: 0 },
    { extra: 1 },
  ])("is refused with %o", (change) => {
    expect(decodeAuditEntry(canonicalJson({ ...entry, ...change })).ok).toBe(false);
  });

  it.each([
    [limits.auditFacts - 1, true],
    [limits.auditFacts, true],
    [limits.auditFacts + 1, false],
  ])("may have %i facts: %s", (count, ok) => {
    const facts = Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`f${"abcdefghijk".charAt(index)}`, 1]),
    );
    expect(decodeAuditEntry(encodeAuditEntry({ ...entry, facts })).ok).toBe(ok);
  });

  it.each([
    [limits.auditEntryBytes - 1, "invalid_argument"],
    [limits.auditEntryBytes, "invalid_argument"],
    [limits.auditEntryBytes + 1, "too_large"],
  ])("of %i bytes is read no further than the limit", (length, code) => {
    expect(decodeAuditEntry(`"${"x".repeat(length - 2)}"`)).toMatchObject({ ok: false, code });
  });

  it("is read totally", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(isTotal(decodeAuditEntry(text))).toBe(true);
      }),
    );
  });
});

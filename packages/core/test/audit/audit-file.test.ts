import { createHash } from "node:crypto";

import { type AuditPins, createSigner, sha256, signStatement, verifyAuditFile, verifyOperators } from "@parley/core";
import { isParleyError, type ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { exportedLog, textOf } from "./exported-log.ts";

const encoder = new TextEncoder();
const hash = (text: string): string => createHash("sha256").update(text).digest("base64url");

async function verify(
  text: string | Uint8Array,
  pins: AuditPins,
): Promise<Awaited<ReturnType<typeof verifyAuditFile>>> {
  return verifyAuditFile([typeof text === "string" ? encoder.encode(text) : text], pins, { hash });
}

async function failure(text: string | Uint8Array, pins: AuditPins): Promise<ParleyError> {
  const error: unknown = await verify(text, pins).then(
    () => new Error("it held"),
    (thrown: unknown) => thrown,
  );
  if (isParleyError(error)) return error;
  throw error;
}

describe("an exported audit log", () => {
  it.each([{}, { trimmed: true }, { witnessed: 3 }, { trimmed: true, witnessed: 5 }])(
    "verifies against the mesh and its pinned operators: %o",
    async (options) => {
      const log = await exportedLog({ entries: 5, ...options });
      const operators = await verifyOperators([log.genesis]);
      for (const pins of [{ mesh: log.mesh }, { mesh: log.mesh, operators }])
        expect(await verify(log.text, pins)).toMatchObject({
          mesh: log.mesh,
          node: log.node.id,
          first: log.first,
          last: log.first + 4,
          entries: 5,
          witnesses: "witnessed" in options ? [{ member: log.operator.id, device: log.device.id }] : [],
        });
    },
  );

  it("verifies whatever pieces it is read in", async () => {
    const log = await exportedLog({ entries: 2 });
    const bytes = encoder.encode(log.text);
    for (const size of [1, 7, 100, bytes.length]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(await verifyAuditFile(pieces, { mesh: log.mesh })).toMatchObject({ entries: 2 });
    }
  });

  it("names the entry, the line and the byte of any single byte that was changed in an entry", async () => {
    const log = await exportedLog({ entries: 3 });
    for (const [index, entry] of log.entries.entries()) {
      const line = log.lines.indexOf(entry);
      const offset = textOf(log.lines.slice(0, line)).length;
      for (let at = 0; at < entry.length; at += 41) {
        const was = entry.charAt(at);
        const is = was === "7" ? "8" : "7";
        const changed = `${entry.slice(0, at)}${is}${entry.slice(at + 1)}`;
        const { code, data } = await failure(textOf(log.lines.with(line, changed)), { mesh: log.mesh });
        expect({ code, data }).toEqual({
          code: "audit_broken",
          data: { kind: "altered", entry: index + 1, line: line + 1, offset, byte: offset + at, was, is },
        });
      }
    }
  });

  it("names the entry where more than one byte, or a byte that is no text, was changed", async () => {
    const log = await exportedLog({ entries: 3 });
    const [, , third = ""] = log.entries;
    const line = log.lines.indexOf(third);
    const twice = third.replace("link", "code");
    expect((await failure(textOf(log.lines.with(line, twice)), { mesh: log.mesh })).data).toMatchObject({
      kind: "altered",
      entry: 3,
      line: line + 1,
    });
    const bytes = encoder.encode(log.text);
    const at = textOf(log.lines.slice(0, line)).length + 10;
    bytes[at] = 0xff;
    expect((await failure(bytes, { mesh: log.mesh })).data).toMatchObject({ kind: "altered", entry: 3, byte: at });
  });

  it("does not hold without an entry, with one twice, or with two in another order", async () => {
    const log = await exportedLog({ entries: 4 });
    const line = log.lines.indexOf(log.entries[1] ?? "");
    const [second = "", third = ""] = [log.lines[line], log.lines[line + 1]];
    const wrong = {
      missing: log.lines.toSpliced(line, 1),
      twice: log.lines.toSpliced(line, 0, second),
      swapped: log.lines.with(line, third).with(line + 1, second),
      first: log.lines.toSpliced(line - 1, 1),
    };
    for (const lines of Object.values(wrong))
      expect((await failure(textOf(lines), { mesh: log.mesh })).data).toMatchObject({ kind: "missing" });
  });

  it("does not hold with its end cut off", async () => {
    const log = await exportedLog({ entries: 4 });
    const lastEntry = log.lines.length - 2;
    expect((await failure(textOf(log.lines.toSpliced(lastEntry, 1)), { mesh: log.mesh })).data).toMatchObject({
      kind: "missing",
      entry: 4,
    });
    expect((await failure(textOf(log.lines.slice(0, -1)), { mesh: log.mesh })).message).toContain(
      "before the signed head",
    );
    expect((await failure(log.text.slice(0, -1), { mesh: log.mesh })).message).toContain("middle of a line");
    expect((await failure("", { mesh: log.mesh })).code).toBe("audit_broken");
  });

  it("does not hold when an operator's device saw more than its head names", async () => {
    const log = await exportedLog({ entries: 4, witnessed: 4 });
    const earlier = await signStatement(
      "head",
      {
        mesh: log.mesh,
        node: log.node.id,
        epoch: "e",
        number: 2,
        hash: await sha256(log.entries[1] ?? ""),
        iat: Date.UTC(2026, 0, 1),
      },
      log.node,
    );
    const lines = [...log.lines.slice(0, -3), JSON.stringify({ head: earlier })];
    expect((await failure(textOf(lines), { mesh: log.mesh })).data).toMatchObject({
      kind: "truncated",
      entry: 3,
      to: 4,
    });
  });

  it("does not hold for another mesh, other operators, or a head by another key", async () => {
    const [log, other] = await Promise.all([exportedLog({ entries: 1 }), exportedLog({ entries: 1 })]);
    const operators = await verifyOperators([other.genesis]);
    expect((await failure(log.text, { mesh: other.mesh })).data).toMatchObject({ reason: "wrong_mesh", line: 1 });
    expect((await failure(log.text, { mesh: log.mesh, operators })).data).toMatchObject({
      reason: "registry_key_mismatch",
    });
    const forged = await signStatement(
      "head",
      { mesh: log.mesh, node: log.node.id, epoch: "e", number: 1, hash: await sha256(log.entries[0] ?? ""), iat: 0 },
      await createSigner("node"),
    );
    const lines = [...log.lines.slice(0, -1), JSON.stringify({ head: forged })];
    expect((await failure(textOf(lines), { mesh: log.mesh })).data).toMatchObject({
      reason: "bad_signature",
      line: lines.length,
    });
  });

  it("takes no line out of its place, in another form, or after the head", async () => {
    const log = await exportedLog({ entries: 2, trimmed: true, witnessed: 1 });
    const [header = "", checkpoint = "", witness = "", ...rest] = log.lines;
    const wrong = [
      [header, witness, ...rest],
      [header, checkpoint, witness, witness, ...rest],
      [header, checkpoint, checkpoint, witness, ...rest],
      [header, ...rest.slice(0, 2), checkpoint, witness, ...rest.slice(2)],
      [checkpoint, header, witness, ...rest],
      [header, checkpoint, witness, ...rest, rest.at(-1) ?? ""],
      [header, ` ${checkpoint}`, witness, ...rest],
      [header, checkpoint, witness.replace('{"record"', '{ "record"'), ...rest],
    ];
    for (const lines of wrong) expect((await failure(textOf(lines), { mesh: log.mesh })).code).toBe("audit_broken");
  });
});

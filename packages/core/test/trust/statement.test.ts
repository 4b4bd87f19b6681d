import { readFileSync } from "node:fs";

import { importSigner, peekStatement, sha256, signStatement, verifyStatement } from "@parley/core";
import { limits, type StatementType, statementSchemas, statementTyp, toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";

interface Vectors {
  readonly mesh: string;
  readonly keys: Readonly<
    Record<
      string,
      {
        readonly owner: "member" | "device" | "node";
        readonly seed: string;
        readonly publicKey: string;
        readonly id: string;
      }
    >
  >;
  readonly valid: readonly {
    readonly type: StatementType;
    readonly signer: string;
    readonly payload: unknown;
    readonly compact: string;
  }[];
  readonly invalid: readonly {
    readonly name: string;
    readonly type: StatementType;
    readonly key: string;
    readonly compact: string;
    readonly code: string;
  }[];
}

const path = new URL("../../../protocol/vectors/statements.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as Vectors;
const keyOf = (name: string) => vectors.keys[name] ?? { owner: "member" as const, seed: "", publicKey: "", id: "" };
const stored = (seed: string): string => toBase64url(Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"));
const signerOf = (name: string) => importSigner(keyOf(name).owner, stored(keyOf(name).seed));

describe("a statement", () => {
  it("of every type is in the vectors", () => {
    expect(vectors.valid.map(({ type }) => type).toSorted()).toEqual(Object.keys(statementSchemas).toSorted());
  });

  it.each(vectors.valid)(
    "$type verifies with its signer's key and says what was signed",
    async ({ type, signer, payload, compact }) => {
      await expect(verifyStatement(type, compact, keyOf(signer).publicKey)).resolves.toEqual(payload);
      expect(peekStatement(type, compact)).toEqual({ ...(payload as object), signer: keyOf(signer).id });
    },
  );

  it.each(vectors.valid)("$type signs to the same bytes everywhere", async ({ type, signer, payload, compact }) => {
    await expect(signStatement(type, payload as never, await signerOf(signer))).resolves.toBe(compact);
  });

  it.each(vectors.valid)("$type is taken for no other type", async ({ type, signer, compact }) => {
    for (const other of Object.keys(statementSchemas) as StatementType[]) {
      if (other === type) continue;
      expect(await coded(verifyStatement(other, compact, keyOf(signer).publicKey))).toBe("bad_signature");
      expect(await coded(() => peekStatement(other, compact))).toBe("bad_signature");
    }
  });

  it.each(vectors.invalid)("does not hold: $name", async ({ type, key, compact, code }) => {
    expect(await coded(verifyStatement(type, compact, keyOf(key).publicKey))).toBe(code);
  });

  it.each([["AAAA"], [""], ["!"], [toBase64url(new Uint8Array(33))]])(
    "does not verify with something that is no key: %j",
    async (key) => {
      expect(await coded(verifyStatement("rotation", vectors.valid[0]?.compact ?? "", key))).toBe("bad_signature");
    },
  );

  it("is refused unread above the limit", async () => {
    for (const [length, code] of [
      [limits.statementBytes, "bad_signature"],
      [limits.statementBytes + 1, "too_large"],
    ] as const) {
      expect(await coded(verifyStatement("card", "a".repeat(length), keyOf("member").publicKey))).toBe(code);
      expect(await coded(() => peekStatement("card", "a".repeat(length)))).toBe(code);
    }
  });

  it("is not signed when it is too large or not of its form", async () => {
    const signer = await signerOf("member");
    const base = vectors.valid.find(({ type }) => type === "card")?.payload as { card: { skills: object[] } };
    const [skill] = base.card.skills;
    const skills = Array.from({ length: 30 }, (_, index) => ({
      ...skill,
      id: `s${index}`,
      description: "x".repeat(2048),
    }));
    expect(await coded(signStatement("card", { ...base, card: { ...base.card, skills } } as never, signer))).toBe(
      "too_large",
    );
    expect(await coded(signStatement("card", { ...base, extra: 1 } as never, signer))).toBe("invalid_argument");
  });

  it("carries its type and its signer in the header", () => {
    for (const { type, signer, compact } of vectors.valid) {
      const header: unknown = JSON.parse(Buffer.from(compact.split(".")[0] ?? "", "base64url").toString());
      expect(header).toEqual({ alg: "EdDSA", typ: statementTyp(type), kid: keyOf(signer).id });
    }
  });

  it("of the genesis names the mesh by its hash", async () => {
    expect(await sha256(vectors.valid.find(({ type }) => type === "genesis")?.compact ?? "")).toBe(vectors.mesh);
  });
});

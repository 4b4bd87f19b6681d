import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { verifyBytes } from "@parley/core";
import { toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { fromHex, suite, x25519Pair } from "./fixed-seal.ts";

interface Test {
  readonly tcId: number;
  readonly comment: string;
  readonly result: "valid" | "invalid" | "acceptable";
  readonly [field: string]: string | number;
}

interface Group {
  readonly tests: readonly Test[];
  readonly ivSize?: number;
  readonly keySize?: number;
  readonly publicKey?: { readonly pk: string };
}

/** Vectors made by others are no part of the repository. */
const folder = join(
  process.env["PARLEY_VECTORS"] ?? join(import.meta.dirname, "../../../../../shared/vectors"),
  "wycheproof",
);

function groups(name: string): readonly Group[] {
  const path = join(folder, name);
  return existsSync(path)
    ? (JSON.parse(readFileSync(path, "utf8")) as { testGroups: readonly Group[] }).testGroups
    : [];
}

const hex = (test: Test, field: string): Uint8Array<ArrayBuffer> => fromHex(String(test[field]));

/** Ids of the tests whose outcome is not the one of the vector; `acceptable` may be either. */
async function wrong(name: string, holds: (test: Test, group: Group) => Promise<boolean>): Promise<readonly number[]> {
  const ids: number[] = [];
  for (const group of groups(name)) {
    for (const test of group.tests) {
      const held = await holds(test, group);
      if (test.result !== "acceptable" && held !== (test.result === "valid")) ids.push(test.tcId);
    }
  }
  return ids;
}

const same = (left: ArrayBuffer, right: Uint8Array): boolean => Buffer.from(left).equals(right);

async function opens(test: Test, group: Group): Promise<boolean> {
  // Frames use 256-bit keys and 96-bit nonces only.
  if (group.keySize !== 256 || group.ivSize !== 96) return test.result === "valid";
  const key = await crypto.subtle.importKey("raw", hex(test, "key"), "AES-GCM", false, ["decrypt"]);
  const sealed = fromHex(`${test["ct"]}${test["tag"]}`);
  const algorithm = { name: "AES-GCM", iv: hex(test, "iv"), additionalData: hex(test, "aad") };
  return crypto.subtle.decrypt(algorithm, key, sealed).then(
    (opened) => same(opened, hex(test, "msg")),
    () => false,
  );
}

async function agrees(test: Test): Promise<boolean> {
  try {
    const { privateKey } = await x25519Pair(hex(test, "private"));
    const publicKey = await suite.kem.deserializePublicKey(hex(test, "public"));
    return same(
      await crypto.subtle.deriveBits({ name: "X25519", public: publicKey }, privateKey, 256),
      hex(test, "shared"),
    );
  } catch {
    return false;
  }
}

async function derives(test: Test): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", hex(test, "ikm"), "HKDF", false, ["deriveBits"]);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: hex(test, "salt"), info: hex(test, "info") };
  return crypto.subtle.deriveBits(algorithm, key, Number(test["size"]) * 8).then(
    (derived) => same(derived, hex(test, "okm")),
    () => false,
  );
}

describe("the platform's cryptography", () => {
  it("is judged by Wycheproof's vectors where they are, and says so where they are not", () => {
    const where = existsSync(folder)
      ? ""
      : `left out: no Wycheproof vectors at ${folder} (PARLEY_VECTORS names another place)`;
    if (where !== "") process.stderr.write(`${where}\n`);
    expect(where === "" ? groups("ed25519_test.json").length : 1).toBeGreaterThan(0);
  });

  it("accepts and refuses Ed25519 signatures as Wycheproof says", async () => {
    expect(
      await wrong("ed25519_test.json", (test, group) =>
        verifyBytes(toBase64url(fromHex(group.publicKey?.pk ?? "")), hex(test, "sig"), hex(test, "msg")),
      ),
    ).toEqual([]);
  });

  it("agrees on X25519 secrets as Wycheproof says", async () => {
    expect(await wrong("x25519_test.json", agrees)).toEqual([]);
  });

  it("opens AES-256-GCM as Wycheproof says", async () => {
    expect(await wrong("aes_gcm_test.json", opens)).toEqual([]);
  });

  it("derives with HKDF-SHA256 as Wycheproof says", async () => {
    expect(await wrong("hkdf_sha256_test.json", derives)).toEqual([]);
  });
});

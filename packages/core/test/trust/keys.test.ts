import {
  comparisonWords,
  createSigner,
  exportSigner,
  idOfKey,
  importSigner,
  sha256,
  signBytes,
  verifyBytes,
} from "@parley/core";
import { toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";

const bytes = new Uint8Array([1, 2, 3]);

describe("a key", () => {
  it("comes back from its stored form with the same id", async () => {
    const signer = await createSigner("member");
    const again = await importSigner("member", await exportSigner(signer));
    expect([again.id, again.publicKey]).toEqual([signer.id, signer.publicKey]);
    expect(await verifyBytes(signer.publicKey, await signBytes(again, bytes), bytes)).toBe(true);
  });

  it("has another id for each kind of owner", async () => {
    const { publicKey } = await createSigner("member");
    const ids = await Promise.all((["member", "device", "node"] as const).map((owner) => idOfKey(owner, publicKey)));
    expect(new Set(ids).size).toBe(3);
  });

  it("may stay inside the platform", async () => {
    const signer = await createSigner("device", { extractable: false });
    await expect(exportSigner(signer)).rejects.toThrow(/extractable/);
    expect(await verifyBytes(signer.publicKey, await signBytes(signer, bytes), bytes)).toBe(true);
  });

  it.each(["", "AAAA", "!!", toBase64url(new Uint8Array(48))])("cannot be read from %j", async (stored) => {
    expect(await coded(importSigner("member", stored))).toBe("invalid_argument");
  });

  it("verifies nothing that is altered, cut short or signed by another", async () => {
    const [signer, other] = [await createSigner("device"), await createSigner("device")];
    const signature = await signBytes(signer, bytes);
    const flipped = signature.slice();
    flipped[10] = (flipped[10] ?? 0) ^ 1;
    expect(await verifyBytes(signer.publicKey, flipped, bytes)).toBe(false);
    expect(await verifyBytes(signer.publicKey, signature.slice(0, 63), bytes)).toBe(false);
    expect(await verifyBytes(signer.publicKey, signature, new Uint8Array([1, 2, 4]))).toBe(false);
    expect(await verifyBytes(other.publicKey, signature, bytes)).toBe(false);
  });

  it("that is none gives a coded error, each time it is tried", async () => {
    for (let tries = 0; tries < 2; tries++)
      expect(await coded(verifyBytes("AAAA", new Uint8Array(64), bytes))).toBe("bad_signature");
  });
});

describe("a hash", () => {
  it("is the SHA-256 of the bytes or the text in UTF-8 (FIPS 180-4 example)", async () => {
    const abc = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
    expect([await sha256("abc"), await sha256(new TextEncoder().encode("abc"))]).toEqual([abc, abc]);
  });
});

describe("the words to compare", () => {
  it("are six, the same on both sides, and others for another mesh, set or member", async () => {
    const words = await comparisonWords("m", "o", "a");
    expect(words.split(" ")).toHaveLength(6);
    expect(await comparisonWords("m", "o", "a")).toBe(words);
    const others = await Promise.all([
      comparisonWords("n", "o", "a"),
      comparisonWords("m", "p", "a"),
      comparisonWords("m", "o", "b"),
    ]);
    expect(new Set([words, ...others]).size).toBe(4);
  });
});

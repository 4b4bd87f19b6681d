import { createEncryptionKey, openKeyHalf, sealKeyHalf } from "@parley/core";
import { expect, it } from "vitest";

const at = { mesh: "m".repeat(43), member: "a".repeat(43), device: "d".repeat(43) };

it("brings a private key to the device that it is sealed to", async () => {
  const [key, sealing] = [await createEncryptionKey(), await createEncryptionKey()];
  const half = await sealKeyHalf(key, sealing.publicKey, at);
  expect(half).toMatch(/^[A-Za-z0-9_-]{107}$/);
  const opened = await openKeyHalf(half, sealing, at, { kid: key.kid, key: key.publicKey });
  expect([opened.kid, opened.publicKey, opened.privateKey.extractable]).toEqual([key.kid, key.publicKey, true]);
  const pkcs8 = (one: CryptoKey) => crypto.subtle.exportKey("pkcs8", one);
  expect(await pkcs8(opened.privateKey)).toEqual(await pkcs8(key.privateKey));
});

it("keeps the key where it comes to, when asked, also with a sealing key that cannot leave either", async () => {
  const [key, sealing] = [await createEncryptionKey(), await createEncryptionKey({ extractable: false })];
  const half = await sealKeyHalf(key, sealing.publicKey, at);
  const expected = { kid: key.kid, key: key.publicKey };
  const { privateKey } = await openKeyHalf(half, sealing, at, expected, { extractable: false });
  expect(privateKey.extractable).toBe(false);
});

it.each([
  ["another mesh", { mesh: "n".repeat(43) }],
  ["another member", { member: "b".repeat(43) }],
  ["another device", { device: "e".repeat(43) }],
])("does not open for %s", async (_what, other) => {
  const [key, sealing] = [await createEncryptionKey(), await createEncryptionKey()];
  const half = await sealKeyHalf(key, sealing.publicKey, at);
  const expected = { kid: key.kid, key: key.publicKey };
  await expect(openKeyHalf(half, sealing, { ...at, ...other }, expected)).rejects.toMatchObject({
    code: "cannot_open",
  });
});

it("does not open for another sealing key, under another kid, for another public half, or when it was changed", async () => {
  const [key, sealing, other] = [await createEncryptionKey(), await createEncryptionKey(), await createEncryptionKey()];
  const half = await sealKeyHalf(key, sealing.publicKey, at);
  const expected = { kid: key.kid, key: key.publicKey };
  const changed = `${half.startsWith("A") ? "B" : "A"}${half.slice(1)}`;
  const refused = [
    () => openKeyHalf(half, other, at, expected),
    () => openKeyHalf(half, sealing, at, { ...expected, kid: other.kid }),
    () => openKeyHalf(half, sealing, at, { ...expected, key: other.publicKey }),
    () => openKeyHalf(changed, sealing, at, expected),
    () => openKeyHalf("", sealing, at, expected),
  ];
  for (const opening of refused) await expect(opening()).rejects.toMatchObject({ code: "cannot_open" });
});

it("is not made of a key that may not leave its place, nor for what is no key", async () => {
  const fixed = await createEncryptionKey({ extractable: false });
  await expect(sealKeyHalf(fixed, fixed.publicKey, at)).rejects.toMatchObject({ code: "forbidden" });
  const free = await createEncryptionKey();
  await expect(sealKeyHalf(free, "short", at)).rejects.toMatchObject({ code: "invalid_argument" });
});

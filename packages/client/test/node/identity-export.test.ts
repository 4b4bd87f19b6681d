import { expect, it } from "vitest";

import { createIdentityDraft } from "../../src/index.ts";
import { identityFileOf } from "../../src/node/identity-file.ts";
import { leastPassphraseCharacters, openIdentity, sealIdentity } from "../../src/node/index.ts";

const passphrase = "correct horse battery";
const draft = await createIdentityDraft({ name: "ada", kind: "person", label: "desk" });
const content = { identity: await identityFileOf(draft, 1) };

it("opens with the passphrase that sealed it", async () => {
  const sealed = await sealIdentity(content, passphrase);
  expect(sealed).not.toContain(content.identity.device);
  expect(await openIdentity(sealed, passphrase)).toEqual(content);
});

it("stays closed for another passphrase and for every changed field", async () => {
  const sealed = await sealIdentity(content, passphrase);
  await expect(openIdentity(sealed, "another passphrase")).rejects.toMatchObject({ code: "cannot_open" });
  const envelope = JSON.parse(sealed) as { kdf: { N: number; salt: string }; cipher: { nonce: string }; data: string };
  const flip = (text: string): string => (text.startsWith("A") ? "B" : "A") + text.slice(1);
  const changed = [
    { ...envelope, kdf: { ...envelope.kdf, N: 16_384 } },
    { ...envelope, kdf: { ...envelope.kdf, salt: flip(envelope.kdf.salt) } },
    { ...envelope, cipher: { ...envelope.cipher, nonce: flip(envelope.cipher.nonce) } },
    { ...envelope, data: flip(envelope.data) },
  ];
  for (const wrong of changed)
    await expect(openIdentity(JSON.stringify(wrong), passphrase)).rejects.toMatchObject({ code: "cannot_open" });
});

it("refuses costs that would fill the memory, and other files, before it derives anything", async () => {
  const envelope = JSON.parse(await sealIdentity(content, passphrase)) as { kdf: object };
  const hungry = JSON.stringify({ ...envelope, kdf: { ...envelope.kdf, N: 2 ** 24 } });
  await expect(openIdentity(hungry, passphrase)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(openIdentity("not even JSON", passphrase)).rejects.toMatchObject({ code: "invalid_argument" });
});

it("refuses a passphrase that is too short", async () => {
  await expect(sealIdentity(content, "x".repeat(leastPassphraseCharacters - 1))).rejects.toMatchObject({
    code: "invalid_argument",
  });
  await expect(sealIdentity(content, "x".repeat(leastPassphraseCharacters))).resolves.toBeDefined();
});

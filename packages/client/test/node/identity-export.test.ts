import { expect, it } from "vitest";

import { createIdentityDraft } from "../../src/index.ts";
import { sealWithPassphrase } from "../../src/node/age-text.ts";
import { identityFileOf } from "../../src/node/identity-file.ts";
import { leastPassphraseCharacters, openIdentity, sealIdentity } from "../../src/node/index.ts";

const passphrase = "correct horse battery";
/** Little, so that the tests are quick. */
const workFactor = 10;
const draft = await createIdentityDraft({ name: "ada", kind: "person", label: "desk" });
const content = { identity: await identityFileOf(draft, 1) };

/** The bytes inside the armor with one of them changed. */
function withChangedByte(armored: string, at: (length: number) => number): string {
  const [begin = "", ...lines] = armored.trimEnd().split("\n");
  const end = lines.pop() ?? "";
  const bytes = Buffer.from(lines.join(""), "base64");
  const place = at(bytes.length);
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return [begin, ...(bytes.toString("base64").match(/.{1,64}/gu) ?? []), end, ""].join("\n");
}

it("opens with the passphrase that sealed it", async () => {
  const sealed = await sealIdentity(content, passphrase, workFactor);
  expect(sealed).not.toContain(content.identity.device);
  expect(await openIdentity(sealed, passphrase)).toEqual(content);
});

it("stays closed for another passphrase, for a changed byte anywhere, and cut short", async () => {
  const sealed = await sealIdentity(content, passphrase, workFactor);
  await expect(openIdentity(sealed, "another passphrase")).rejects.toMatchObject({ code: "cannot_open" });
  const changed = [0, 0.1, 0.5, 1].map((part) =>
    withChangedByte(sealed, (length) => Math.min(length - 1, Math.floor(length * part))),
  );
  for (const wrong of [...changed, sealed.slice(0, sealed.length / 2)])
    await expect(openIdentity(wrong, passphrase)).rejects.toMatchObject({ code: "cannot_open" });
});

it("refuses costs that would fill the memory, other files, and what opens and is no identity", async () => {
  const sealed = await sealIdentity(content, passphrase, workFactor);
  const [begin = "", ...lines] = sealed.trimEnd().split("\n");
  const end = lines.pop() ?? "";
  const header = Buffer.from(lines.join(""), "base64")
    .toString("latin1")
    .replace(/^(-> scrypt \S+) 10$/mu, "$1 25");
  const hungry = [
    begin,
    ...(Buffer.from(header, "latin1")
      .toString("base64")
      .match(/.{1,64}/gu) ?? []),
    end,
  ].join("\n");
  await expect(openIdentity(hungry, passphrase)).rejects.toMatchObject({ code: "cannot_open" });
  await expect(openIdentity("not even armored", passphrase)).rejects.toMatchObject({ code: "invalid_argument" });
  const other = await sealWithPassphrase("{}", passphrase, workFactor);
  await expect(openIdentity(other, passphrase)).rejects.toMatchObject({ code: "cannot_open" });
});

it("refuses a passphrase that is too short", async () => {
  await expect(sealIdentity(content, "x".repeat(leastPassphraseCharacters - 1))).rejects.toMatchObject({
    code: "invalid_argument",
  });
  await expect(sealIdentity(content, "x".repeat(leastPassphraseCharacters), workFactor)).resolves.toBeDefined();
});

import { systemRandom } from "@parley/core";
import { describe, expect, it } from "vitest";

import { createSecret, openContent, readSecret, sealContent, secretId } from "../../src/conversations/shared-secret.ts";

const id = (letter: string): string => letter.repeat(43);
const [mesh, alice, bob] = [id("m"), id("a"), id("b")];
const parties = { mesh, from: alice, to: bob };
const content = { type: "text", text: "under the secret" } as const;

describe("what a shared secret protects", () => {
  it("opens for who has the secret, and is another text each time", async () => {
    const { secret, text } = createSecret(systemRandom);
    expect(await readSecret(` ${text}\n`, mesh, [bob, alice])).toEqual(secret);
    const [one, other] = [
      await sealContent(content, secret, parties, systemRandom),
      await sealContent(content, secret, parties, systemRandom),
    ];
    expect(one.box).not.toBe(other.box);
    expect(JSON.stringify(one)).not.toContain(content.text);
    for (const sealed of [one, other]) expect(await openContent(sealed, secret, parties)).toEqual(content);
  });

  it("does not open in another mesh, from another sender, for another recipient, or sent back", async () => {
    const { secret } = createSecret(systemRandom);
    const sealed = await sealContent(content, secret, parties, systemRandom);
    for (const elsewhere of [
      { ...parties, mesh: id("n") },
      { ...parties, from: id("c") },
      { ...parties, to: id("c") },
      { ...parties, from: bob, to: alice },
    ])
      await expect(openContent(sealed, secret, elsewhere)).rejects.toMatchObject({ code: "cannot_open" });
  });

  it("does not open with another secret, nor once it was altered", async () => {
    const { secret } = createSecret(systemRandom);
    const sealed = await sealContent(content, secret, parties, systemRandom);
    const { secret: another } = createSecret(systemRandom);
    const { salt } = await sealContent(content, secret, parties, systemRandom);
    const altered = [
      { ...sealed, salt },
      { ...sealed, box: sealed.box.slice(4) },
      { ...sealed, box: "" },
    ];
    await expect(openContent(sealed, another, parties)).rejects.toMatchObject({ code: "cannot_open" });
    for (const each of altered)
      await expect(openContent(each, secret, parties)).rejects.toMatchObject({ code: "cannot_open" });
    expect(await secretId(secret)).not.toBe(await secretId(another));
  });
});

describe("a phrase", () => {
  it("is the same secret for both, and called weak when it is", async () => {
    const [one, other] = [
      await readSecret("password1", mesh, [alice, bob]),
      await readSecret(" password1 ", mesh, [bob, alice]),
    ];
    expect(one.kind).toBe("weak-phrase");
    expect(other).toEqual(one);
    expect(one.key).toHaveLength(43);
  });

  it("has 1 to 256 characters, and a random secret is whole", async () => {
    for (const wrong of ["", "  ", "x".repeat(257), "parley-secret-abc"])
      await expect(readSecret(wrong, mesh, [alice, bob])).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

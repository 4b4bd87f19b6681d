import { describe, expect, it } from "vitest";

import { BoardSealer, createEncryptionKey, systemRandom } from "../../src/index.ts";

const encoder = new TextEncoder();

async function sealer(member: string, mesh = "mesh") {
  const key = await createEncryptionKey();
  const own = new BoardSealer({
    mesh,
    member,
    device: `${member}-device`,
    random: systemRandom,
    keyOf: (kid) => (kid === key.kid ? key : undefined),
  });
  return { own, to: { member, encryption: { kid: key.kid, key: key.publicKey } } };
}

const flipped = (text: string): string => (text.startsWith("A") ? `B${text.slice(1)}` : `A${text.slice(1)}`);

describe("what is sealed of a task on the board", () => {
  it("opens for those whom its key is sealed to, and for nobody else", async () => {
    const [ada, bob, eve] = await Promise.all([sealer("ada"), sealer("bob"), sealer("eve")]);
    const contentKey = ada.own.contentKey();
    const input = await ada.own.sealInput(encoder.encode("words"), contentKey, "task", "add");
    const wrap = await ada.own.wrap(contentKey, bob.to);
    const opened = await bob.own.unwrap(wrap, "ada");
    expect(new TextDecoder().decode(await bob.own.openInput(input, opened, "task", "add"))).toBe("words");
    await expect(eve.own.unwrap(wrap, "ada")).rejects.toMatchObject({ code: "cannot_open" });
    // By another asker, or as sealed by another of its devices, it is not what it says.
    await expect(bob.own.unwrap(wrap, "eve")).rejects.toMatchObject({ code: "cannot_open" });
    await expect(bob.own.unwrap({ ...wrap, by: "other" }, "ada")).rejects.toMatchObject({ code: "cannot_open" });
  });

  it("is bound to its task, its skill and its mesh", async () => {
    const [ada, other] = await Promise.all([sealer("ada"), sealer("ada", "other mesh")]);
    const contentKey = ada.own.contentKey();
    const input = await ada.own.sealInput(encoder.encode("words"), contentKey, "task", "add");
    for (const open of [
      () => ada.own.openInput(input, contentKey, "another", "add"),
      () => ada.own.openInput(input, contentKey, "task", "subtract"),
      () => ada.own.openInput(flipped(input), contentKey, "task", "add"),
      () => other.own.openInput(input, contentKey, "task", "add"),
    ])
      await expect(open()).rejects.toMatchObject({ code: "cannot_open" });
  });

  it("a result opens for the asker, as the result of its task only", async () => {
    const [ada, bob] = await Promise.all([sealer("ada"), sealer("bob")]);
    const result = await bob.own.sealResult(encoder.encode("done"), ada.to, "task");
    expect(result).toMatchObject({ member: "bob", device: "bob-device" });
    expect(new TextDecoder().decode(await ada.own.openResult(result, "task"))).toBe("done");
    await expect(ada.own.openResult(result, "another")).rejects.toMatchObject({ code: "cannot_open" });
    await expect(ada.own.openResult({ ...result, member: "eve" }, "task")).rejects.toMatchObject({
      code: "cannot_open",
    });
    await expect(ada.own.openResult({ ...result, counter: 9 }, "task")).rejects.toMatchObject({ code: "cannot_open" });
    await expect(bob.own.openResult(result, "task")).rejects.toMatchObject({ code: "cannot_open" });
  });

  it("uses one context for many, each under a number of its own", async () => {
    const [ada, bob] = await Promise.all([sealer("ada"), sealer("bob")]);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => bob.own.sealResult(encoder.encode(String(n)), ada.to, `t${n}`)),
    );
    expect(new Set(results.map(({ encapsulated }) => encapsulated)).size).toBe(1);
    expect(new Set(results.map(({ counter }) => counter)).size).toBe(20);
  });
});

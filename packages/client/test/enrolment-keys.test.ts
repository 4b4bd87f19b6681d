import { systemRandom } from "@parley/core";
import { expect, it } from "vitest";

import { deriveEnrolmentKeys, openAnswer, proveAsk, sealAnswer, verifyAsk } from "../src/enrolment-keys.ts";

const secret = "AAAAAAAAAAAAAAAAAAAAAA";
const [mesh, member] = ["m".repeat(43), "a".repeat(43)];
const key = "A".repeat(43);
const ask = { key, seal: key, label: "phone", iat: 1_800_000_000_000 };

const keysOf = (of: string = secret) => deriveEnrolmentKeys(of, mesh, member);

it("meet under the same id on both sides, and under another one for any other secret, mesh or member", async () => {
  const { id } = await keysOf();
  expect((await keysOf()).id).toBe(id);
  const others = await Promise.all([
    keysOf("AAAAAAAAAAAAAAAAAAAAAQ"),
    deriveEnrolmentKeys(secret, "n".repeat(43), member),
    deriveEnrolmentKeys(secret, mesh, "b".repeat(43)),
  ]);
  expect(others.map((other) => other.id)).not.toContain(id);
});

it("prove a request, and no other than that one", async () => {
  const keys = await keysOf();
  const proven = await proveAsk(keys, ask);
  expect((await verifyAsk(keys, proven)).device).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const changes = [
    { key: `B${key.slice(1)}` },
    { seal: `B${key.slice(1)}` },
    { label: "phone2" },
    { iat: ask.iat + 1 },
    { proof: key },
    { proof: "" },
  ];
  for (const change of changes)
    await expect(verifyAsk(keys, { ...proven, ...change })).rejects.toMatchObject({ code: "bad_signature" });
  await expect(verifyAsk(await keysOf("AAAAAAAAAAAAAAAAAAAAAQ"), proven)).rejects.toMatchObject({
    code: "bad_signature",
  });
});

it("seal an answer to one request", async () => {
  const keys = await keysOf();
  const proven = await proveAsk(keys, ask);
  const answer = await sealAnswer(keys, proven, { v: 1, words: "é" }, systemRandom);
  expect(await openAnswer(keys, proven, answer)).toEqual({ v: 1, words: "é" });
  const other = await proveAsk(keys, { ...ask, label: "tablet" });
  const refused = [
    () => openAnswer(keys, other, answer),
    async () => openAnswer(await keysOf("AAAAAAAAAAAAAAAAAAAAAQ"), proven, answer),
    () => openAnswer(keys, proven, `${answer.startsWith("A") ? "B" : "A"}${answer.slice(1)}`),
    () => openAnswer(keys, proven, answer.slice(0, 8)),
    () => openAnswer(keys, proven, "!"),
  ];
  for (const opening of refused) await expect(opening()).rejects.toMatchObject({ code: "bad_signature" });
});

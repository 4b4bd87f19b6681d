import { MeshTrust } from "@parley/core";
import { type MemberEntry, type ParleyError, type Statement, toBase64url } from "@parley/protocol";
import { TestIdentity } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Directory, directoryTries } from "../src/directory.ts";
import type { Session } from "../src/session.ts";

/** A directory that asks whoever answers: the test, with any of bob's device lists. */
async function setUp() {
  const [operator, bob] = [await TestIdentity.create("olga"), await TestIdentity.create("bob")];
  const node = toBase64url(new Uint8Array(32));
  const { mesh, body } = await operator.claim("secret", { node, key: node });
  const trust = await MeshTrust.pin([String(body["genesis"])], undefined, { now: () => Date.now() });
  const admission = await operator.admit(mesh, bob.member, { name: bob.name });
  const list = (number: number, change: Partial<Statement<"devices">> = {}): Promise<string> =>
    bob.deviceList(mesh, { number, ...change });
  const entry = (devices: string): MemberEntry => ({
    record: { root: bob.root.publicKey, rotations: [], admission, devices },
    devices: [],
  });
  const asked: PromiseWithResolvers<MemberEntry>[] = [];
  const waiting: (() => void)[] = [];
  const refused: string[] = [];
  const session = {
    isOpen: true,
    registryTime: Date.now(),
    request: () => {
      const answer = Promise.withResolvers<MemberEntry>();
      asked.push(answer);
      for (const wake of waiting.splice(0)) wake();
      return answer.promise;
    },
  } as unknown as Session;
  const directory = new Directory({ session, trust, onRefused: ({ code }: ParleyError) => void refused.push(code) });
  /** The question with this number, once it was asked. */
  const question = async (number: number): Promise<PromiseWithResolvers<MemberEntry>> => {
    for (;;) {
      const one = asked[number - 1];
      if (one !== undefined) return one;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return {
    bob,
    directory,
    list,
    entry,
    asked,
    refused,
    question,
    trust,
    revoke: () => operator.revoke(mesh, 1, [bob.member]),
  };
}

describe("a question for a member", () => {
  it("is asked once more when its answer is older than what the member itself said meanwhile", async () => {
    const { bob, directory, list, entry, asked, refused, question } = await setUp();
    const [first, second] = [await list(1), await list(2)];
    const known = directory.get(bob.member);
    (await question(1)).resolve(entry(first));
    const { verified } = await known;

    const late = directory.refresh(bob.member);
    await directory.onDevices(verified, second);
    (await question(2)).resolve(entry(first));
    (await question(3)).resolve(entry(second));
    expect((await late).verified.numbers.devices).toBe(2);
    expect({ asked: asked.length, refused }).toEqual({ asked: 3, refused: [] });
  });

  it("is refused when the registry goes back behind what was known before it was asked", async () => {
    const { bob, directory, list, entry, asked, refused, question } = await setUp();
    const known = directory.get(bob.member);
    (await question(1)).resolve(entry(await list(2)));
    await known;

    const back = directory.refresh(bob.member);
    (await question(2)).resolve(entry(await list(1)));
    await expect(back).rejects.toMatchObject({ code: "stale_statement" });
    expect({ asked: asked.length, refused }).toEqual({ asked: 2, refused: ["stale_statement"] });
  });

  it("is given up when every answer is overtaken by what the member says", async () => {
    const { bob, directory, list, entry, asked, question } = await setUp();
    const known = directory.get(bob.member);
    (await question(1)).resolve(entry(await list(1)));
    const { verified } = await known;
    const late = directory.refresh(bob.member);
    late.catch(() => undefined);
    for (let number = 2; number <= 1 + directoryTries; number++) {
      const { resolve } = await question(number);
      await directory.onDevices(verified, await list(number));
      resolve(entry(await list(1)));
    }
    await expect(late).rejects.toMatchObject({ code: "stale_statement" });
    expect(asked).toHaveLength(1 + directoryTries);
  });

  it("is not asked for one who is known to be revoked: the registry may not answer", async () => {
    const { bob, directory, asked, trust, revoke } = await setUp();
    await trust.acceptOrder("revocations", await revoke());
    await expect(directory.get(bob.member)).rejects.toMatchObject({ code: "revoked" });
    expect(asked).toEqual([]);
  });
});

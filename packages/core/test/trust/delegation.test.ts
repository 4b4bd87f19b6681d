import {
  type ChainContext,
  checkFollows,
  signStatement,
  systemRandom,
  type VerifiedMember,
  verifyChain,
} from "@parley/core";
import { limits, type Statement, toBase64url, toParleyError } from "@parley/protocol";
import { SeededRandom } from "@parley/testkit";
import { beforeAll, describe, expect, it } from "vitest";

import { FixedMesh, now, Person } from "./fixed-mesh.ts";

type Link = Statement<"delegation">;

const hourMs = 3_600_000;
let mesh: FixedMesh;
const people: Person[] = [];
const members = new Map<string, VerifiedMember>();

beforeAll(async () => {
  mesh = await FixedMesh.create();
  const trust = await mesh.pin();
  for (let index = 0; index <= limits.delegationChain + 1; index++) {
    const person = await Person.create();
    people.push(person);
    members.set(person.member, await trust.acceptMember(await mesh.record(person, { name: `member${index}` })));
  }
});

const at = (index: number): Person => people[index] as Person;

/** From the person at a place to the next one. */
function link(from: number, change: Partial<Link> = {}): Link {
  return {
    mesh: mesh.mesh,
    id: toBase64url(systemRandom.bytes(16)),
    from: at(from).member,
    to: at(from + 1).member,
    skills: ["search"],
    iat: now,
    exp: now + hourMs,
    ...change,
  };
}

const signed = (said: Link, by: number): Promise<string> => signStatement("delegation", said, at(by).device);

async function codeOf(chain: readonly string[], change: Partial<ChainContext> = {}): Promise<string> {
  try {
    await verifyChain(chain, {
      mesh: mesh.mesh,
      caller: at(chain.length).member,
      callee: at(0).member,
      skill: "search",
      message: "m",
      acting: undefined,
      now,
      memberOf: (member) => Promise.resolve(members.get(member) as VerifiedMember),
      ...change,
    });
    return "holds";
  } catch (error) {
    return toParleyError(error).code;
  }
}

/** Skills that fit "search", from narrow to wide. */
const patterns = ["search", "search*", "sea*", "s*", "*"] as const;

/** A chain of a random length that only narrows, made as `give` makes one. */
async function randomChain(seed: number): Promise<{ chain: string[]; said: Link[] }> {
  const random = new SeededRandom(seed);
  const below = (most: number): number => (random.bytes(1)[0] ?? 0) % most;
  const chain: string[] = [];
  const said: Link[] = [];
  let width = patterns.length - 1;
  let exp = now + hourMs;
  for (let from = 0, length = 2 + below(limits.delegationChain - 1); from < length; from++) {
    width -= below(width + 1);
    exp -= below(1000);
    const next = link(from, { skills: ["other", patterns[width] ?? "search"], exp });
    checkFollows(chain, next);
    said.push(next);
    chain.push(await signed(next, from));
  }
  return { chain, said };
}

const seeds = Array.from({ length: 24 }, (_, index) => index + 1);

describe("a chain of delegations", () => {
  it.each(seeds)("that only narrows holds, and no other made of it: seed %i", async (seed) => {
    const { chain, said } = await randomChain(seed);
    expect(await codeOf(chain)).toBe("holds");
    const caller = at(chain.length).member;
    const first = said[0] as Link;
    const last = said.length - 1;
    const end = said[last] as Link;
    // Cut at the front it is a chain of another principal; in the middle or at the end it leads to somebody else.
    expect(await codeOf(chain.slice(0, -1), { caller })).toBe("bad_delegation");
    for (let cut = 1; cut < last; cut++)
      expect(await codeOf(chain.toSpliced(cut, 1), { caller })).toBe("bad_delegation");
    expect(await codeOf(chain.toReversed(), { caller })).toBe("bad_delegation");
    expect(await codeOf([...chain, chain[0] ?? ""], { caller })).toMatch(/^bad_/);
    // Whoever is in it signs more than it has.
    const widened: Link[] = [
      ...((said[last - 1] as Link).skills.includes("*") ? [] : [{ ...end, skills: ["search", "*"] }]),
      { ...end, exp: (said[last - 1] as Link).exp + 1 },
    ];
    for (const each of widened) expect(await codeOf(chain.with(last, await signed(each, last)))).toBe("bad_delegation");
    for (const each of widened) expect(() => checkFollows(chain.slice(0, -1), each)).toThrow("than the one before");
    // Altered on the way, or signed by somebody else.
    const [head, , signature] = (chain[0] ?? "").split(".");
    const payload = Buffer.from(JSON.stringify({ ...first, skills: ["*"] })).toString("base64url");
    expect(await codeOf(chain.with(0, `${head}.${payload}.${signature}`))).toBe("bad_signature");
    expect(await codeOf(chain.with(0, await signed(first, 1)))).toBe("bad_delegation");
  });

  it("has at most so many links", async () => {
    const chain: string[] = [];
    for (let from = 0; from < limits.delegationChain; from++) {
      const next = link(from);
      checkFollows(chain, next);
      chain.push(await signed(next, from));
      expect(await codeOf(chain)).toBe("holds");
    }
    expect(() => checkFollows(chain, link(limits.delegationChain))).toThrow("as long as it may be");
    const longer = [...chain, await signed(link(limits.delegationChain), limits.delegationChain)];
    expect(await codeOf(longer)).toBe("bad_delegation");
    expect(await codeOf([], { caller: at(0).member })).toBe("bad_delegation");
  });

  it.each([
    ["below", -1, "holds"],
    ["at", 0, "holds"],
    ["above", 1, "bad_delegation"],
  ])("lasts at most so long: %s the limit", async (_where, more, code) => {
    const chain = [await signed(link(0, { exp: now + limits.delegationLifeMs + more }), 0)];
    expect(await codeOf(chain)).toBe(code);
  });

  it.each([
    ["a millisecond before its end", { now: now + hourMs - 1 }, "holds"],
    ["at its end", { now: now + hourMs }, "bad_delegation"],
    ["as far ahead as clocks may differ", { now: now - limits.clockSkewMs }, "holds"],
    ["further ahead", { now: now - limits.clockSkewMs - 1 }, "bad_delegation"],
    ["in another mesh", { mesh: toBase64url(new Uint8Array(32)) }, "wrong_mesh"],
    ["for another skill", { skill: "searching" }, "bad_delegation"],
  ])("is judged %s", async (_when, change, code) => {
    expect(await codeOf([await signed(link(0), 0)], change)).toBe(code);
  });

  it("may be signed by the root key, and ends when it is on its member's list", async () => {
    const said = link(0);
    const chain = [await signStatement("delegation", said, at(0).root)];
    expect(await codeOf(chain)).toBe("holds");
    const before = members.get(at(0).member) as VerifiedMember;
    const memberOf = (): Promise<VerifiedMember> => Promise.resolve({ ...before, withdrawn: new Set([said.id]) });
    expect(await codeOf(chain, { memberOf })).toBe("delegation_withdrawn");
  });

  it("ends at a sub-agent, whose word counts for the one call at its time", async () => {
    const { device: key } = at(5);
    const said = link(0, { to: key.id, key: key.publicKey, label: "scout" });
    const chain = [await signed(said, 0)];
    const acting = (change: Partial<Statement<"acting">> = {}): Promise<string> =>
      signStatement(
        "acting",
        { mesh: mesh.mesh, delegation: said.id, callee: at(0).member, message: "m", iat: now, ...change },
        key,
      );
    const own = { caller: at(0).member };
    expect(await codeOf(chain, { ...own, acting: await acting() })).toBe("holds");
    expect(await codeOf(chain, own)).toBe("bad_delegation");
    expect(await codeOf(chain, { acting: await acting() })).toBe("bad_delegation");
    expect(await codeOf(chain, { ...own, acting: await acting({ message: "n" }) })).toBe("bad_delegation");
    expect(await codeOf(chain, { ...own, acting: await acting({ callee: at(1).member }) })).toBe("bad_delegation");
    // What waited for a person is judged by the time at which it came.
    const later = now + limits.clockSkewMs + 1;
    expect(await codeOf(chain, { ...own, acting: await acting(), now: later })).toBe("bad_delegation");
    expect(await codeOf(chain, { ...own, acting: await acting(), now: later, calledAt: now })).toBe("holds");
    expect(() => checkFollows(chain, link(0))).toThrow("do not follow");
  });
});

describe("a list of withdrawals", () => {
  const list = (count: number): Promise<string> => {
    const ids = Array.from({ length: count }, () => ({ id: toBase64url(systemRandom.bytes(16)), until: now }));
    const said = { mesh: mesh.mesh, member: at(0).member, number: 1, withdrawn: ids, iat: now };
    return signStatement("withdrawals", said, at(0).root);
  };

  it("has at most so many, which fit in a statement", async () => {
    for (const count of [limits.withdrawals - 1, limits.withdrawals])
      expect((await list(count)).length).toBeLessThan(limits.statementBytes);
    await expect(list(limits.withdrawals + 1)).rejects.toMatchObject({ code: "invalid_argument" });
  });
});

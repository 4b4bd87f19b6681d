import { createSigner, openMemoryStores, sha256, type Signer, signStatement } from "@parley/core";
import { limits, type RequestBody, toBase64url, toParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { beforeEach, describe, expect, it } from "vitest";

import { Agreements } from "../src/agreements.ts";
import { defaultBounds, type RegistryBounds } from "../src/bounds.ts";

type Advance = RequestBody<"agreement.advance">;

const mesh = "m".repeat(42) + "A";
const [ann, bob, cid, dan] = ["a", "b", "c", "d"].map((letter) => letter.repeat(42) + "A") as [
  string,
  string,
  string,
  string,
];
const id = (number: number): string => toBase64url(new Uint8Array(16).fill(number));
const day = 86_400_000;

let clock: FakeClock;
let agreements: Agreements;

async function open(bounds: Partial<RegistryBounds> = {}): Promise<Agreements> {
  clock = new FakeClock();
  const { records } = openMemoryStores({ clock });
  const made = new Agreements({
    records,
    clock,
    bounds: { ...defaultBounds, ...bounds },
    hasSkill: (member, skill) => skill === "search" && member !== dan,
  });
  await made.open(new AbortController().signal);
  return made;
}

beforeEach(async () => {
  agreements = await open();
});

const first = async (agreement: string, more: Partial<Advance> = {}): Promise<Advance> => ({
  agreement,
  number: 1,
  hash: await sha256(`${agreement} 1`),
  members: [ann, bob],
  until: clock.now() + day,
  ...more,
});

const next = async (agreement: string, number: number, more: Partial<Advance> = {}): Promise<Advance> => ({
  agreement,
  number,
  previous: await sha256(`${agreement} ${number - 1}`),
  hash: await sha256(`${agreement} ${number}`),
  until: clock.now() + day,
  ...more,
});

async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
    return "none";
  } catch (error) {
    return toParleyError(error).code;
  }
}

const signers = new Map<string, Signer>();

/** An open offer of somebody, as its first act. */
async function offer(agreement: string, by = ann, change: object = {}): Promise<Advance> {
  const signer = signers.get(by) ?? (await createSigner("device"));
  signers.set(by, signer);
  const until = clock.now() + day;
  const act = {
    type: "propose",
    worker: "recipient",
    terms: { task: "a task", skill: "search" },
    until,
    ...change,
  } as const;
  const compact = await signStatement(
    "agreement",
    { mesh, subject: agreement, number: 1, by, iat: clock.now(), act },
    signer,
  );
  return first(agreement, { hash: await sha256(compact), members: [by], offer: compact });
}

describe("the order of an agreement", () => {
  it("has each number once, for whoever follows the newest act", async () => {
    const agreement = id(1);
    await agreements.advance(ann, await first(agreement));
    await agreements.advance(bob, await next(agreement, 2));
    const other = await sha256("another");
    expect(await codeOf(agreements.advance(ann, await next(agreement, 2, { hash: other })))).toBe("conflict");
    expect(await codeOf(agreements.advance(ann, await next(agreement, 3, { previous: other })))).toBe("conflict");
    expect(await codeOf(agreements.advance(ann, await next(agreement, 4)))).toBe("conflict");
    // The same again by the same member is the answer of before; by another it is somebody else's.
    const again = await agreements.advance(bob, await next(agreement, 2));
    expect(again.heads.map(({ by }) => by)).toEqual([ann, bob]);
    expect(await codeOf(agreements.advance(ann, await next(agreement, 2)))).toBe("conflict");
    expect(await agreements.heads(ann, agreement)).toEqual(again);
  });

  it("is one even when many ask at once", async () => {
    const agreement = id(1);
    await agreements.advance(ann, await first(agreement));
    const asked = await Promise.all(
      Array.from({ length: 20 }, async (_, index) =>
        codeOf(
          agreements.advance(index % 2 === 0 ? ann : bob, await next(agreement, 2, { hash: await sha256(`${index}`) })),
        ),
      ),
    );
    expect(asked.filter((code) => code === "none")).toHaveLength(1);
    expect((await agreements.heads(bob, agreement)).heads).toHaveLength(2);
  });

  it("is neither shown nor changed for those who have no part in it", async () => {
    const agreement = id(1);
    await agreements.advance(ann, await first(agreement));
    expect(await codeOf(agreements.heads(cid, agreement))).toBe("not_found");
    expect(await codeOf(agreements.advance(cid, await next(agreement, 2)))).toBe("not_found");
    expect(await codeOf(agreements.advance(cid, await first(agreement, { members: [cid, ann] })))).toBe("not_found");
    expect(await codeOf(agreements.advance(cid, await first(id(2))))).toBe("invalid_argument");
    expect(await codeOf(agreements.advance(ann, await next(id(2), 2)))).toBe("not_found");
    expect(await codeOf(agreements.advance(ann, await first(id(2), { members: [ann, ann] })))).toBe("invalid_argument");
  });

  it("is kept for a while after the last wait, and then forgotten", async () => {
    const agreement = id(1);
    await agreements.advance(ann, await first(agreement));
    clock.advance(day + limits.agreementKeptMs - 1);
    await agreements.sweep();
    expect(await codeOf(agreements.heads(ann, agreement))).toBe("none");
    clock.advance(1);
    await agreements.sweep();
    expect(await codeOf(agreements.heads(ann, agreement))).toBe("not_found");
  });
});

describe("an open offer", () => {
  it("is found by its skill until one takes it, and only by who has the skill", async () => {
    await agreements.advance(ann, await offer(id(1)));
    await agreements.advance(bob, await offer(id(2), bob));
    expect(agreements.offers({ skill: "search", limit: 10 }).offers.map(({ agreement }) => agreement)).toHaveLength(2);
    expect(agreements.offers({ skill: "paint", limit: 10 }).offers).toEqual([]);
    expect(agreements.offers({ agreement: id(2), limit: 10 }).offers).toMatchObject([{ agreement: id(2) }]);
    const { heads } = await agreements.heads(cid, id(1));
    const take = await next(id(1), 2, { previous: heads[0]?.hash ?? "" });
    expect(await codeOf(agreements.advance(dan, take))).toBe("forbidden");
    expect(await agreements.advance(cid, take)).toMatchObject({ members: [ann, cid] });
    expect(await codeOf(agreements.advance(bob, { ...take, hash: await sha256("late") }))).toBe("not_found");
    expect(agreements.offers({ limit: 10 }).offers).toMatchObject([{ agreement: id(2) }]);
    clock.advance(day);
    expect(agreements.offers({ limit: 10 }).offers).toEqual([]);
  });

  it("is the first act of its agreement and nothing else", async () => {
    expect(await codeOf(agreements.advance(ann, { ...(await offer(id(1))), hash: await sha256("other") }))).toBe(
      "invalid_argument",
    );
    expect(await codeOf(agreements.advance(ann, { ...(await offer(id(1))), agreement: id(2) }))).toBe(
      "invalid_argument",
    );
    expect(await codeOf(agreements.advance(ann, { ...(await offer(id(1), bob)), members: [ann] }))).toBe(
      "invalid_argument",
    );
    expect(await codeOf(agreements.advance(ann, await offer(id(1), ann, { to: bob })))).toBe("invalid_argument");
    expect(await codeOf(agreements.advance(ann, { ...(await offer(id(1))), offer: "a.b.c" }))).toBe("bad_signature");
  });

  it("comes in pages", async () => {
    for (let number = 1; number <= 5; number++) {
      clock.advance(1);
      await agreements.advance(ann, await offer(id(number)));
    }
    const one = agreements.offers({ limit: 2 });
    const two = agreements.offers({ limit: 2, after: one.next });
    const three = agreements.offers({ limit: 2, after: two.next });
    const seen = [one, two, three].flatMap(({ offers }) => offers.map(({ agreement }) => agreement));
    expect(seen).toEqual([5, 4, 3, 2, 1].map(id));
    expect(three.next).toBeUndefined();
  });
});

describe("the bounds of agreements", () => {
  it.each([
    ["agreementsOpen", async (number: number) => first(id(number))],
    ["agreementsInTotal", async (number: number) => first(id(number))],
    ["offers", async (number: number) => offer(id(number))],
  ] as const)("hold for %s: at it, and not above it", async (name, make) => {
    agreements = await open({ [name]: 3 });
    for (let number = 1; number <= 3; number++)
      expect(await codeOf(agreements.advance(ann, await make(number)))).toBe("none");
    expect(await codeOf(agreements.advance(ann, await make(4)))).toBe("limit_reached");
    // What is there already goes on.
    expect(await codeOf(agreements.advance(ann, await make(3)))).toBe("none");
  });

  it("count what is over no more", async () => {
    agreements = await open({ agreementsOpen: 1 });
    await agreements.advance(ann, await first(id(1)));
    const { until: _, ...last } = await next(id(1), 2);
    await agreements.advance(bob, last);
    expect(await codeOf(agreements.advance(ann, await first(id(2))))).toBe("none");
  });

  it("do not let one member fill the registry with what is over", async () => {
    agreements = await open({ agreementsOpen: 2 });
    for (let number = 1; number <= 8; number++) {
      await agreements.advance(ann, await first(id(number)));
      const { until: _, ...last } = await next(id(number), 2);
      await agreements.advance(bob, last);
    }
    expect(await codeOf(agreements.advance(ann, await first(id(9))))).toBe("limit_reached");
    expect(await codeOf(agreements.advance(bob, await first(id(9))))).toBe("none");
  });

  it("let nothing wait for longer than an agreement may", async () => {
    await agreements.advance(ann, await first(id(1), { until: 2 ** 46 }));
    clock.advance(2 * limits.agreementWaitMs + limits.agreementKeptMs);
    await agreements.sweep();
    expect(await codeOf(agreements.heads(ann, id(1)))).toBe("not_found");
  });
});

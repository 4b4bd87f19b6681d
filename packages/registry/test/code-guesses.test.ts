import { openMemoryStores, systemRandom } from "@parley/core";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Attempts } from "../src/attempts.ts";
import { defaultBounds } from "../src/bounds.ts";
import { CodeGuesses } from "../src/code-guesses.ts";
import { Invites } from "../src/invites.ts";

const codeOf = (error: unknown): unknown => (error as { code: string }).code;
const member = "A".repeat(43);

describe("wrong codes", () => {
  it("are counted from everywhere together, and the window slides", () => {
    let now = 0;
    let locked = 0;
    const guesses = new CodeGuesses({ most: 2, windowMs: 100, monotonic: () => now, onLocked: () => void locked++ });
    const outcome = (): unknown => {
      try {
        guesses.begin();
        return "tried";
      } catch (error) {
        return codeOf(error);
      }
    };
    expect(outcome()).toBe("tried");
    now = 60;
    expect([outcome(), outcome()]).toEqual(["tried", "rate_limited"]);
    now = 99;
    expect(outcome()).toBe("rate_limited");
    expect(locked).toBe(1);
    now = 100;
    expect([outcome(), outcome()]).toEqual(["tried", "rate_limited"]);
    expect(locked).toBe(2);
  });

  it("count while they are under way, and right ones do not count at all", () => {
    const guesses = new CodeGuesses({ most: 1, windowMs: 100, monotonic: () => 0, onLocked: () => undefined });
    const guess = guesses.begin();
    expect(() => guesses.begin()).toThrow(expect.objectContaining({ code: "rate_limited" }));
    guess.right();
    expect(() => guesses.begin()).not.toThrow();
  });
});

describe("invites under guessing", () => {
  it("take no code after too many wrong ones, until they are older, and links all the while", async () => {
    const clock = new FakeClock();
    const { records } = openMemoryStores({ clock });
    const bounds = { ...defaultBounds, codeFailures: 3 };
    const invites = new Invites({ records, clock, random: systemRandom, bounds, onLocked: () => undefined });
    const { secret: link } = await invites.create(member, { kind: "link" });
    const { secret: code } = await invites.create(member, { kind: "code" });
    const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, "0");
    const tries = await Promise.all(
      Array.from({ length: 6 }, () => invites.redeem(wrong, member).then(() => "in", codeOf)),
    );
    expect(tries.filter((outcome) => outcome === "invalid_link")).toHaveLength(3);
    expect(tries.filter((outcome) => outcome === "rate_limited")).toHaveLength(3);
    await expect(invites.redeem(code, member)).rejects.toMatchObject({ code: "rate_limited" });
    await expect(invites.redeem(link, member)).resolves.toHaveProperty("pairing");
    clock.advance(bounds.codeLifeMs);
    const { secret: later } = await invites.create(member, { kind: "code" });
    await expect(invites.redeem(later, member)).resolves.toHaveProperty("pairing");
  });

  it("have few codes open at a time, since each makes guessing easier", async () => {
    const clock = new FakeClock();
    const { records } = openMemoryStores({ clock });
    const bounds = { ...defaultBounds, openCodes: 2 };
    const invites = new Invites({ records, clock, random: systemRandom, bounds, onLocked: () => undefined });
    await invites.create(member, { kind: "code" });
    await invites.create(member, { kind: "code" });
    await expect(invites.create(member, { kind: "code" })).rejects.toMatchObject({ code: "limit_reached" });
    await invites.create(member, { kind: "link" });
  });
});

it("counts the addresses of one IPv6 network as one source", () => {
  const attempts = new Attempts({ perAddress: 2, inTotal: 100 }, () => 0);
  attempts.count("2001:db8::1");
  attempts.count("2001:db8::2");
  expect(() => attempts.count("2001:db8::3")).toThrow(expect.objectContaining({ code: "rate_limited" }));
  attempts.count("2001:db8:0:1::1");
});

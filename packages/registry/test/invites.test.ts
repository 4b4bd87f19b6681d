import { openMemoryStores, systemRandom } from "@parley/core";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { defaultBounds } from "../src/bounds.ts";
import { Invites } from "../src/invites.ts";

const member = "A".repeat(43);

function setUp(): { clock: FakeClock; invites: Invites } {
  const clock = new FakeClock();
  const { records } = openMemoryStores({ clock });
  return {
    clock,
    invites: new Invites({ records, clock, random: systemRandom, bounds: defaultBounds, onLocked: () => undefined }),
  };
}

describe("the life of an invite", () => {
  it("is five minutes at most for a code", async () => {
    const { clock, invites } = setUp();
    const { invite, secret } = await invites.create(member, { kind: "code", lifeMs: 86_400_000 });
    expect(invite.expires - invite.created).toBe(300_000);
    clock.advance(300_000);
    await expect(invites.redeem(secret, member)).rejects.toMatchObject({ code: "expired" });
    expect(await invites.sweep()).toBe(0);
    await expect(invites.redeem(secret, member)).rejects.toMatchObject({ code: "invalid_link" });
  });

  it("is a day for a link unless it says otherwise, and its last millisecond counts", async () => {
    const { clock, invites } = setUp();
    const { invite, secret } = await invites.create(member, { kind: "link" });
    expect(invite.expires - invite.created).toBe(86_400_000);
    clock.advance(86_399_999);
    const first = await invites.redeem(secret, member);
    clock.advance(1);
    expect(await invites.redeem(secret, member)).toEqual(first);
    await expect(invites.redeem(secret, "B".repeat(42) + "A")).rejects.toMatchObject({ code: "expired" });
  });
});

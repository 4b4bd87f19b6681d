import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { IceGrants } from "../src/ice-grants.ts";

const minute = 60_000;
const turn = { urls: ["turn:192.0.2.1:3478"], username: "name", credential: "secret" };

function grants(lifeMs: number, servers: readonly { urls: string[] }[] = [turn]) {
  const clock = new FakeClock();
  const asked: number[] = [];
  const ice = new IceGrants({
    clock,
    ask: () => {
      asked.push(clock.monotonic());
      return Promise.resolve({ servers, lifeMs });
    },
  });
  return { clock, asked, ice };
}

describe("granted servers", () => {
  it("are asked for again after half of their life, and replaced on links after three quarters", async () => {
    const { clock, asked, ice } = grants(720 * minute);
    expect(await ice.get()).toMatchObject({ servers: [turn], freshAt: 540 * minute });
    clock.advance(360 * minute - 1);
    await ice.get();
    expect(asked).toEqual([0]);
    clock.advance(1);
    expect((await ice.get()).freshAt).toBe(900 * minute);
    expect(asked).toEqual([0, 360 * minute]);
  });

  it("are never handed out of the cache with less than five minutes left", async () => {
    const { clock, asked, ice } = grants(8 * minute);
    await ice.get();
    clock.advance(3 * minute - 1);
    await ice.get();
    expect(asked).toHaveLength(1);
    clock.advance(1);
    await ice.get();
    expect(asked).toHaveLength(2);
    const short = grants(minute);
    await short.ice.get();
    await short.ice.get();
    expect(short.asked).toHaveLength(2);
  });

  it("are asked for once by many at the same time, and again after a refusal", async () => {
    const { asked, ice } = grants(minute);
    await Promise.all([ice.get(), ice.get(), ice.get()]);
    expect(asked).toHaveLength(1);
    let tries = 0;
    const failing = new IceGrants({ clock: new FakeClock(), ask: () => Promise.reject(new Error(`no ${++tries}`)) });
    await expect(failing.get()).rejects.toThrow("no 1");
    await expect(failing.get()).rejects.toThrow("no 2");
  });

  it("without credentials give no reason to replace a link", async () => {
    const { ice } = grants(minute, [{ urls: ["stun:192.0.2.1:3478"] }]);
    expect((await ice.get()).freshAt).toBe(Number.POSITIVE_INFINITY);
  });
});

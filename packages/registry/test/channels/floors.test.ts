import { limits } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Floors } from "../../src/channels/floors.ts";

const channel = "c".repeat(43);

describe("the floor for a post", () => {
  it("goes to one of those who ask within a moment, and the others hear whose it is", async () => {
    const clock = new FakeClock();
    const floors = new Floors(clock);
    const asked = ["ann", "ben", "cas"].map((member) => floors.ask(channel, "p1", member));
    clock.advance(limits.floorGatherMs);
    expect(await Promise.all(asked)).toMatchObject([
      { granted: true, holder: "ann" },
      { granted: false, holder: "ann" },
      { granted: false, holder: "ann" },
    ]);
    expect(await floors.ask(channel, "p1", "dan")).toMatchObject({ granted: false, holder: "ann", answered: false });
    expect(await floors.ask(channel, "p1", "ann")).toMatchObject({ granted: true });
  });

  it("goes to the one that answered least recently", async () => {
    const clock = new FakeClock();
    const floors = new Floors(clock);
    const holders: (string | undefined)[] = [];
    for (const post of ["p1", "p2", "p3", "p4"]) {
      const asked = ["ann", "ben", "cas"].map((member) => floors.ask(channel, post, member));
      clock.advance(limits.floorGatherMs);
      const [{ holder = "" } = {}] = await Promise.all(asked);
      holders.push(holder);
      expect(floors.end(channel, post, holder, "answered")).toMatchObject({ granted: true, answered: true });
      clock.advance(1000);
    }
    expect(holders).toEqual(["ann", "ben", "cas", "ann"]);
  });

  it("is free again when its holder passes, or after its time, but not once it was answered", async () => {
    const clock = new FakeClock();
    const floors = new Floors(clock);
    const ask = async (post: string, member: string): Promise<boolean> => {
      const asking = floors.ask(channel, post, member);
      clock.advance(limits.floorGatherMs);
      return (await asking).granted;
    };
    expect(await ask("p1", "ann")).toBe(true);
    floors.end(channel, "p1", "ann", "passed");
    expect(await ask("p1", "ben")).toBe(true);
    clock.advance(limits.floorMs - limits.floorGatherMs - 1);
    expect(await ask("p1", "cas")).toBe(false);
    clock.advance(1);
    expect(await ask("p1", "cas")).toBe(true);
    floors.end(channel, "p1", "cas", "answered");
    clock.advance(limits.floorMs * 2);
    expect(await ask("p1", "ann")).toBe(false);
  });

  it("is not given back by somebody who does not have it", async () => {
    const clock = new FakeClock();
    const floors = new Floors(clock);
    const asking = floors.ask(channel, "p1", "ann");
    clock.advance(limits.floorGatherMs);
    await asking;
    expect(floors.end(channel, "p1", "eve", "passed")).toMatchObject({ granted: false, holder: "ann" });
    expect(floors.end(channel, "p2", "eve", "answered")).toMatchObject({ granted: false });
    expect(await floors.ask(channel, "p1", "ben")).toMatchObject({ granted: false, holder: "ann" });
  });

  it("is remembered for so many posts, and who asks in one that is forgotten hears that it has none", async () => {
    const clock = new FakeClock();
    const floors = new Floors(clock);
    const first = floors.ask(channel, "first", "ann");
    for (let post = 1; post < limits.floors; post++) void floors.ask(channel, `p${post}`, "ann");
    void floors.ask(channel, "one more", "ann");
    expect(await first).toMatchObject({ granted: false });
  });
});

import { openMemoryJournal } from "@parley/core";
import { limits, type Sync } from "@parley/protocol";
import { testId } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { bob, carol, DirectScene } from "./direct-scene.ts";

/** What another device of the person decided. */
const decided = (change: Partial<Sync & { type: "contact" }>): Sync & { type: "contact" } => ({
  type: "contact",
  member: bob.member,
  name: bob.name,
  standing: "accepted",
  verified: false,
  secret: null,
  at: 1,
  ...change,
});

/** Lets as many messages of a stranger in as may be. */
async function fill(scene: DirectScene): Promise<void> {
  for (let count = 0; count < limits.strangerMessages; count++) {
    expect(scene.contacts.refusalOf(bob.member)).toBeUndefined();
    await scene.contacts.heardFrom(bob);
  }
  expect(scene.contacts.refusalOf(bob.member)).toBe("request_pending");
}

describe("what was decided about a stranger", () => {
  it.each(["accepted", "blocked"] as const)(
    "holds as %s on a device that heard of the stranger after that, and of the decision last",
    async (standing) => {
      const scene = await DirectScene.open();
      scene.clock.advance(1000);
      await scene.contacts.heardFrom(bob);
      await scene.contacts.onSync(decided({ standing, at: scene.clock.now() - 500 }));
      expect(scene.contacts.view(bob).standing).toBe(standing);
    },
  );

  it("is told to the person's other devices when it is decided by writing to the stranger", async () => {
    const scene = await DirectScene.open();
    await scene.contacts.heardFrom(bob);
    await scene.contacts.writesTo(bob);
    await scene.contacts.writesTo(bob);
    expect(scene.told).toMatchObject([{ type: "contact", member: bob.member, standing: "accepted" }]);
    const [told] = scene.told;
    if (told?.type !== "contact") throw new Error("told something else");
    const other = await DirectScene.open();
    await other.contacts.heardFrom(bob);
    await other.contacts.onSync(told);
    expect(other.contacts.view(bob).standing).toBe("accepted");
    const another = await DirectScene.open();
    await another.contacts.newSecret(bob);
    await another.contacts.onSync(told);
    expect(another.contacts.view(bob).secret).toBe("random");
  });

  it("follows what another device decided by a clock that is ahead", async () => {
    const scene = await DirectScene.open();
    const ahead = scene.clock.now() + 60_000;
    await scene.contacts.onSync(decided({ standing: "blocked", at: ahead }));
    await scene.contacts.unblock(bob);
    expect(scene.told).toMatchObject([{ standing: "unknown", at: ahead + 1 }]);
  });

  it("lets it write again once it is unblocked, as much as any stranger", async () => {
    const scene = await DirectScene.open();
    await fill(scene);
    await scene.contacts.block(bob);
    expect(scene.contacts.refusalOf(bob.member)).toBe("blocked");
    await scene.contacts.unblock(bob);
    await fill(scene);
  });

  it("does not make what was refused before pass for welcome when it is sent again", async () => {
    const scene = await DirectScene.open();
    await fill(scene);
    await scene.contacts.accept(bob);
    expect(scene.contacts.isSuspect(bob.member)).toBe(true);
    const agent = await DirectScene.open({ asksFirst: false });
    await agent.contacts.writesTo(bob);
    expect(agent.contacts.isSuspect(bob.member)).toBe(false);
    await agent.contacts.block(bob);
    await agent.contacts.accept(bob);
    expect(agent.contacts.isSuspect(bob.member)).toBe(true);
  });

  it("says whether the stranger is welcome to more than a request", async () => {
    const scene = await DirectScene.open();
    await scene.contacts.heardFrom(bob);
    expect(scene.contacts.isWelcome(bob.member)).toBe(false);
    await scene.contacts.accept(bob);
    expect(scene.contacts.isWelcome(bob.member)).toBe(true);
    await scene.contacts.block(bob);
    expect(scene.contacts.isWelcome(bob.member)).toBe(false);
  });
});

describe("the registry", () => {
  it("hears of a block that ended while it was away, also by the next start", async () => {
    const journal = openMemoryJournal();
    const scene = await DirectScene.open({ journal });
    await scene.contacts.block(bob);
    scene.session.isOpen = false;
    await scene.contacts.unblock(bob);
    expect(scene.blocks).toEqual([[bob.member]]);
    const next = await DirectScene.open({ journal });
    next.contacts.onSession();
    expect(next.blocks).toEqual([[]]);
  });

  it("hears of a block that ends because the member is accepted, and of one that another device decided", async () => {
    const scene = await DirectScene.open();
    await scene.contacts.block(bob);
    await scene.contacts.accept(bob);
    await scene.contacts.onSync(decided({ member: carol.member, name: carol.name, standing: "blocked", at: 9e12 }));
    expect(scene.blocks).toEqual([[bob.member], [], [carol.member]]);
  });

  it("hears nothing of a member who blocks nobody", async () => {
    const scene = await DirectScene.open();
    await scene.contacts.accept(bob);
    scene.contacts.onSession();
    expect(scene.blocks).toEqual([]);
  });
});

describe("a name that another member has now", () => {
  const others = Array.from("defghijklmnop", (letter) => ({ member: testId(letter), name: bob.name }));

  it("is warned of, also after a start, whatever the ids are", async () => {
    const journal = openMemoryJournal();
    const scene = await DirectScene.open({ journal });
    await scene.contacts.accept(bob);
    scene.clock.advance(1000);
    for (const other of others) await scene.contacts.heardFrom(other);
    for (const { contacts } of [scene, await DirectScene.open({ journal })])
      for (const other of others) {
        expect(contacts.view(other).trust).toBe("changed");
        await expect(contacts.writesTo(other)).rejects.toMatchObject({ code: "key_changed" });
      }
  });

  it.each(others.slice(0, 4))(
    "is $member's once the words were compared, whatever happens to the one before",
    async (now) => {
      const journal = openMemoryJournal();
      const scene = await DirectScene.open({ journal });
      await scene.contacts.verify(bob);
      scene.clock.advance(1000);
      await scene.contacts.verify(now);
      await scene.contacts.block(bob);
      expect(scene.contacts.view(now).trust).toBe("verified");
      await scene.contacts.writesTo(now);
    },
  );

  it("is the newest verified one's after a start", async () => {
    const journal = openMemoryJournal();
    const scene = await DirectScene.open({ journal });
    for (const other of [bob, ...others]) {
      scene.clock.advance(1000);
      await scene.contacts.verify(other);
    }
    const { contacts } = await DirectScene.open({ journal });
    expect([bob, ...others].map((other) => contacts.view(other).trust)).toEqual([
      ...others.map(() => "changed"),
      "verified",
    ]);
  });

  it("is accepted with the words of a member that had another name before", async () => {
    const scene = await DirectScene.open();
    await scene.contacts.accept(bob);
    await scene.contacts.accept(carol);
    const renamed = { ...carol, name: bob.name };
    await expect(scene.contacts.writesTo(renamed)).rejects.toMatchObject({ code: "key_changed" });
    await scene.contacts.verify(renamed);
    await scene.contacts.writesTo(renamed);
  });
});

describe("a decision that the disk refuses", () => {
  it("takes nothing back that was decided after it", async () => {
    const journal = openMemoryJournal();
    const put = journal.putState.bind(journal);
    let isFirst = true;
    const failing = Object.assign(journal, {
      putState: async (...args: Parameters<typeof put>): Promise<void> => {
        if (!isFirst) return put(...args);
        isFirst = false;
        throw new Error("no");
      },
    });
    const scene = await DirectScene.open({ journal: failing });
    const [first, second] = await Promise.allSettled([scene.contacts.accept(bob), scene.contacts.block(bob)]);
    expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
    expect(scene.contacts.view(bob).standing).toBe("blocked");
    expect((await DirectScene.open({ journal })).contacts.view(bob).standing).toBe("blocked");
  });
});

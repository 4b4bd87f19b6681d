import { type Journal, openMemoryJournal } from "@parley/core";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { DeviceEvent } from "../../src/device-api.ts";
import { GuardDesk, type GuardDeskOptions } from "../../src/guards/guard-desk.ts";

const loopOf = (at: number) =>
  ({ conversation: `@m${at}`, name: `@member-${at}`, since: at, quietMs: 1000, reason: "repeats" }) as const;
const clientOf = (at: number) => ({ id: `edge/${at}`, name: "shell", edge: "door", standing: "keyless" }) as const;

class Scene {
  readonly clock = new FakeClock();
  readonly events: DeviceEvent[] = [];
  readonly journal: Journal;
  readonly desk: GuardDesk;

  constructor(settings: GuardDeskOptions["settings"] = {}, journal: Journal = openMemoryJournal()) {
    this.journal = journal;
    const notices = { emit: (event: DeviceEvent): void => void this.events.push(event) };
    this.desk = new GuardDesk({ settings, clock: this.clock, journal, notices } as unknown as GuardDeskOptions);
  }

  /** The next start of the device. */
  again(): Scene {
    return new Scene({}, this.journal);
  }
}

describe("the guards of a device", () => {
  it("keep what was set of attention, until its time is over", async () => {
    const scene = new Scene();
    expect(await scene.desk.attention()).toEqual({ mode: undefined, until: undefined });
    const set = await scene.desk.setAttention("do-not-disturb", { forMs: 1000 });
    expect(set).toEqual({ mode: "do-not-disturb", until: scene.clock.now() + 1000 });
    expect(scene.events).toEqual([{ type: "attention", ...set }]);
    expect(await scene.again().desk.attention()).toMatchObject({ mode: "do-not-disturb" });
    scene.clock.advance(999);
    expect(await scene.desk.attention()).toMatchObject({ mode: "do-not-disturb" });
    scene.clock.advance(1);
    expect(await scene.desk.attention()).toEqual({ mode: undefined, until: undefined });
    await scene.desk.setAttention("mentions");
    await scene.desk.setAttention(undefined);
    expect(await scene.again().desk.attention()).toEqual({ mode: undefined, until: undefined });
  });

  it("note a loop once, and know it in the next start until it goes on", async () => {
    const scene = new Scene();
    expect(await scene.desk.stopLoop(loopOf(1))).toBe(true);
    expect(await scene.desk.stopLoop(loopOf(1))).toBe(false);
    expect(await scene.again().desk.loops()).toEqual([loopOf(1)]);
    expect(await scene.desk.resumeLoop("@m1")).toBe(true);
    expect(await scene.desk.resumeLoop("@m1")).toBe(false);
    expect(scene.events.map((event) => event.type === "loop" && event.state)).toEqual(["stopped", "resumed"]);
    expect(await scene.again().desk.loops()).toEqual([]);
  });

  it("hold who comes through an edge until admitted, unless strangers are taken", async () => {
    const scene = new Scene();
    expect(await scene.desk.hold(clientOf(1))).toBe(false);
    scene.clock.advance(5);
    expect(await scene.desk.hold(clientOf(1))).toBe(false);
    expect(await scene.desk.held()).toEqual([{ ...clientOf(1), at: scene.clock.now(), times: 2 }]);
    await expect(scene.desk.admit("edge/2")).rejects.toMatchObject({ code: "not_found" });
    await scene.desk.admit("edge/1");
    expect(await scene.again().desk.hold(clientOf(1))).toBe(true);
    expect(await scene.desk.held()).toEqual([]);
    expect(await new Scene({ strangers: "take" }).desk.hold(clientOf(1))).toBe(true);
  });

  it("stay in their bounds, the oldest giving way", async () => {
    const scene = new Scene();
    for (let at = 0; at < 200; at++) {
      await scene.desk.stopLoop({ ...loopOf(at), name: `\u001B${"n".repeat(500)}` });
      await scene.desk.hold({ ...clientOf(at), name: "x".repeat(500) });
      if (at % 2 === 0) await scene.desk.admit(`edge/${at}`);
    }
    const [loops, held] = [await scene.desk.loops(), await scene.desk.held()];
    expect([loops.length, held.length]).toEqual([64, 48]);
    expect(loops.at(-1)?.conversation).toBe("@m199");
    expect(loops[0]?.name).toMatch(/^\\u\{1b\}n+$/);
    expect((await scene.again().desk.loops()).length).toBe(64);
  });

  it("begin anew over what cannot be read", async () => {
    const journal = openMemoryJournal();
    await journal.putState("guards", new TextEncoder().encode('{"loops": 3}'));
    expect(await new Scene({}, journal).desk.loops()).toEqual([]);
  });

  it("take secrets out of what leaves only when they are told to", async () => {
    const secret = `password: ${["kQ8", "vzzTr41"].join("")}`;
    const scene = new Scene();
    expect(scene.desk.outgoing.text(secret)).toBe(secret);
    await scene.desk.redact(true);
    expect(scene.desk.outgoing.text(secret)).toBe("password: [secret removed]");
    expect(scene.desk.outgoing.value({ password: "kQ8vzzTr41" })).toEqual({ password: "[secret removed]" });
    expect(new Scene({ redact: true }).desk.outgoing.text(secret)).not.toBe(secret);
  });
});

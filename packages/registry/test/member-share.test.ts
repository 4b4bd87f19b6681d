import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { defaultBounds } from "../src/bounds.ts";
import { MemberShare, MemberShares } from "../src/member-share.ts";
import { SessionIntake } from "../src/session-intake.ts";

const bounds = { ...defaultBounds, messagesPerSecond: 100, messagesPerSecondOfMember: 150, messagesPerTurn: 4 };

/** A session of the member, and what was taken of it. */
function sessionOf(share: MemberShare, clock: FakeClock, own: Partial<typeof bounds> = {}) {
  const taken: (string | Uint8Array)[] = [];
  const socket = {
    isPaused: false,
    pause: () => void (socket.isPaused = true),
    resume: () => void (socket.isPaused = false),
  };
  const read = (message: string | Uint8Array): void => void taken.push(message);
  const intake = new SessionIntake({ share, socket, clock, bounds: { ...bounds, ...own }, read });
  const send = (count: number): void => {
    for (let index = 0; index < count; index++) intake.take(new Uint8Array([index]));
  };
  return { intake, socket, taken, send };
}

/** Lets time pass in small steps, with many turns of the event loop. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let step = 0; step < 100; step++) await clock.run(ms / 100);
}

describe("a member's share of a node", () => {
  it("takes few messages in one turn, and the others in later ones, in their order", async () => {
    const clock = new FakeClock();
    const { taken, send, socket } = sessionOf(new MemberShare(clock, bounds), clock);
    send(10);
    expect(taken.length).toBe(4);
    expect(socket.isPaused).toBe(true);
    await pass(clock, 1);
    expect(taken.map((bytes) => bytes[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(socket.isPaused).toBe(false);
  });

  it("counts a request as several frames", async () => {
    const clock = new FakeClock();
    const { taken, intake } = sessionOf(new MemberShare(clock, bounds), clock);
    intake.take("{}");
    intake.take("{}");
    expect(taken.length).toBe(1);
    await pass(clock, 1);
    expect(taken.length).toBe(2);
  });

  it("is one for all of the member's sessions, which take turns", async () => {
    const clock = new FakeClock();
    const share = new MemberShare(clock, bounds);
    const [first, second] = [sessionOf(share, clock), sessionOf(share, clock)];
    first.send(200);
    second.send(200);
    await pass(clock, 1);
    const before = [first.taken.length, second.taken.length];
    // A second's worth in one go, by turns.
    expect((before[0] ?? 0) + (before[1] ?? 0)).toBeLessThanOrEqual(152);
    expect(Math.abs((before[0] ?? 0) - (before[1] ?? 0))).toBeLessThanOrEqual(8);
    await pass(clock, 1000);
    expect(first.taken.length + second.taken.length).toBeLessThanOrEqual(302);
    await pass(clock, 2000);
    expect([first.taken.length, second.taken.length]).toEqual([200, 200]);
  });

  it("holds up a session beyond its own rate and no other one of the member", async () => {
    const clock = new FakeClock();
    const share = new MemberShare(clock, { ...bounds, messagesPerSecondOfMember: 100_000 });
    const [flood, calm] = [sessionOf(share, clock), sessionOf(share, clock)];
    flood.send(1000);
    await pass(clock, 10);
    calm.send(1);
    await pass(clock, 1);
    expect(calm.taken.length).toBe(1);
    expect(flood.taken.length).toBeLessThanOrEqual(103);
  });

  it("counts bytes as well as messages", async () => {
    const clock = new FakeClock();
    const share = new MemberShare(clock, bounds);
    const { intake, taken } = sessionOf(share, clock, { bytesPerSecond: 1000 });
    for (let index = 0; index < 3; index++) intake.take(new Uint8Array(1000));
    await pass(clock, 0);
    expect(taken.length).toBe(1);
    await pass(clock, 500);
    expect(taken.length).toBe(2);
    await pass(clock, 2000);
    expect(taken.length).toBe(3);
  });

  it("takes nothing of a session that is closed", async () => {
    const clock = new FakeClock();
    const { taken, send, intake } = sessionOf(new MemberShare(clock, bounds), clock);
    send(10);
    intake.close();
    await pass(clock, 1000);
    expect(taken.length).toBe(4);
  });

  it("is forgotten when it is as new and nobody is there, so that coming back gives nothing", () => {
    const clock = new FakeClock();
    const shares = new MemberShares(clock, bounds);
    const share = shares.of("bob");
    share.requests.take(clock.monotonic());
    shares.sweep(() => false);
    expect(shares.of("bob")).toBe(share);
    clock.advance(60_000);
    shares.sweep(() => true);
    expect(shares.of("bob")).toBe(share);
  });
});

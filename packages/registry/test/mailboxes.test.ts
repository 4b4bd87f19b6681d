import { openMemoryStores } from "@parley/core";
import { decodeRoutedFrame } from "@parley/protocol";
import { FakeClock, testId as id, testRoutedFrame } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { defaultBounds } from "../src/bounds.ts";
import { DeadLetters } from "../src/dead-letters.ts";
import { Mailboxes, type MailboxOwner } from "../src/mailboxes.ts";

const member = id("M");
const stream = `mailbox/${member}`;

function setUp() {
  const clock = new FakeClock();
  const { log, records } = openMemoryStores({ clock });
  const open = (): Mailboxes => new Mailboxes({ log, records, clock, bounds: defaultBounds });
  const mailboxes = open();
  const put = async (expires = 0): Promise<number> => {
    const bytes = testRoutedFrame({ expires });
    const decoded = decodeRoutedFrame(bytes);
    if (!decoded.ok) throw new Error(decoded.message);
    return mailboxes.append(decoded.value, bytes);
  };
  return { clock, log, records, open, mailboxes, put };
}

const person = (...devices: string[]): MailboxOwner => ({ member, kind: "person", devices });

describe("the mailbox of a person", () => {
  it("is kept when all devices are gone, and given to a new one from its beginning", async () => {
    const { log, mailboxes, put } = setUp();
    const first = await put();
    await put();
    await mailboxes.ack(person(id("P"), id("Q")), id("P"), first);
    await mailboxes.devicesChanged(person());
    expect((await log.bounds(stream)).first).toBeLessThanOrEqual(first);
    await mailboxes.devicesChanged(person(id("R")));
    expect(await mailboxes.cursor(person(id("R")), id("R"))).toBe(first - 1);
    expect((await log.bounds(stream)).first).toBeLessThanOrEqual(first);
  });

  it("lets go what every device took that is left", async () => {
    const { log, mailboxes, put } = setUp();
    const first = await put();
    await put();
    await mailboxes.ack(person(id("P"), id("Q")), id("P"), first);
    await mailboxes.devicesChanged(person(id("P")));
    expect((await log.bounds(stream)).first).toBeGreaterThan(first);
    // Listed again, it begins with what waits.
    expect(await mailboxes.cursor(person(id("P"), id("Q")), id("Q"))).toBe(first);
  });

  it("knows what each device took by now, and what the holders of an agent's did", async () => {
    const { mailboxes, put } = setUp();
    const [first, second] = [await put(), await put()];
    const owner = person(id("P"), id("Q"));
    await mailboxes.ack(owner, id("P"), first);
    expect([await mailboxes.taken(owner, id("P")), await mailboxes.taken(owner, id("Q"))]).toEqual([first, first - 1]);
    const agent = { ...owner, kind: "agent" as const };
    expect(await mailboxes.taken(agent, id("Q"))).toBe(0);
    await mailboxes.ack(agent, id("P"), second);
    await mailboxes.ack(agent, id("P"), first);
    expect(await mailboxes.taken(agent, id("Q"))).toBe(second);
  });

  it("knows from where on each device has to be told what expired, also one that never took anything", async () => {
    const { clock, log, mailboxes, put } = setUp();
    const [first, second] = [await put(clock.now() + 10), await put(clock.now() + 20)];
    const two = person(id("P"), id("Q"));
    expect(await mailboxes.cursor(two, id("Q"))).toBeUndefined();
    await mailboxes.ack(two, id("P"), second);
    expect(await mailboxes.cursor(two, id("Q"))).toBe(0);
    clock.advance(10);
    await mailboxes.sweep();
    const three = person(id("P"), id("Q"), id("R"));
    await mailboxes.devicesChanged(three);
    expect(await mailboxes.gap(member)).toMatchObject({ from: first, to: first });
    // What expired before it was listed is no loss of a new one.
    expect([await mailboxes.cursor(three, id("Q")), await mailboxes.cursor(three, id("R"))]).toEqual([0, first]);
    expect((await log.bounds(stream)).first).toBe(second);
    clock.advance(10);
    await mailboxes.sweep();
    expect(await mailboxes.cursor(three, id("R"))).toBe(first);
    expect(await mailboxes.gap(member)).toMatchObject({ from: first, to: second });
  });
});

describe("a sweep", () => {
  it("drops what expired at the head, also of a mailbox that this node never counted, and remembers the gap", async () => {
    const { clock, log, open, mailboxes, put } = setUp();
    const places = [await put(clock.now() + 10), await put(clock.now() + 20), await put(), await put(clock.now() + 5)];
    clock.advance(9);
    await mailboxes.sweep();
    expect(await mailboxes.gap(member)).toBeUndefined();
    clock.advance(1);
    await open().sweep();
    expect(await mailboxes.gap(member)).toMatchObject({ from: places[0], to: places[0] });
    clock.advance(10);
    await mailboxes.sweep();
    // The fourth expired too; it goes when what lies before it went.
    expect(await mailboxes.gap(member)).toMatchObject({ from: places[0], to: places[1] });
    expect((await log.read(stream)).entries.map(({ offset }) => offset)).toEqual(places.slice(2));
  });

  it("forgets the gap once every device is past it", async () => {
    const { clock, mailboxes, put } = setUp();
    const first = await put(clock.now() + 10);
    const second = await put();
    clock.advance(10);
    await mailboxes.sweep();
    const two = person(id("P"), id("Q"));
    await mailboxes.ack(two, id("P"), second);
    expect(await mailboxes.gap(member)).toMatchObject({ from: first, to: first });
    await mailboxes.ack(two, id("Q"), second);
    expect(await mailboxes.gap(member)).toBeUndefined();
  });

  it("drops dead letters that expired, a page at a time", async () => {
    const { clock, records } = setUp();
    const letters = new DeadLetters(records, clock, 1000);
    for (let offset = 1; offset <= 100; offset++)
      await letters.bury(member, offset, testRoutedFrame({ expires: clock.now() + 10 }), id("P"), "cannot_open");
    await letters.bury(member, 101, testRoutedFrame(), id("P"), "cannot_open");
    clock.advance(10);
    // A node that counted none of them yet.
    const fresh = new DeadLetters(records, clock, 1000);
    await fresh.sweep();
    await fresh.sweep();
    expect((await records.list("dead/")).records).toHaveLength(1);
    expect((await fresh.list(member, 10)).letters.map(({ offset }) => offset)).toEqual([101]);
  });
});

import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type DeviceEvent, talk } from "../../../src/index.ts";
import { FakeTalkDevice } from "./fake-talk-device.ts";

const scene = (): { device: FakeTalkDevice; me: ReturnType<typeof talk> } => {
  const device = new FakeTalkDevice();
  return { device, me: talk(device.api) };
};

const over = { done: true, value: undefined };
const typing = (member: string): DeviceEvent => ({
  type: "typing",
  conversation: "@x",
  member,
  name: "x",
  writes: true,
});
const stopped: DeviceEvent = { type: "session", state: "stopped", error: { code: "superseded", message: "Another." } };

describe("a loop over direct messages", () => {
  it("deals with a message when the loop asks for the next one, and not before", async () => {
    const { device, me } = scene();
    const loop = me.messages();
    const first = device.message("one");
    const second = device.message("two");
    expect(await loop.next()).toMatchObject({ value: { text: "one" } });
    expect(device.done).toEqual([]);
    expect(await loop.next()).toMatchObject({ value: { text: "two" } });
    await first;
    expect(device.done).toEqual(["one"]);
    const third = loop.next();
    await second;
    expect(device.done).toEqual(["one", "two"]);
    void device.message("three");
    expect(await third).toMatchObject({ value: { text: "three" } });
  });

  it("gives back what the loop had and what waited when the loop throws, after leaving", async () => {
    const { device, me } = scene();
    const loop = me.messages();
    const coming = [device.message("one"), device.message("two")];
    await expect(
      (async () => {
        for await (const { text } of loop) throw new Error(text);
      })(),
    ).rejects.toThrow("one");
    await Promise.all(coming);
    expect(device.done).toEqual([]);
    expect(device.givenBack).toEqual([
      { code: "canceled", left: true },
      { code: "canceled", left: true },
    ]);
    expect(await loop.next()).toEqual(over);
  });

  it("ends on abort without an error, and lets the loop finish the message that it has", async () => {
    const { device, me } = scene();
    const abort = new AbortController();
    const loop = me.messages({ signal: abort.signal });
    const coming = [device.message("one"), device.message("two")];
    const seen: string[] = [];
    for await (const { text } of loop) {
      seen.push(text);
      abort.abort();
    }
    await Promise.all(coming);
    expect(seen).toEqual(["one"]);
    expect(device.done).toEqual(["one"]);
    expect(device.givenBack).toEqual([{ code: "canceled", left: true }]);
  });

  it("ends on abort while it waits, and never begins when the signal was aborted before", async () => {
    const { device, me } = scene();
    const abort = new AbortController();
    const waiting = me.messages({ signal: abort.signal }).next();
    abort.abort();
    expect(await waiting).toEqual(over);
    expect(device.handler).toBeUndefined();
    expect(await me.messages({ signal: abort.signal }).next()).toEqual(over);
    expect(device.handler).toBeUndefined();
  });

  it("is one at a time, and another may follow it", async () => {
    const { device, me } = scene();
    const loop = me.messages();
    await expect(me.messages().next()).rejects.toMatchObject({ code: "already_exists" });
    const waiting = loop.next();
    await expect(loop.next()).rejects.toMatchObject({ code: "conflict" });
    void device.message("one");
    expect(await waiting).toMatchObject({ value: { text: "one" } });
    await loop.return?.();
    const next = me.messages();
    void device.message("one");
    expect(await next.next()).toMatchObject({ value: { text: "one" } });
  });

  it("throws once in the loop why the device stopped", async () => {
    const { device, me } = scene();
    const loop = me.messages();
    const waiting = loop.next();
    device.emit(stopped);
    await expect(waiting).rejects.toMatchObject({ code: "superseded" });
    expect(await loop.next()).toEqual(over);
  });
});

describe("a loop over the posts of a channel", () => {
  it("subscribes by the channel's name, with the options, and hands out one after the other", async () => {
    const { device, me } = scene();
    const loop = me.channel("general").subscribe({ replay: 3, name: "bot" });
    expect(device.subscribed).toEqual([["#general", { replay: 3, name: "bot" }]]);
    const first = device.posted("one");
    expect(await loop.next()).toMatchObject({ value: { message: { id: "one" } } });
    expect(device.done).toEqual([]);
    const next = loop.next();
    await first;
    expect(device.done).toEqual(["one"]);
    void device.posted("two");
    expect(await next).toMatchObject({ value: { message: { id: "two" } } });
  });

  it("throws in the loop what the device refuses", async () => {
    const { device, me } = scene();
    device.refusal = new ParleyError("not_in_channel");
    const loop = me.channel("#den").subscribe();
    await expect(loop.next()).rejects.toMatchObject({ code: "not_in_channel" });
    expect(await loop.next()).toEqual(over);
  });

  it("leaves the channel when the loop was left before it had begun", async () => {
    const { device, me } = scene();
    const loop = me.channel("#den").subscribe();
    await loop.return?.();
    await Promise.resolve();
    expect(device.post).toBeUndefined();
  });

  it("gives a post that the loop throws on back to the next loop", async () => {
    const { device, me } = scene();
    const loop = me.channel("#den").subscribe();
    await Promise.resolve();
    const posted = device.posted("one");
    await loop.next();
    await loop.return?.();
    await posted;
    expect(device.givenBack).toEqual([{ code: "canceled", left: true }]);
    expect(device.done).toEqual([]);
  });
});

describe("a loop over events", () => {
  it("has every event from its beginning on, and ends with the one that says that the device stopped", async () => {
    const { device, me } = scene();
    const loop = me.events();
    const [a, b] = [typing("a"), typing("b")];
    for (const event of [a, b, stopped, typing("c")]) device.emit(event);
    const seen: DeviceEvent[] = [];
    for await (const event of loop) seen.push(event);
    expect(seen).toEqual([a, b, stopped]);
  });

  /** So many events at once, then what a loop says after it read those that were kept. */
  async function afterMany(count: number): Promise<unknown> {
    const { device, me } = scene();
    const loop = me.events();
    for (let number = 0; number < count; number++) device.emit(typing(String(number)));
    const kept = Math.min(count, 1024);
    for (let number = 0; number < kept; number++) {
      const { value } = await loop.next();
      if (value?.type !== "typing" || value.member !== String(number)) throw new Error(`not ${number}`);
    }
    const next = loop.next();
    device.emit(typing("last"));
    return next.then(
      ({ value }) => (value?.type === "typing" ? value.member : undefined),
      (error: unknown) => (error as { code: unknown }).code,
    );
  }

  it("goes on behind 1023 events, and says that it fell behind when 1024 or more wait", async () => {
    expect(await afterMany(1023)).toBe("last");
    expect(await afterMany(1024)).toBe("limit_reached");
    expect(await afterMany(1025)).toBe("limit_reached");
  });
});

describe("closing", () => {
  it("ends every loop, then what it stands on, once", async () => {
    const device = new FakeTalkDevice();
    let closed = 0;
    const me = talk(device.api, { onClose: async () => void closed++ });
    const loops = [me.messages(), me.channel("den").subscribe(), me.events()];
    const waiting = loops.map((loop) => loop.next());
    await Promise.all([me.close(), me.close()]);
    expect(await Promise.all(waiting)).toEqual([over, over, over]);
    expect(closed).toBe(1);
    expect(device.watchers.size).toBe(0);
    expect(() => me.events()).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("may be asked for from within a loop", async () => {
    const { device, me } = scene();
    const loop = me.messages();
    const coming = device.message("one");
    for await (const { text } of loop) {
      expect(text).toBe("one");
      await me.close();
    }
    await coming;
    expect(device.done).toEqual(["one"]);
  });
});

import { type Journal, openMemoryJournal } from "@parley/core";
import { type Envelope, envelopeKinds, type FrameResult, limits, maxChunkBytes, ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { body, carrier, DurableScene as Scene, head, nextTask, stored } from "./durable-scene.ts";

/** A memory journal whose outbox refuses what the test says. */
function refusing(refuses: (envelope: Envelope, seq: number) => boolean): Journal {
  const inner = openMemoryJournal();
  const append = inner.appendOutbox.bind(inner);
  return Object.assign(inner, {
    appendOutbox: async (entry: Parameters<Journal["appendOutbox"]>[0]) => {
      if (refuses(entry.envelope, entry.seq)) throw new ParleyError("limit_reached");
      // The disk answers later than a check that fails at once.
      await nextTask();
      return append(entry);
    },
  });
}

describe("a durable stream", () => {
  it("numbers bodies as the journal does when a write between two others fails", async () => {
    const scene = new Scene(refusing(({ body: bytes }) => new TextDecoder().decode(bytes) === "refused"));
    const stream = await scene.open();
    const results = await Promise.allSettled(["one", "refused", "two"].map((text) => stream.accept(head, body(text))));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await scene.until(3);
    expect(scene.sent).toMatchObject([
      { seq: 1, text: "one" },
      { seq: 2, kind: envelopeKinds.void },
      { seq: 3, text: "two" },
    ]);
    const { outbox } = await scene.journal.load();
    expect(outbox.map(({ seq }) => seq)).toEqual([1, 3]);
  });

  it("gives a number again when the newest write failed, as the next start would", async () => {
    const scene = new Scene(refusing(({ body: bytes }) => new TextDecoder().decode(bytes) === "refused"));
    const stream = await scene.open();
    await stream.accept(head, body("one"));
    await expect(stream.accept(head, body("refused"))).rejects.toMatchObject({ code: "limit_reached" });
    await scene.until(1);
    stream.onAck(9, carrier);
    const again = await scene.open();
    await again.accept(head, body("two"));
    await scene.until(2);
    expect(scene.sent.map(({ seq, text }) => [seq, text])).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
  });

  it("sends nothing of a body of which one chunk could not be written", async () => {
    const scene = new Scene(refusing((_envelope, seq) => seq === 2));
    const stream = await scene.open();
    const long = new Uint8Array(maxChunkBytes * 2 + 1).fill(65);
    await expect(stream.accept(head, long)).rejects.toMatchObject({ code: "limit_reached" });
    await stream.accept(head, body("next"));
    await scene.until(4);
    expect(scene.sent.map(({ kind }) => kind)).toEqual([
      envelopeKinds.void,
      envelopeKinds.void,
      envelopeKinds.void,
      envelopeKinds.message,
    ]);
    expect((await scene.journal.load()).outbox).toHaveLength(1);
  });

  it("sends again what a connected recipient leaves unanswered, ever more rarely", async () => {
    const scene = new Scene();
    const stream = await scene.open();
    const sent = await stream.accept(head, body("lost"));
    await scene.until(1);
    const look = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 500) {
        scene.clock.advance(500);
        stream.retry(scene.clock.monotonic());
      }
    };
    look(5000);
    expect(scene.sent).toHaveLength(1);
    look(1000);
    await scene.until(2);
    look(9000);
    expect(scene.sent).toHaveLength(2);
    look(1500);
    await scene.until(3);
    stream.onAck(1, carrier);
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "relay" });
    look(60_000);
    await nextTask();
    expect(scene.texts).toEqual(["lost", "lost", "lost"]);
  });

  it("lets what waits in the mailbox of somebody who is away wait", async () => {
    const scene = new Scene();
    scene.isLive = false;
    const stream = await scene.open();
    await stream.accept(head, body("later"));
    await scene.until(1);
    expect(stream.isStored).toBe(true);
    for (let round = 0; round < 100; round++) {
      scene.clock.advance(1000);
      stream.retry(scene.clock.monotonic());
    }
    await nextTask();
    expect(scene.sent).toHaveLength(1);
  });

  it("lets what an earlier start accepted expire, with all its chunks", async () => {
    const scene = new Scene();
    scene.session.isOpen = false;
    const first = await scene.open();
    const created = scene.clock.now();
    await first.accept({ ...head, created, ttl: 1000 }, new Uint8Array(limits.envelopeBytes).fill(65));
    await first.accept({ ...head, created }, body("lasting"));
    first.stop();
    const stream = await scene.open();
    scene.clock.advance(1000);
    stream.expire(scene.clock.monotonic());
    await nextTask();
    expect(scene.deliveries.at(-1)?.state).toBe("expired");
    scene.session.isOpen = true;
    stream.onSession();
    await scene.until(7);
    expect(scene.sent.filter(({ kind }) => kind !== envelopeKinds.void)).toMatchObject([{ seq: 7, text: "lasting" }]);
  });

  it("keeps what it accepted while the recipient's record cannot be believed, and lets it expire in the mailbox", async () => {
    const scene = new Scene();
    scene.unknown = new ParleyError("stale_statement");
    const stream = await scene.open();
    const sent = await stream.accept(head, body("patient"));
    while (scene.errors.length === 0) await nextTask();
    expect(sent.state().state).toBe("accepted");
    scene.unknown = undefined;
    scene.clock.advance(60_000);
    stream.retry(scene.clock.monotonic());
    await scene.until(1);
    expect(sent.state().state).toBe("stored");
    expect(scene.expires).toEqual([scene.session.registryTime + limits.expiryMs]);
  });

  it("ends what it accepted for a member that was revoked", async () => {
    const scene = new Scene();
    scene.unknown = new ParleyError("revoked");
    const stream = await scene.open();
    const sent = await stream.accept(head, body("too late"));
    expect(await sent.settled).toMatchObject({ state: "refused", error: { code: "revoked" } });
  });

  it("calls nothing stored while a frame before it is not", async () => {
    const scene = new Scene();
    const first = Promise.withResolvers<FrameResult>();
    scene.respond = (frame) => (frame === 0 ? first.promise : Promise.resolve(stored));
    const stream = await scene.open();
    const long = new Uint8Array(maxChunkBytes).fill(65);
    const [one, two] = [await stream.accept(head, long), await stream.accept(head, long)];
    await scene.until(2);
    expect([one.state().state, two.state().state]).toEqual(["accepted", "accepted"]);
    first.resolve(stored);
    await nextTask();
    expect([one.state().state, two.state().state]).toEqual(["stored", "stored"]);
  });

  it("pauses before it offers again what the registry did not take", async () => {
    const scene = new Scene();
    const full: FrameResult = { frame: "", state: "refused", error: { code: "mailbox_full", message: "full" } };
    let isFull = true;
    scene.respond = () => Promise.resolve(isFull ? full : stored);
    const stream = await scene.open();
    const sent = await stream.accept(head, body("waits"));
    await scene.until(1);
    for (let turn = 0; turn < 10; turn++) await nextTask();
    expect(scene.sent).toHaveLength(1);
    isFull = false;
    scene.clock.advance(500);
    stream.retry(scene.clock.monotonic());
    await scene.until(2);
    expect(sent.state().state).toBe("stored");
    expect(scene.errors).toMatchObject([{ code: "mailbox_full" }]);
  });

  it("lets those who wait for room go on when the registry refuses what was before, and fail when it stops", async () => {
    const scene = new Scene();
    scene.respond = () =>
      Promise.resolve({ frame: "", state: "refused", error: { code: "unknown_member", message: "" } });
    const stream = await scene.open();
    const large = new Uint8Array(maxChunkBytes);
    const most = Math.ceil(limits.unackedBytes / maxChunkBytes);
    for (let count = 0; count < most; count++) await stream.accept(head, large);
    expect(stream.stream.hasRoom).toBe(false);
    const waiting = stream.accept(head, large);
    await nextTask();
    expect((await waiting).accepted.state).toBe("accepted");
    scene.session.isOpen = false;
    while (stream.stream.hasRoom) await stream.accept(head, large);
    const stopped = stream.accept(head, large);
    stream.stop();
    await expect(stopped).rejects.toMatchObject({ code: "closed" });
  });

  it("holds up those who send at the same moment once they are more than there is room for", async () => {
    const scene = new Scene();
    scene.session.isOpen = false;
    const stream = await scene.open();
    const large = new Uint8Array(maxChunkBytes);
    const room = Math.ceil(limits.unackedBytes / maxChunkBytes);
    const accepted = Array.from({ length: room + 1 }, () => stream.accept(head, large));
    await Promise.all(accepted.slice(0, room));
    await nextTask();
    expect(stream.stream.unackedCount).toBe(room);
    scene.session.isOpen = true;
    stream.onSession();
    await nextTask();
    stream.onAck(1, carrier);
    expect((await accepted[room])?.accepted.state).toBe("accepted");
    stream.stop();
  });

  it("lets those who wait for room go on in the order in which they came, and forgets who gave up", async () => {
    const scene = new Scene();
    scene.session.isOpen = false;
    const stream = await scene.open();
    const large = new Uint8Array(maxChunkBytes);
    while (stream.stream.hasRoom) await stream.accept(head, large);
    const base = stream.stream.nextSeq;
    const given = new AbortController();
    const order: string[] = [];
    const enter = (name: string, signal?: AbortSignal): Promise<unknown> =>
      stream.accept(head, body(name), signal).then(
        ({ id }) => order.push(`${name} ${id.split(".").at(-1)}`),
        () => order.push(`${name} gave up`),
      );
    const entering = [enter("a"), enter("b", given.signal), enter("c")];
    given.abort();
    scene.session.isOpen = true;
    stream.onSession();
    await scene.until(8);
    stream.onAck(4, carrier);
    entering.push(enter("d"));
    await Promise.all(entering);
    expect(order).toEqual(["b gave up", `a ${base}`, `c ${base + 1}`, `d ${base + 2}`]);
    stream.stop();
  });

  it("lets those who wait for room go on when what was before them expires", async () => {
    const scene = new Scene();
    scene.session.isOpen = false;
    const stream = await scene.open();
    const large = new Uint8Array(maxChunkBytes);
    while (stream.stream.hasRoom) await stream.accept({ ...head, ttl: 1000 }, large);
    const waiting = stream.accept(head, large);
    scene.clock.advance(1000);
    stream.expire(scene.clock.monotonic());
    expect((await waiting).accepted.state).toBe("accepted");
    stream.stop();
  });

  it("keeps in the outbox what expired until that is written down, whatever is acknowledged meanwhile", async () => {
    let isBroken = true;
    const inner = openMemoryJournal();
    const note = inner.noteOutbox.bind(inner);
    const journal = Object.assign(inner, {
      noteOutbox: (...noted: Parameters<Journal["noteOutbox"]>) =>
        isBroken ? Promise.reject(new ParleyError("storage_unavailable")) : note(...noted),
    });
    const scene = new Scene(journal);
    scene.session.isOpen = false;
    const stream = await scene.open();
    await stream.accept({ ...head, ttl: 1000 }, body("late"));
    scene.clock.advance(1000);
    stream.expire(scene.clock.monotonic());
    stream.onAck(1, carrier);
    await nextTask();
    expect((await journal.load()).outbox.map(({ seq, state }) => [seq, state])).toEqual([[1, "accepted"]]);
    // Another start would send it, and be told by its recipient that it was too late: a void would pass for it.
    expect(stream.stream.at(1)?.kind).toBe(envelopeKinds.message);
    isBroken = false;
    scene.clock.advance(60_000);
    await nextTask();
    await nextTask();
    expect(scene.deliveries.at(-1)).toMatchObject({ state: "expired" });
    expect((await journal.load()).outbox).toEqual([]);
    expect(stream.stream.at(1)?.kind).toBe(envelopeKinds.void);
    stream.stop();
  });

  it("sends nothing of a body whose beginning the registry refused for good", async () => {
    const scene = new Scene();
    scene.respond = (frame) =>
      Promise.resolve(
        frame === 1 ? { frame: "", state: "refused", error: { code: "forbidden", message: "" } } : stored,
      );
    const stream = await scene.open();
    const sent = await stream.accept(head, new Uint8Array(maxChunkBytes * 3));
    expect(await sent.settled).toMatchObject({ state: "refused", error: { code: "forbidden" } });
    await nextTask();
    expect(stream.stream.at(stream.stream.base)?.kind ?? envelopeKinds.void).toBe(envelopeKinds.void);
    expect((await scene.journal.load()).outbox).toEqual([]);
  });

  it("answers whoever waits for a state once it has stopped", async () => {
    const scene = new Scene();
    const stream = await scene.open();
    const sent = await stream.accept(head, body("one"));
    const late = stream.accept(head, body("two"));
    stream.stop();
    expect(await sent.reaches("handled")).toMatchObject({ error: { code: "closed" } });
    expect(await (await late).settled).toMatchObject({ error: { code: "closed" } });
  });

  it("answers whoever waits for what it follows no more", async () => {
    const scene = new Scene();
    const stream = await scene.open();
    const first = await stream.accept(head, body("first"));
    const handled = first.reaches("handled");
    await Promise.all(Array.from({ length: 8192 }, () => stream.accept(head, body("later"))));
    await scene.until(8193);
    stream.onAck(8193, carrier);
    expect(await handled).toMatchObject({ state: "delivered", error: { code: "limit_reached" } });
    expect(await first.reaches("read")).toMatchObject({ state: "delivered", error: { code: "limit_reached" } });
    stream.stop();
  });

  it("drops the beginning of a body whose end an earlier start did not come to write", async () => {
    const scene = new Scene();
    const { epoch } = await scene.journal.load();
    const entry = (seq: number, more: boolean): Parameters<Journal["appendOutbox"]>[0] => ({
      recipient: "bob",
      seq,
      epoch,
      envelope: { ...head, more, body: body(`${seq}`) },
    });
    for (const each of [entry(1, false), entry(2, true), entry(3, true)]) await scene.journal.appendOutbox(each);
    const stream = await scene.open();
    stream.flush();
    await scene.until(3);
    expect(scene.sent.map(({ kind }) => kind)).toEqual([envelopeKinds.message, envelopeKinds.void, envelopeKinds.void]);
    expect((await scene.journal.load()).outbox.map(({ seq }) => seq)).toEqual([1]);
  });
});

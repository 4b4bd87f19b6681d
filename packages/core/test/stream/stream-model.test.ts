import { ChunkJoiner, InboundStream, OutboundStream, splitBody } from "@parley/core";
import { type DataSection, decodeFrame, FrameWriter, maxChunkBytes } from "@parley/protocol";
import { SeededRandom } from "@parley/testkit";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { envelopeOf, epoch } from "./envelopes.ts";

const bounds = { mostEnvelopes: 40, mostBytes: 1024 * 1024 };
const held = { mostHeld: 16, mostHeldBytes: 512 * 1024 };

/** What may happen between two streams. A restart of the receiver keeps what it committed, as a durable one does. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("push" as const),
      length: fc.oneof(
        { weight: 9, arbitrary: fc.nat(2000) },
        { weight: 1, arbitrary: fc.integer({ min: maxChunkBytes, max: 2.5 * maxChunkBytes }) },
      ),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ do: "send" as const }) },
  { weight: 6, arbitrary: fc.constant({ do: "deliver" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "lose" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "duplicate" as const }) },
  { weight: 2, arbitrary: fc.constant({ do: "ack" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "path" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/** One sender, one receiver, and a wire that loses, doubles and shuffles whole frames. */
class Wire {
  readonly outbound = new OutboundStream({ class: "live", epoch, ...bounds });
  #inbound = new InboundStream(held);
  readonly #joiner = new ChunkJoiner();
  readonly #random: SeededRandom;
  readonly #frames: Uint8Array<ArrayBuffer>[] = [];
  readonly sent: number[] = [];
  readonly got: number[] = [];
  #seqs = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  run(what: Step): void {
    if (what.do === "push") this.#push(what.length);
    else if (what.do === "send") this.send();
    else if (what.do === "ack") this.outbound.acknowledge(this.#inbound.received);
    else if (what.do === "path") this.outbound.rewind();
    else if (what.do === "restart") this.#inbound = new InboundStream({ ...held, received: this.#inbound.received });
    else this.#wire(what.do);
    must(this.#inbound.heldCount <= held.mostHeld, "the receiver holds too much");
    must(this.outbound.unackedCount <= bounds.mostEnvelopes + 3, "the sender holds too much");
  }

  /** A good path, until everything is settled. */
  drain(): void {
    for (let tries = 0; this.outbound.unackedCount > 0 && tries < 200; tries++) {
      this.outbound.rewind();
      while (this.send());
      while (this.#frames.length > 0) this.#receive(0);
      this.outbound.acknowledge(this.#inbound.received);
    }
  }

  send(): boolean {
    const out = new FrameWriter();
    while (this.outbound.write(out));
    if (out.isEmpty) return false;
    this.#frames.push(out.finish().slice());
    return true;
  }

  #push(length: number): void {
    if (!this.outbound.hasRoom) return;
    const id = this.sent.length;
    const body = new Uint8Array(Math.max(length, 4));
    new DataView(body.buffer).setUint32(0, id);
    for (const chunk of splitBody(envelopeOf(new Uint8Array()), body)) this.outbound.push(chunk);
    this.sent.push(id);
  }

  #wire(what: "deliver" | "lose" | "duplicate"): void {
    if (this.#frames.length === 0) return;
    const at = this.#random.below(this.#frames.length);
    const frame = this.#frames[at];
    if (what === "deliver") this.#receive(at);
    else if (what === "lose") this.#frames.splice(at, 1);
    else if (frame !== undefined && this.#frames.length < 100) this.#frames.push(frame.slice());
  }

  #receive(at: number): void {
    const [bytes] = this.#frames.splice(at, 1);
    const frame = decodeFrame(bytes ?? new Uint8Array());
    if (!frame.ok) throw new Error(frame.message);
    for (const section of frame.value) if (section.type === "data") this.#take(section);
    // A transport uses its buffer again.
    bytes?.fill(0xee);
  }

  #take(section: DataSection): void {
    for (const { seq, envelope } of this.#inbound.receive(section)) {
      must(seq === ++this.#seqs, "a number is missing or came twice");
      const body = this.#joiner.take(envelope);
      if (body !== undefined) this.got.push(new DataView(body.buffer, body.byteOffset).getUint32(0));
    }
  }
}

describe("two streams over a wire that loses, doubles and reorders", () => {
  it("hand on everything once and in order, within their bounds", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), fc.integer(), (steps, seed) => {
        const wire = new Wire(seed);
        for (const what of steps) wire.run(what);
        expect(wire.got).toEqual(wire.sent.slice(0, wire.got.length));
        wire.drain();
        expect(wire.outbound.unackedCount).toBe(0);
        expect(wire.got).toEqual(wire.sent);
      }),
      { numRuns: 120 },
    );
  });
});

/** A durable stream over a registry whose answers the test gives. */
import { type Journal, openMemoryJournal, type SealTo, type VerifiedMember } from "@parley/core";
import { decodeFrame, envelopeKinds, type FrameResult, type ParleyError } from "@parley/protocol";
import { FakeClock, SeededRandom } from "@parley/testkit";

import type { Delivery } from "../src/delivery.ts";
import type { Carrier } from "../src/device-lanes.ts";
import { DurableStream } from "../src/durable-stream.ts";
import type { MemberView } from "../src/member-view.ts";
import { WriteAgain } from "../src/write-again.ts";

export const head = {
  kind: envelopeKinds.message,
  critical: true,
  created: 1,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
};
export const body = (text: string): Uint8Array => new TextEncoder().encode(text);
export const nextTask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const bobWith = (devices: readonly string[]): VerifiedMember =>
  ({
    member: "bob",
    encryption: { kid: "", key: "" },
    devices: new Map(devices.map((device) => [device, {}])),
  }) as unknown as VerifiedMember;
/** The only device of the recipient. */
export const carrier: Carrier = { device: "device", flush: () => undefined, link: undefined, connected: true };

export const stored: FrameResult = { frame: "", state: "stored" };

/** A durable stream over a registry that stores everything, and what passed there. */
export class DurableScene {
  readonly clock = new FakeClock();
  readonly sent: { seq: number; kind: number; text: string; more: boolean }[] = [];
  readonly deliveries: Delivery[] = [];
  readonly session = {
    isOpen: true,
    registryTime: Date.UTC(2026, 0, 1),
    get carries() {
      return this.isOpen;
    },
  };
  readonly errors: unknown[] = [];
  /** Until when each frame may be kept. */
  readonly expires: number[] = [];
  /** What the look-up of the recipient ends with, while set. */
  unknown: ParleyError | undefined;
  readonly journal: Journal;
  isLive = true;
  kind: "agent" | "person" = "agent";
  devices: readonly string[] = [carrier.device];
  /** What the registry says of the n-th frame. */
  respond: (frame: number) => Promise<FrameResult> = () => Promise.resolve(stored);
  #frames = 0;

  constructor(journal: Journal = openMemoryJournal()) {
    this.journal = journal;
  }

  async open(): Promise<DurableStream> {
    const { epoch, outbox, lastSeq } = await this.journal.load();
    const { clock } = this;
    return new DurableStream(
      {
        member: "bob",
        epoch,
        lastSeq: lastSeq.get("bob") ?? 0,
        journal: this.journal,
        writes: new WriteAgain({
          clock,
          random: new SeededRandom(1),
          onError: (error) => void this.errors.push(error),
        }),
        session: this.session,
        relay: () => ({ send: (frame, to) => this.#store(frame, to) }),
        recipient: () =>
          this.unknown === undefined ? Promise.resolve(bobWith(this.devices)) : Promise.reject(this.unknown),
        key: "bob",
        reason: () => undefined,
        view: () =>
          ({
            kind: this.kind,
            live: this.isLive,
            devices: [],
            verified: bobWith(this.devices),
          }) as unknown as MemberView,
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        soon: (run) => clock.soon(run),
        onDelivery: (delivery) => void this.deliveries.push(delivery),
        onError: (error) => void this.errors.push(error),
      },
      outbox,
    );
  }

  get texts(): readonly string[] {
    return this.sent.map(({ text }) => text);
  }

  async until(count: number): Promise<void> {
    while (this.sent.length < count) await nextTask();
    await nextTask();
  }

  #store(frame: Uint8Array, to: SealTo): Promise<FrameResult> {
    this.expires.push(to.expires);
    const decoded = decodeFrame(frame);
    for (const section of decoded.ok ? decoded.value : []) {
      if (section.type !== "data") continue;
      for (const [index, { kind, more, body: bytes }] of section.envelopes.entries())
        this.sent.push({ seq: section.firstSeq + index, kind, more, text: new TextDecoder().decode(bytes) });
    }
    return this.respond(this.#frames++);
  }
}

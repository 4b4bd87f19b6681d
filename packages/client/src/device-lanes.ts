/**
 * The ways of a durable stream past the mailbox: over the links of the devices that take it and, where a rule forbids
 * the mailbox, by relay to those that are connected.
 */
import type { OutboundStream, StreamPosition } from "@parley/core";
import type { FrameWriter, Path } from "@parley/protocol";

import type { Custody } from "./custody.ts";
import type { Peer } from "./peer.ts";
import type { Takers } from "./takers.ts";

/** A device that may carry the stream. */
export type Carrier = Pick<Peer, "device" | "flush"> & {
  readonly link: { readonly path: Path } | undefined;
  readonly connected: boolean;
};

export interface DeviceLanesOptions {
  readonly stream: OutboundStream;
  readonly takers: Takers;
  readonly custody: Custody;
  readonly monotonic: () => number;
  /** A lane is gone that carried everything up to here. */
  readonly onDropped: (carriedUpTo: number) => void;
}

interface Lane {
  readonly peer: Carrier;
  readonly position: StreamPosition;
  /** Highest number that it carried: what is sent again begins below. */
  carriedUpTo: number;
  /** Monotonic time before which nothing more goes: the device asked for a pause. */
  notBefore: number;
  pauseMs: number;
  /** Monotonic time of the last thing that moved. */
  movedAt: number;
}

/** What is left unanswered goes again after this; then after twice as long. */
const firstRetryMs = 5000;
const mostRetryMs = 300_000;
/** Pause after a device said that it has no room; then twice as long. */
const firstPauseMs = 500;
const mostPauseMs = 30_000;

export class DeviceLanes {
  readonly #options: DeviceLanesOptions;
  readonly #peers = new Map<string, Carrier>();
  readonly #lanes = new Map<string, Lane>();
  #retryMs = firstRetryMs;
  /** Highest number that ever left over a link. */
  #linkedUpTo = 0;

  constructor(options: DeviceLanesOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Up to here a device may have what left over its link. */
  get linkedUpTo(): number {
    return this.#linkedUpTo;
  }

  has(device: string): boolean {
    return this.#lanes.has(device);
  }

  /** A device came in sight, or its link opened, was replaced or closed: what it carried goes again. */
  meet(peer: Carrier): void {
    this.#peers.set(peer.device, peer);
    this.drop(peer.device);
  }

  forget(peer: Carrier): void {
    this.#peers.delete(peer.device);
  }

  /** Who takes the stream may have changed. */
  refit(): void {
    const wanted = this.#carriers();
    for (const device of this.#lanes.keys()) if (!wanted.has(device)) this.drop(device);
    for (const [device, peer] of wanted)
      if (this.#lanes.get(device)?.peer !== peer) this.#lanes.set(device, this.#open(peer));
  }

  /** What a lane carried and nobody acknowledged may have been taken there, and goes on to whoever takes it next. */
  drop(device: string): void {
    const lane = this.#lanes.get(device);
    if (lane === undefined) return;
    this.#lanes.delete(device);
    this.#options.onDropped(lane.carriedUpTo);
  }

  /** A new session: what went by relay may be lost. */
  rewindRelayed(): void {
    for (const { peer, position } of this.#lanes.values())
      if (peer.link === undefined) position.next = this.#options.stream.base;
  }

  flush(): void {
    for (const { peer } of this.#lanes.values()) peer.flush();
  }

  /** Whether the link of a device carries the stream, or a frame that passes the mailbox by. */
  carries(peer: Carrier, way: "link" | "relay"): boolean {
    const lane = this.#lanes.get(peer.device);
    return lane !== undefined && (lane.peer.link === undefined) === (way === "relay");
  }

  /** Writes as much as fits into a frame for a device. */
  write(out: FrameWriter, device: string): boolean {
    const { stream, custody, monotonic } = this.#options;
    const lane = this.#awake(device);
    if (lane === undefined) return false;
    const before = lane.position.next;
    if (!stream.write(out, lane.position, custody.baseFor(device))) return false;
    lane.carriedUpTo = Math.max(lane.carriedUpTo, lane.position.next - 1);
    if (lane.peer.link !== undefined) this.#linkedUpTo = Math.max(this.#linkedUpTo, lane.position.next - 1);
    if (before === stream.base) lane.movedAt = monotonic();
    return true;
  }

  /** Something that a device was sent is not acknowledged, though it takes what it is sent. */
  waitFor(device: string): boolean {
    const { custody } = this.#options;
    const lane = this.#awake(device);
    return lane !== undefined && custody.isInStep(device) && lane.position.next > custody.answeredUpTo(device) + 1;
  }

  onAck(device: string): void {
    this.#retryMs = firstRetryMs;
    const lane = this.#lanes.get(device);
    if (lane === undefined) return;
    lane.movedAt = this.#options.monotonic();
    lane.pauseMs = firstPauseMs;
  }

  /** A device has no room now. */
  pause(device: string): void {
    const lane = this.#lanes.get(device);
    if (lane === undefined) return;
    lane.notBefore = this.#options.monotonic() + lane.pauseMs;
    lane.pauseMs = Math.min(lane.pauseMs * 2, mostPauseMs);
    lane.position.next = this.#options.stream.base;
  }

  /** Sends again what is left unanswered. Called regularly; `now` is monotonic. */
  retry(now: number): void {
    const { stream, custody } = this.#options;
    for (const [device, lane] of this.#lanes) {
      if (lane.notBefore > 0 && now >= lane.notBefore) {
        lane.notBefore = 0;
        lane.movedAt = now;
        lane.peer.flush();
      }
      if (lane.position.next <= custody.answeredUpTo(device) + 1 || now - lane.movedAt < this.#retryMs) continue;
      lane.movedAt = now;
      this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
      lane.position.next = stream.base;
      lane.peer.flush();
    }
  }

  /** Path by which a device got what it acknowledges, when `mailbox` is the one of what was handed over there. */
  pathTo(device: string, mailbox: Path | undefined): Path | undefined {
    const lane = this.#lanes.get(device);
    if (lane !== undefined && lane.position.next > this.#options.stream.base) return lane.peer.link?.path ?? "relay";
    return mailbox ?? lane?.peer.link?.path;
  }

  /** The lane of a device that did not ask for a pause. */
  #awake(device: string): Lane | undefined {
    const lane = this.#lanes.get(device);
    return lane === undefined || this.#options.monotonic() < lane.notBefore ? undefined : lane;
  }

  #open(peer: Carrier): Lane {
    const { stream, monotonic } = this.#options;
    return {
      peer,
      position: { next: stream.base },
      carriedUpTo: stream.base - 1,
      notBefore: 0,
      pauseMs: firstPauseMs,
      movedAt: monotonic(),
    };
  }

  /** Devices that take the stream from here without the mailbox. */
  #carriers(): Map<string, Carrier> {
    const { takers } = this.#options;
    const carriers = new Map<string, Carrier>();
    for (const device of takers.devices) {
      const peer = this.#peers.get(device);
      if (peer === undefined) continue;
      const isAllowed =
        peer.link === undefined ? takers.passMailboxBy && peer.connected : takers.allows(peer.link.path);
      if (isAllowed) carriers.set(device, peer);
    }
    return carriers;
  }
}

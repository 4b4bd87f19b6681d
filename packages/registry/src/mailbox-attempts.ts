/** Devices whose stops are remembered; the longest unchanged is forgotten. */
const mostDevices = 10_000;

interface Stop {
  readonly offset: number;
  /** Starts of the device that stopped there. */
  readonly boots: Set<string>;
  /** A frame was taken out of its way; nothing more is, before it acknowledges something. */
  readonly helped: boolean;
}

/**
 * Counts the starts of a device that stop at the same frame of the mailbox and take nothing: a frame that brings its
 * device down every time must not hold up what lies behind it. Only starts count, not sessions: a bad network is no
 * fault of a frame. In memory.
 */
export class MailboxAttempts {
  readonly #most: number;
  readonly #stops = new Map<string, Stop>();

  constructor(most: number) {
    this.#most = most;
  }

  /** A session broke, in which the device had got this frame first and acknowledged nothing. */
  stopped(device: string, boot: string, offset: number): void {
    const before = this.#stops.get(device);
    this.#stops.delete(device);
    if (this.#stops.size >= mostDevices) this.#stops.delete(this.#stops.keys().next().value ?? "");
    const boots = before?.offset === offset ? before.boots : new Set<string>();
    if (boots.size < this.#most) boots.add(boot);
    this.#stops.set(device, { offset, boots, helped: before?.helped ?? false });
  }

  /** The device took something. */
  took(device: string): void {
    this.#stops.delete(device);
  }

  /** The frame that the device never gets past. */
  stuckAt(device: string): number | undefined {
    const stop = this.#stops.get(device);
    return stop !== undefined && !stop.helped && stop.boots.size >= this.#most ? stop.offset : undefined;
  }

  /** The frame was taken out. */
  helped(device: string): void {
    this.#stops.set(device, { offset: 0, boots: new Set(), helped: true });
  }
}

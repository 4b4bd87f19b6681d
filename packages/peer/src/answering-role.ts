/**
 * Which side starts DTLS when this device answers. Whoever starts has to be the later one to see ICE connected: the first
 * packet to a side that is not connected is dropped, and comes again only after a second.
 *
 * A device that lets in whoever knows its address is checked by the offerer at once, which so connects first: then the
 * answering side has to start. Behind anything that filters, the answering side's own checks open the way and it connects
 * first: then the offerer has to start. The device may be told which it is; else it learns it from links that stalled.
 */
import type { LinkPath } from "@parley/core";

/** The first repetition of a lost packet comes after a second; what takes longer has other reasons. */
const stallMs: readonly [least: number, most: number] = [800, 1400];
/** One alone may be a busy machine. */
const enoughStalls = 2;

export class AnsweringRole {
  #isClient = false;
  #isTold = false;
  #stalls = 0;

  /** Whether this device starts DTLS when it answers. */
  get isClient(): boolean {
    return this.#isClient;
  }

  /** What a look at the network showed: whether datagrams from anywhere get in. From then on nothing is guessed. */
  expectOpen(isOpen: boolean): void {
    this.#isTold = true;
    this.#isClient = isOpen;
  }

  /** A link that this side answered opened by a path, so long after ICE connected. */
  onOpened(wasClient: boolean, path: LinkPath | undefined, afterIceMs: number): void {
    if (this.#isTold || wasClient !== this.#isClient) return;
    const stalled = afterIceMs >= stallMs[0] && afterIceMs <= stallMs[1];
    this.#stalls = stalled ? this.#stalls + 1 : 0;
    // Whoever lets in everybody needs no TURN of its own or of others.
    const isWrong = this.#stalls >= enoughStalls || (wasClient && path === "turn");
    if (!isWrong) return;
    this.#isClient = !wasClient;
    this.#stalls = 0;
  }
}

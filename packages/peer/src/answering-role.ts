/**
 * Which side starts DTLS when this device answers. Whoever starts has to be the later one to see ICE connected: the first
 * packet to a side that is not connected is dropped, and comes again only after a second.
 *
 * A device that lets in whoever knows its address is checked by the offerer at once, which so connects first: then the
 * answering side has to start. Behind anything that filters, the answering side's own checks open the way and it connects
 * first: then the offerer has to start. The device may be told which it is, and learns it from links that stalled.
 */

/** Longer than any handshake without a loss, and shorter than the first repetition. */
const stalledMs = 700;

export class AnsweringRole {
  #isClient = false;

  /** Whether this device starts DTLS when it answers. */
  get isClient(): boolean {
    return this.#isClient;
  }

  /** What a look at the network showed: whether datagrams from anywhere get in. */
  expectOpen(isOpen: boolean): void {
    this.#isClient = isOpen;
  }

  /** A link that this side answered opened so long after ICE connected. */
  onOpened(wasClient: boolean, afterIceMs: number): void {
    if (afterIceMs >= stalledMs) this.#isClient = !wasClient;
  }
}

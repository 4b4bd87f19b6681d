/**
 * Makes the answering side send the first connectivity checks on the local network.
 *
 * libdatachannel 0.24.5 hands a received answer to ICE before it stores it. When the other side's checks are arriving
 * already, ICE connects at once, and DTLS may look for the expected fingerprint before it is there: the link fails with
 * "unknown CA", which must mean an attack and nothing else. And whoever starts DTLS has to be the later one to see ICE
 * connected, else its first packet is dropped and repeated only after a second. So the side that offers
 *
 * - keeps its own host candidates until the answer is applied: nobody can check earlier than that;
 * - then leaves the other side's host candidates alone for a moment, so that those checks come in first.
 *
 * Only host candidates: their round trips are the ones short enough to win these races, and to hold back the others
 * would delay the way through NAT. Where a firewall lets nobody in, we start after `headStartMs`.
 */
import type { RemoteCandidate } from "./negotiation.ts";
import { readCandidate } from "./sdp.ts";

/** Longer than a signal through the registry takes. */
const headStartMs = 200;

export class CheckOrder {
  #own: RemoteCandidate[] | undefined;
  #far: RemoteCandidate[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(isOfferer: boolean) {
    if (!isOfferer) return;
    this.#own = [];
    this.#far = [];
  }

  /** Whether one of our candidates is kept for now. */
  keepsOwn(candidate: RemoteCandidate): boolean {
    return keep(this.#own, candidate);
  }

  /** Whether one of the other side's candidates is kept for now. */
  keepsFar(candidate: RemoteCandidate): boolean {
    return keep(this.#far, candidate);
  }

  /** The answer is applied: sends what was kept of ours, and gives `add` the other side's after the head start. */
  onAnswer(send: (candidate: RemoteCandidate) => void, add: (candidate: RemoteCandidate) => void): void {
    const own = this.#own ?? [];
    this.#own = undefined;
    for (const candidate of own) send(candidate);
    this.#timer = setTimeout(() => {
      const far = this.#far ?? [];
      this.#far = undefined;
      for (const candidate of far) add(candidate);
    }, headStartMs);
  }

  /** Connected or ended: nothing is left to do. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#own = undefined;
    this.#far = undefined;
  }
}

function keep(list: RemoteCandidate[] | undefined, candidate: RemoteCandidate): boolean {
  if (list === undefined || readCandidate(candidate.candidate)?.type !== "host") return false;
  list.push(candidate);
  return true;
}

/**
 * Makes the side that does not start DTLS send the first connectivity checks.
 *
 * Whoever starts DTLS has to be the later one to see ICE connected, else its first packet is dropped and repeated only
 * after a second. And libdatachannel 0.24.5 hands a received answer to ICE before it stores it: when the other side's
 * checks are arriving already, ICE connects at once, and DTLS may look for the expected fingerprint before it is there;
 * the link then fails with "unknown CA", which must mean an attack and nothing else. So
 *
 * - the offerer keeps its own host candidates until the answer is applied: nobody can check earlier than that;
 * - an offerer that starts DTLS then leaves the other side's host candidates alone for a moment. Only those: their round
 *   trips are the ones short enough to win these races, and to hold back the others would delay the way through NAT;
 * - an answerer that starts DTLS leaves all of the other side's candidates alone for a moment: it does so because the
 *   other side's checks get in by themselves.
 *
 * Where those checks do not come, we start after `headStartMs`.
 */
import type { RemoteCandidate } from "./negotiation.ts";
import { readCandidate } from "./sdp.ts";

/** Longer than a signal through the registry takes. */
const headStartMs = 200;
/** The other side has to have the answer first. */
const answeringHeadStartMs = 400;

export class CheckOrder {
  readonly #isOfferer: boolean;
  #own: RemoteCandidate[] | undefined;
  #far: RemoteCandidate[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(isOfferer: boolean) {
    this.#isOfferer = isOfferer;
    if (!isOfferer) return;
    this.#own = [];
    this.#far = [];
  }

  /** Whether one of our candidates is kept for now. */
  keepsOwn(candidate: RemoteCandidate): boolean {
    return keep(this.#own, candidate, true);
  }

  /** Whether one of the other side's candidates is kept for now. */
  keepsFar(candidate: RemoteCandidate): boolean {
    return keep(this.#far, candidate, this.#isOfferer);
  }

  /** We answer and start DTLS: gives `add` the other side's candidates after the head start. */
  onAnswering(add: (candidate: RemoteCandidate) => void): void {
    this.#far = [];
    this.#release(add, answeringHeadStartMs);
  }

  /**
   * The answer is applied: sends what was kept of ours, and gives `add` the other side's, after the head start when it is
   * ours to start DTLS.
   */
  onAnswer(
    send: (candidate: RemoteCandidate) => void,
    add: (candidate: RemoteCandidate) => void,
    startsDtls: boolean,
  ): void {
    const own = this.#own ?? [];
    this.#own = undefined;
    for (const candidate of own) send(candidate);
    this.#release(add, startsDtls ? headStartMs : 0);
  }

  /** Connected or ended: nothing is left to do. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#own = undefined;
    this.#far = undefined;
  }

  #release(add: (candidate: RemoteCandidate) => void, afterMs: number): void {
    this.#timer = setTimeout(() => {
      const far = this.#far ?? [];
      this.#far = undefined;
      for (const candidate of far) add(candidate);
    }, afterMs);
  }
}

function keep(list: RemoteCandidate[] | undefined, candidate: RemoteCandidate, onlyHosts: boolean): boolean {
  if (list === undefined) return false;
  if (onlyHosts && readCandidate(candidate.candidate)?.type !== "host") return false;
  list.push(candidate);
  return true;
}

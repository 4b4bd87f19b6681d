/** Keeps candidates of interfaces that a link may not use from going out and from coming in. */
import type { LinkOptions } from "@parley/core";

import type { InterfaceVerdict } from "./interface-filter.ts";
import { type CandidateFacts, readCandidate } from "./sdp.ts";

export class CandidateGate {
  readonly #verdict: InterfaceVerdict | undefined;

  /** Without a verdict everything passes. */
  constructor(verdict: InterfaceVerdict | undefined) {
    this.#verdict = verdict;
  }

  /** Options within the verdict: bound where that is exact, and without servers that a forbidden interface leads to. */
  within(options: LinkOptions): LinkOptions {
    const verdict = this.#verdict;
    if (verdict === undefined) return options;
    return {
      ...options,
      iceServers: verdict.allowsRouted() ? options.iceServers : [],
      ...(verdict.bindAddress === undefined ? {} : { bindAddress: verdict.bindAddress }),
    };
  }

  /** Whether any interface is left. */
  get isUsable(): boolean {
    return this.#verdict?.isUsable ?? true;
  }

  /** Of ours only host candidates name an address of this machine; the others come by way of the servers. */
  passesOwn(candidate: string): boolean {
    const verdict = this.#verdict;
    return this.#passes(candidate, ({ type, address }) => type !== "host" || verdict?.allowsLocal(address) === true);
  }

  passesFar(candidate: string): boolean {
    return this.#passes(candidate, ({ address }) => this.passesAddress(address));
  }

  /** Whether the other side may be met at an address. */
  passesAddress(address: string): boolean {
    return this.#verdict?.allowsRemote(address) ?? true;
  }

  /** A description of the other side without the candidates that must not be answered. */
  farDescription(sdp: string): string {
    if (this.#verdict === undefined) return sdp;
    return sdp
      .split("\n")
      .filter((line) => !line.startsWith("a=candidate:") || this.passesFar(line.trimEnd()))
      .join("\n");
  }

  #passes(candidate: string, judge: (facts: CandidateFacts) => boolean): boolean {
    if (this.#verdict === undefined) return true;
    const facts = readCandidate(candidate);
    return facts !== undefined && judge(facts);
  }
}

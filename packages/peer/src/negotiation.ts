/**
 * The signalling state of one link, without I/O: which signals may come, in which order, and which have to wait.
 *
 * One side offers once, the other answers once. Candidates may overtake the description that they belong to; they are
 * held until it has been applied. There is no second offer: a broken link is replaced, not renegotiated.
 */
import type { LinkSignal } from "@parley/core";
import { limits } from "@parley/protocol";

import {
  type CandidateFacts,
  type DescriptionFacts,
  type DescriptionType,
  isMid,
  readCandidate,
  readDescription,
} from "./sdp.ts";

export interface RemoteCandidate {
  readonly candidate: string;
  readonly mid: string;
}

/** What the adapter has to do about a signal. */
export type Step =
  | { readonly do: "nothing" }
  | { readonly do: "close" }
  | { readonly do: "describe"; readonly type: DescriptionType; readonly sdp: string }
  | { readonly do: "add"; readonly candidate: RemoteCandidate };

const nothing: Step = { do: "nothing" };
const refuse: Step = { do: "close" };
/** A whole frame has to fit into one message. */
const minMessageBytes = limits.frameBytes;

export class Negotiation {
  #role: "none" | "offerer" | "answerer" = "none";
  #remote: DescriptionFacts | undefined;
  #held: RemoteCandidate[] | undefined = [];
  #candidates: CandidateFacts[] = [];

  /** Takes the offering side. False when a side has been taken before. */
  offer(): boolean {
    if (this.#role !== "none") return false;
    this.#role = "offerer";
    return true;
  }

  /** Judges a signal from outside. */
  take(signal: LinkSignal): Step {
    if (typeof signal !== "object" || signal === null) return refuse;
    switch (signal.type) {
      case "offer":
        return this.#role === "none" ? this.#describe("offer", signal.sdp) : refuse;
      case "answer":
        return this.#role === "offerer" && this.#remote === undefined ? this.#describe("answer", signal.sdp) : refuse;
      case "candidate":
        return this.#candidate(signal.candidate, signal.mid);
      default:
        return refuse;
    }
  }

  /** To be called once the remote description is applied: the candidates that waited for it. */
  release(): readonly RemoteCandidate[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** The other side's certificate, once its description came. */
  get remoteFingerprint(): string | undefined {
    return this.#remote?.fingerprint;
  }

  /** Largest message that the other side takes. */
  get remoteMaxMessageBytes(): number {
    return this.#remote?.maxMessageBytes ?? 0;
  }

  /** Whether the other side offered this address as one of its TURN relays: it may show up as peer-reflexive. */
  isRemoteRelay(address: string, port: number): boolean {
    return this.#candidates.some(
      (candidate) =>
        candidate.type === "relay" && candidate.port === port && candidate.address === address.toLowerCase(),
    );
  }

  #describe(type: DescriptionType, sdp: string): Step {
    const facts = readDescription(sdp, type);
    if (facts === undefined || facts.maxMessageBytes < minMessageBytes) return refuse;
    if (type === "offer") this.#role = "answerer";
    this.#remote = facts;
    this.#candidates.push(...facts.candidates);
    return { do: "describe", type, sdp };
  }

  #candidate(text: string, mid: string): Step {
    const facts = readCandidate(text);
    if (facts === undefined || !isMid(mid)) return refuse;
    if (this.#candidates.length >= limits.candidates) return nothing;
    this.#candidates.push(facts);
    const candidate = { candidate: text, mid };
    if (this.#held === undefined) return { do: "add", candidate };
    this.#held.push(candidate);
    return nothing;
  }
}

import type { DeliveryState } from "@parley/protocol";
import { mayFollow } from "@parley/protocol";

import type { DeliveryFact } from "../ports/journal-history.ts";

/** A fact as it was noted, with the receipt for it. */
export interface KnownFact {
  readonly fact: DeliveryFact;
  readonly receipt: Uint8Array | undefined;
}

/** What is believed of one envelope. */
export interface KnownFacts {
  readonly facts: readonly DeliveryFact[];
  readonly state: DeliveryState;
  readonly receipts: ReadonlyMap<DeliveryState, Uint8Array>;
}

/** The facts of one envelope from all that was noted of it, in that order: one that may not follow those before it is left out. */
export function foldFacts(first: DeliveryFact, noted: readonly KnownFact[]): KnownFacts {
  const facts = [first];
  const receipts = new Map<DeliveryState, Uint8Array>();
  let { state } = first;
  for (const { fact, receipt } of noted) {
    if (mayFollow(state, fact.state)) {
      facts.push(fact);
      state = fact.state;
    } else if (!facts.some((known) => known.state === fact.state)) continue;
    if (receipt !== undefined) receipts.set(fact.state, receipt);
  }
  return { facts, state, receipts };
}

/** Whether all that a fact says is that and when its envelope was handled. */
export function isPlainlyHandled(fact: DeliveryFact): boolean {
  return fact.state === "handled" && Object.keys(fact).length === 2;
}

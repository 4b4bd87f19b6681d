/**
 * The words for where an envelope stands. Each names a fact that somebody can vouch for; no other word is ever shown.
 */

/** Every state, with what it says. */
const states = {
  /** It is on the sender's disk. */
  accepted: { rank: 0, ended: false },
  /** A registry node keeps it for a recipient that is away. */
  stored: { rank: 1, ended: false },
  /** A device of the recipient committed it. */
  delivered: { rank: 2, ended: false },
  /** Its time was over before a device committed it. */
  expired: { rank: 2, ended: true },
  /** The handler returned. */
  handled: { rank: 3, ended: false },
  /** The recipient, or the registry for good, would not take it. */
  refused: { rank: 3, ended: true },
  /** It was tried as often as is worth it and put aside. */
  "dead-lettered": { rank: 3, ended: true },
  /** A person saw it. */
  read: { rank: 4, ended: false },
} as const satisfies Record<string, { readonly rank: number; readonly ended: boolean }>;

export type DeliveryState = keyof typeof states;

/** Every state, in the order in which they may come. */
export const deliveryStates = Object.keys(states) as readonly DeliveryState[];

/** Whether nothing comes after it. */
export function isEndState(state: DeliveryState): boolean {
  return states[state].ended;
}

/** Whether `next` may come after `state`: never after an end, and never back, so that what arrives late changes nothing. */
export function mayFollow(state: DeliveryState, next: DeliveryState): boolean {
  return !states[state].ended && states[next].rank > states[state].rank;
}

/** Whether somebody who waits for a state need not wait any longer: it came, or it never will. */
export function hasReached(state: DeliveryState, wanted: DeliveryState): boolean {
  return state === wanted || !mayFollow(state, wanted);
}

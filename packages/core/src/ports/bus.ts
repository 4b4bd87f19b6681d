/**
 * Bus: bytes to whoever listens now. Wake-up hints, presence, ephemeral envelopes.
 *
 * Contract, written for the weakest back end:
 * - Delivery: at most once, to every subscription that is active, the publisher's own included. Nothing is kept; loss is normal.
 * - Ordering: messages of one publisher on one subject arrive in order. Nothing is said about two subjects or two publishers.
 * - A handler is called later, never from inside `publish`, and must not throw.
 * - A pattern is a subject, or one whose last segment is `*`, which stands for one or more segments.
 * - Limits: `maxBusMessageBytes`; subjects as `isStoreName` says; with more than `maxBusBacklog` messages waiting, new ones are dropped.
 *   Bytes are not to be changed after they were handed over or received.
 * - After close `publish` drops and `subscribe` rejects with `closed`.
 */
export interface Bus {
  /** Throws only for a bad argument (`invalid_argument`, `too_large`). */
  publish(subject: string, bytes: Uint8Array): void;
  /** Resolves when the subscription is active. It ends when `signal` aborts or the store closes. */
  subscribe(pattern: string, handler: BusHandler, options?: SubscribeOptions): Promise<void>;
}

export interface BusMessage {
  readonly subject: string;
  readonly bytes: Uint8Array;
}

export type BusHandler = (message: BusMessage) => void;

export interface SubscribeOptions {
  readonly signal?: AbortSignal;
}

export const maxBusMessageBytes = 524_288;
export const maxBusBacklog = 65_536;
/** Subscriptions open at once on one store. */
export const maxSubscriptions = 100_000;

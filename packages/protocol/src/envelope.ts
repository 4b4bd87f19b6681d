/**
 * Envelope: one message on the wire. A small header and an opaque body.
 *
 * Its place in its stream (epoch, seq) comes from the frame section that carries it. Its id is that place when it was
 * accepted, so it costs no bytes unless an envelope moved to another epoch and brings its old id along.
 */

/** `durable` outlives processes and is handled once; `live` is memory only and may be sent again by the caller. */
export type DeliveryClass = "live" | "durable";

/** The kinds of envelope, by number on the wire. A receiver refuses an unknown kind when it is critical, else skips it. */
export const envelopeKinds = {
  /** Takes the place of an envelope that expired before it was delivered, so that the order has no hole. */
  void: 0,
  /** Link signalling: offer, answer, candidate. Always ephemeral. */
  signal: 1,
  /** A2A call from caller to callee: request, cancel. */
  call: 2,
  /** A2A events, results and errors from callee to caller. */
  callEvent: 3,
  /** A direct message for a person or an agent, or a change of one. */
  message: 4,
  ping: 5,
  pong: 6,
  /** Operator-signed statements passed on between peers: revocations, operator sets. */
  gossip: 7,
  /** Bytes of a program's own live stream between two devices. */
  data: 8,
  /** What one device of a person remembers, for another one of the same person. */
  history: 9,
  /** The sender writes to the recipient, or stopped. */
  typing: 10,
  /** What one device of a person tells the others: what it sent, how far was read, what was decided. */
  sync: 11,
  /** A post to a channel: only ever in a device's own journal, never on the wire. */
  post: 12,
  /** Asks somebody to approve an action or to answer a question, and what came of it. */
  approval: 13,
  /** The acts of an agreement, for those who have a part in it. */
  agreement: 14,
} as const;

export type EnvelopeKind = keyof typeof envelopeKinds;

const kindNames = new Map<number, EnvelopeKind>(
  Object.entries(envelopeKinds).map(([name, code]) => [code, name as EnvelopeKind]),
);

/** The name of a kind number; undefined for one from a later version. */
export function envelopeKindOf(code: number): EnvelopeKind | undefined {
  return kindNames.get(code);
}

/** W3C trace context (Trace Context Level 2, section 3.2): 16-byte trace id, 8-byte parent id, one byte of flags. */
export type TraceContext = Uint8Array;

export interface Envelope {
  /** A code of `envelopeKinds`, or one that a later version knows. */
  readonly kind: number;
  /** A receiver that does not know the kind must refuse it, not skip it. */
  readonly critical: boolean;
  /** The body goes on in the next envelope of the stream (a chunk). */
  readonly more: boolean;
  /** Milliseconds since 1970 by the sender's clock. */
  readonly created: number;
  /** Milliseconds after `created` when it is worth nothing any more; 0 is never. */
  readonly ttl: number;
  /** How many members passed it on. */
  readonly hops: number;
  /** 25 bytes, or undefined. */
  readonly trace: TraceContext | undefined;
  /** Only when the envelope was accepted under another epoch: epoch and seq of then. */
  readonly origin: { readonly epoch: string; readonly seq: number } | undefined;
  readonly body: Uint8Array;
  /** Another device of the recipient may have had it before. Absent for no. */
  readonly redelivered?: boolean;
}

/** The id of an envelope as people and logs see it: `<epoch>.<seq>`. */
export function envelopeId(epoch: string, seq: number): string {
  return `${epoch}.${seq}`;
}

import type { DeliveryState, Envelope } from "@parley/protocol";
import { envelopeId, envelopeKinds, mayFollow } from "@parley/protocol";

import type { DeliveryDirection, DeliveryFact, DeliveryRecord } from "../ports/journal-history.ts";
import type { InboundPlace } from "../ports/journal.ts";
import { joinBodies } from "./journal-delivery-row.ts";

export interface MemoryEntryOptions {
  readonly place: number;
  readonly direction: DeliveryDirection;
  /** Recipient or sender. */
  readonly party: string;
  readonly device: string | undefined;
  readonly epoch: string;
  readonly seq: number;
  readonly envelope: Envelope;
  readonly first: DeliveryFact;
  readonly pending: boolean;
  readonly redelivered: boolean;
}

/** One entry of a memory journal, in either direction. */
export class MemoryEntry {
  readonly place: number;
  readonly direction: DeliveryDirection;
  readonly party: string;
  readonly device: string | undefined;
  epoch: string;
  seq: number;
  envelope: Envelope;
  pending: boolean;
  redelivered: boolean;
  attempts = 0;
  /** Of the ledger, when it was sent from here. */
  row = 0;
  /** Earlier entries of the same body, when this is its last. */
  parts: readonly MemoryEntry[] = [];
  /** The body's last entry, when this is an earlier one. */
  end: MemoryEntry | undefined;
  isDropped = false;
  /** Only another device told of it: it did not come to this one. */
  isImported = false;
  #facts: DeliveryFact[];
  readonly #receipts = new Map<DeliveryState, Uint8Array>();

  constructor(options: MemoryEntryOptions) {
    this.place = options.place;
    this.direction = options.direction;
    this.party = options.party;
    this.device = options.device;
    this.epoch = options.epoch;
    this.seq = options.seq;
    this.envelope = { ...options.envelope, body: options.envelope.body.slice() };
    this.pending = options.pending;
    this.redelivered = options.redelivered;
    this.#facts = [options.first];
  }

  get bytes(): number {
    return this.envelope.body.byteLength;
  }

  get first(): DeliveryFact {
    return this.#facts[0] ?? { state: "accepted", at: 0 };
  }

  get state(): DeliveryState {
    return this.#facts.at(-1)?.state ?? "accepted";
  }

  /** The member on the other side. */
  get peer(): string {
    return this.direction === "in" ? this.party : (this.party.split("|", 1)[0] ?? this.party);
  }

  get id(): string {
    const { origin } = this.envelope;
    return envelopeId(origin?.epoch ?? this.epoch, origin?.seq ?? this.seq);
  }

  /** Where it was received; of no use for what was sent. */
  get inboundPlace(): InboundPlace {
    return { sender: this.party, device: this.device ?? "", epoch: this.epoch, seq: this.seq };
  }

  get wasRedelivered(): boolean {
    return this.redelivered || this.attempts > 0;
  }

  /** A record shows whole bodies that were accepted, and no voids. */
  get isShown(): boolean {
    const { kind, more } = this.envelope;
    return kind !== envelopeKinds.void && !more && !(this.isDropped && this.state === "accepted");
  }

  copyOfEnvelope(): Envelope {
    return { ...this.envelope, body: this.envelope.body.slice() };
  }

  note(fact: DeliveryFact, receipt?: Uint8Array): void {
    if (mayFollow(this.state, fact.state)) this.#facts.push(fact);
    else if (!this.#facts.some(({ state }) => state === fact.state)) return;
    if (receipt !== undefined) this.keepReceipt(fact.state, receipt);
  }

  keepReceipt(state: DeliveryState, receipt: Uint8Array): void {
    this.#receipts.set(state, receipt.slice());
  }

  /** Back to what it was before it was put aside. */
  reopen(): void {
    this.#facts = this.#facts.filter(({ state }) => state !== "dead-lettered");
    this.pending = true;
    this.isImported = false;
    this.redelivered = true;
    this.attempts = 0;
  }

  toRecord(): DeliveryRecord {
    const { kind, created, ttl } = this.envelope;
    const bodies = [...this.parts, this].map(({ envelope }) => envelope.body);
    const body = bodies.length === 1 ? this.envelope.body.slice() : joinBodies(bodies);
    return {
      place: this.place,
      id: this.id,
      direction: this.direction,
      peer: this.peer,
      device: this.device,
      epoch: this.epoch,
      seq: this.seq,
      kind,
      created,
      expires: ttl === 0 ? undefined : created + ttl,
      bytes: body.byteLength,
      pending: this.pending,
      attempts: this.attempts,
      redelivered: this.wasRedelivered,
      state: this.state,
      facts: [...this.#facts],
      receipts: new Map(this.#receipts),
      body,
    };
  }
}

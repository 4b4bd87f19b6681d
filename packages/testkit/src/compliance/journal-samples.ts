import type {
  DeliveryFact,
  DeliveryQuery,
  DeliveryRecord,
  InboundPlace,
  InboundStreamId,
  Journal,
  NewOutboxEntry,
  ReceivedEntry,
} from "@parley/core";
import { maxDeliveries } from "@parley/core";
import type { DeliveryState, Envelope } from "@parley/protocol";
import { envelopeKinds, limits } from "@parley/protocol";

import { bytesOf } from "./subject.ts";

/** Bounds of the history that the suite's subjects are to be opened with. */
export const historyBoundsUnderTest = { maxEntries: 60, maxBytes: 3 * limits.envelopeBytes };

/** Of the sender's stream. */
export const epoch = "epoch-of-this-device";
/** The stream that samples are received on. */
export const stream: InboundStreamId = { sender: "m1", device: "d1", epoch: "e1" };
export const place = (seq: number): InboundPlace => ({ ...stream, seq });
export const fact = (state: DeliveryState, at = 10, rest: Partial<DeliveryFact> = {}): DeliveryFact => ({
  state,
  at,
  ...rest,
});

export const envelopeOf = (body: string | Uint8Array, changes: Partial<Envelope> = {}): Envelope => ({
  kind: envelopeKinds.message,
  critical: false,
  more: false,
  created: 5,
  ttl: 0,
  hops: 0,
  trace: undefined,
  origin: undefined,
  body: typeof body === "string" ? bytesOf(body) : body,
  ...changes,
});

/** An entry to be appended, whose body is its number. */
export const sending = (seq: number, changes: Partial<Envelope> = {}, recipient = "m2"): NewOutboxEntry => ({
  recipient,
  seq,
  at: 7,
  epoch,
  envelope: envelopeOf(`${seq}`, changes),
});

/** An entry to be committed, whose body is its number. */
export const received = (seq: number, changes: Partial<ReceivedEntry> = {}): ReceivedEntry => ({
  seq,
  receivedAt: 8,
  envelope: envelopeOf(`${seq}`),
  ...changes,
});

/** Every record that a query finds. */
export async function all(journal: Journal, query: DeliveryQuery = {}): Promise<readonly DeliveryRecord[]> {
  return (await journal.deliveries({ limit: maxDeliveries, ...query })).records;
}

/** Number, newest state and whether it is pending, of each record. */
export async function outline(journal: Journal, query: DeliveryQuery = {}): Promise<readonly string[]> {
  return (await all(journal, query)).map(({ seq, state, pending }) => `${seq} ${state}${pending ? " pending" : ""}`);
}

/** States of the facts of one number. */
export async function statesOf(journal: Journal, seq: number): Promise<readonly DeliveryState[]> {
  const found = (await all(journal)).find((each) => each.seq === seq);
  return (found?.facts ?? []).map(({ state }) => state);
}

/**
 * Passes what one device of a person remembers to a newer one, over a link between the two. The newer device asks, page by
 * page, and goes on where it stopped; it asks each of the others once.
 */
import { type Clock, type DeliveryRecord, type Journal, splitBody } from "@parley/core";
import {
  decodeJson,
  envelopeKinds,
  fromBase64url,
  type History,
  type HistoryRecord,
  historySchema,
  limits,
  ParleyError,
  toBase64url,
} from "@parley/protocol";

import { bodyOf, textOf } from "./body.ts";
import type { LinkOpener } from "./link-opener.ts";
import type { MemberView } from "./member-view.ts";
import { linkPaths } from "./path-rules.ts";
import type { Peer } from "./peer.ts";
import type { LiveEnvelope } from "./section-handler.ts";

export interface HistoryProgress {
  /** The device that it comes from. */
  readonly device: string;
  /** Messages so far. */
  readonly received: number;
  /** Messages that were too large to be passed on. */
  readonly omitted: number;
  readonly done: boolean;
}

export interface HistoryTransferOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly member: string;
  readonly device: string;
  readonly opener: LinkOpener;
  /** The own member as last heard of. */
  readonly self: () => Promise<MemberView>;
  readonly peer: (view: MemberView, device: string) => Peer;
  /** So many messages came from a device; `done` with the last ones. */
  readonly onProgress: (progress: HistoryProgress) => void;
  readonly onError: (error: unknown) => void;
}

/** Bytes of bodies on one page, and of a single body, so that the page fits into an envelope as JSON. */
const pageBytes = 96 * 1024;
const largestBody = 180 * 1024;
const pageRecords = 50;
const answerMs = 30_000;
const done = "done";
/** Where this device is with the history of another one: the next place, or `done`. */
const stateKey = (device: string): string => `history/${device}`;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class HistoryTransfer {
  readonly #options: HistoryTransferOptions;
  readonly #waiting = new Map<number, (page: History & { type: "page" }) => void>();
  readonly #asking = new Set<string>();
  #asks = 0;

  constructor(options: HistoryTransferOptions) {
    this.#options = options;
  }

  /** Asks every other device of this member that is here and was not asked to the end before. */
  async begin(): Promise<void> {
    const { self, device: own } = this.#options;
    const view = await self();
    for (const { device, state } of view.devices) {
      if (device === own || state !== "connected" || this.#asking.has(device)) continue;
      this.#asking.add(device);
      // One that cannot be reached now keeps nothing back that another one has.
      await this.#take(view, device)
        .catch(this.#options.onError)
        .finally(() => this.#asking.delete(device));
    }
  }

  /** Takes what another device sent. Only the own member's devices are answered. */
  async onEnvelope({ peer, body }: LiveEnvelope): Promise<void> {
    if (peer.member.member !== this.#options.member) throw new ParleyError("forbidden");
    const message = decodeJson(historySchema, textOf(body), limits.envelopeBytes);
    if (!message.ok) throw new ParleyError(message.code, { message: message.message });
    if (message.value.type === "page") this.#waiting.get(message.value.ask)?.(message.value);
    else await this.#answer(peer, message.value);
  }

  async #take(view: MemberView, device: string): Promise<void> {
    const { journal, opener, peer: peerOf, onProgress } = this.#options;
    const known = await journal.getState(stateKey(device));
    const reached = known === undefined ? "0" : decoder.decode(known);
    if (reached === done) return;
    const peer = peerOf(view, device);
    await opener.approach(peer, linkPaths);
    let received = 0;
    let omitted = 0;
    for (let after: number | undefined = Number(reached); after !== undefined;) {
      const page = await this.#ask(peer, after);
      await journal.importHistory(page.records.map(recordOf));
      received += page.records.length;
      omitted += page.omitted;
      after = page.next;
      await journal.putState(stateKey(device), encoder.encode(after === undefined ? done : String(after)));
      onProgress({ device, received, omitted, done: after === undefined });
    }
  }

  async #ask(peer: Peer, after: number): Promise<History & { type: "page" }> {
    const ask = ++this.#asks;
    const { promise, resolve, reject } = Promise.withResolvers<History & { type: "page" }>();
    const timer = this.#options.clock.setTimer(answerMs, () => reject(new ParleyError("timeout")));
    this.#waiting.set(ask, resolve);
    try {
      await this.#send(peer, { type: "ask", ask, after });
      return await promise;
    } finally {
      timer.cancel();
      this.#waiting.delete(ask);
    }
  }

  async #answer(peer: Peer, { ask, after }: History & { type: "ask" }): Promise<void> {
    const page = await this.#options.journal.deliveries({ after, limit: pageRecords });
    const records: HistoryRecord[] = [];
    let bytes = 0;
    let omitted = 0;
    let next = page.next;
    for (const record of page.records) {
      // The other device reads posts where they stand, in their channel's history; what devices told each other is no history.
      if (record.kind === envelopeKinds.post || record.kind === envelopeKinds.sync) continue;
      if (record.bytes > largestBody) omitted++;
      else if (records.length > 0 && bytes + record.bytes > pageBytes) {
        next = records.at(-1)?.place;
        break;
      } else records.push(historyOf(record));
      bytes += record.bytes;
    }
    await this.#send(peer, { type: "page", ask, records, omitted, ...(next === undefined ? {} : { next }) });
  }

  async #send(peer: Peer, message: History): Promise<void> {
    const head = {
      kind: envelopeKinds.history,
      critical: true,
      created: this.#options.clock.now(),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    await peer.sendLive(splitBody(head, bodyOf(message)), linkPaths);
  }
}

function historyOf(record: DeliveryRecord): HistoryRecord {
  const { place, id, direction, peer, device, epoch, seq, kind, created, expires, redelivered, facts } = record;
  const receipts = [...record.receipts].map(([state, signature]) => [state, toBase64url(signature)]);
  return {
    place,
    id,
    direction,
    peer,
    ...(device === undefined ? {} : { device }),
    epoch,
    seq,
    kind,
    created,
    ...(expires === undefined ? {} : { expires }),
    redelivered,
    facts: [...facts],
    receipts: Object.fromEntries(receipts),
    body: toBase64url(record.body),
  };
}

function recordOf({ device, expires, facts, receipts, body, ...record }: HistoryRecord): DeliveryRecord {
  const bytes = fromBase64url(body) ?? new Uint8Array();
  const kept = facts.map((fact) => definedOf(fact));
  return {
    ...record,
    device,
    expires,
    bytes: bytes.length,
    pending: false,
    attempts: 0,
    state: kept.at(-1)?.state ?? "delivered",
    facts: kept,
    receipts: new Map(
      Object.entries(receipts).map(([state, signature]) => [
        state as DeliveryRecord["state"],
        fromBase64url(signature ?? "") ?? new Uint8Array(),
      ]),
    ),
    body: bytes,
  };
}

/** Without the fields that are there and say nothing. */
function definedOf({ state, at, ...rest }: HistoryRecord["facts"][number]): DeliveryRecord["facts"][number] {
  const { path, device, code, reason, via } = rest;
  return {
    state,
    at,
    ...(path === undefined ? {} : { path }),
    ...(device === undefined ? {} : { device }),
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason }),
    ...(via === undefined ? {} : { via }),
  };
}

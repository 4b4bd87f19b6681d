/**
 * What comes on durable streams: put in order, committed with its cursor, acknowledged after that, handed to a handler
 * one at a time per sender, and forgotten when the handler returned.
 */
import { ChunkJoiner, InboundStream, type InboxEntry, type Journal } from "@parley/core";
import { type DataSection, type Envelope, envelopeKindOf, envelopeKinds, ParleyError, type Path, toParleyError } from "@parley/protocol";
import type { Peer } from "./peer.ts";

export interface InboxOptions {
  readonly journal: Journal;
  readonly now: () => number;
  /** Hands one committed message to the program; resolves when the handler returned. Undefined while nobody listens. */
  readonly handle: (entry: InboxEntry, path: Path | undefined) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

interface Incoming {
  readonly stream: InboundStream;
  readonly joiner: ChunkJoiner;
  /** Highest number that is on disk: what may be acknowledged. */
  committed: number;
  /** Commits of one stream follow each other: none may pass one that failed. */
  committing: Promise<void>;
  failed: boolean;
}

const handledKinds: ReadonlySet<number> = new Set([envelopeKinds.message]);
const mostStreams = 4096;

export class Inbox {
  readonly #options: InboxOptions;
  readonly #incoming = new Map<string, Incoming>();
  /** Where a stream stands that is not in memory: from the last start, or from before a commit that failed. */
  readonly #committed: Map<string, number>;
  readonly #perSender = new Map<string, Promise<void>>();
  readonly #pending: { entry: InboxEntry; path: Path | undefined }[] = [];
  #reading = false;
  #wasRead = false;

  constructor(options: InboxOptions, cursors: readonly { device: string; epoch: string; seq: number }[]) {
    this.#options = options;
    this.#committed = new Map(cursors.map(({ device, epoch, seq }) => [`${device}:${epoch}`, seq]));
  }

  /** Whether somebody has listened in this life of the process. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  /** Somebody listens from now on: what waited is handed out first. */
  read(left: readonly InboxEntry[]): void {
    this.#reading = true;
    this.#wasRead = true;
    for (const entry of left) this.#hand(entry, undefined);
    for (const { entry, path } of this.#pending.splice(0)) this.#hand(entry, path);
  }

  /** Nobody listens any more: what comes stays in the inbox. */
  pause(): void {
    this.#reading = false;
  }

  /** Takes a durable data section; resolves when what it completed is on disk, or rejects when that failed. */
  async receive(peer: Peer, section: DataSection, path: Path): Promise<void> {
    const incoming = this.#stream(peer, section.epoch);
    const ready = incoming.stream.receive(section);
    const entries: { seq: number; receivedAt: number; envelope: Envelope }[] = [];
    let upTo = incoming.committed;
    for (const { seq, envelope } of ready) {
      const whole = this.#join(incoming, envelope);
      if (incoming.joiner.isOpen) continue;
      upTo = seq;
      if (whole !== undefined) this.#sort(peer, section.epoch, seq, whole, entries);
    }
    // Settled by the sender before this device was there: nothing to store, only to acknowledge.
    if (ready.length === 0 && incoming.stream.heldCount === 0 && !incoming.joiner.isOpen) upTo = incoming.stream.received;
    if (upTo > incoming.committed) {
      const commit = incoming.committing.then(() => this.#commit(peer, section.epoch, incoming, upTo, entries, path));
      incoming.committing = commit.catch(() => {});
      await commit;
    }
    peer.acknowledge({ type: "ack", class: "durable", epoch: section.epoch, seq: incoming.committed });
  }

  #join(incoming: Incoming, envelope: Envelope): Envelope | undefined {
    try {
      const body = incoming.joiner.take(envelope);
      return body === undefined ? undefined : { ...envelope, more: false, body };
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
  }

  #sort(peer: Peer, epoch: string, seq: number, envelope: Envelope, entries: { seq: number; receivedAt: number; envelope: Envelope }[]): void {
    if (handledKinds.has(envelope.kind)) {
      entries.push({ seq, receivedAt: this.#options.now(), envelope: { ...envelope, body: envelope.body.slice() } });
    } else if (envelope.critical && envelopeKindOf(envelope.kind) === undefined) {
      peer.refuse({ type: "refusal", class: "durable", epoch, seq, code: "unsupported_kind" });
    }
  }

  async #commit(peer: Peer, epoch: string, incoming: Incoming, upTo: number, entries: readonly { seq: number; receivedAt: number; envelope: Envelope }[], path: Path): Promise<void> {
    const stream = { sender: peer.member.member, device: peer.device, epoch };
    if (incoming.failed) throw new ParleyError("storage_unavailable");
    try {
      await this.#options.journal.commitInbox(stream, upTo, entries);
    } catch (error) {
      // Nothing of it was kept: start again from what is on disk, and let the sender send it once more.
      incoming.failed = true;
      this.#incoming.delete(`${peer.device}:${epoch}`);
      this.#committed.set(`${peer.device}:${epoch}`, incoming.committed);
      throw toParleyError(error);
    }
    incoming.committed = Math.max(incoming.committed, upTo);
    for (const entry of entries) this.#offer({ ...entry, ...stream, redelivered: false }, path);
  }

  #stream(peer: Peer, epoch: string): Incoming {
    const key = `${peer.device}:${epoch}`;
    const known = this.#incoming.get(key);
    if (known !== undefined) return known;
    const received = this.#committed.get(key) ?? 0;
    if (this.#incoming.size >= mostStreams) this.#incoming.delete(this.#incoming.keys().next().value ?? "");
    const incoming = { stream: new InboundStream({ received }), joiner: new ChunkJoiner(), committed: received, committing: Promise.resolve(), failed: false };
    this.#incoming.set(key, incoming);
    return incoming;
  }

  #offer(entry: InboxEntry, path: Path): void {
    if (this.#reading) this.#hand(entry, path);
    else this.#pending.push({ entry, path });
  }

  #hand(entry: InboxEntry, path: Path | undefined): void {
    const before = this.#perSender.get(entry.sender) ?? Promise.resolve();
    const handled = before.then(() => this.#handle(entry, path));
    this.#perSender.set(entry.sender, handled);
    void handled.finally(() => {
      if (this.#perSender.get(entry.sender) === handled) this.#perSender.delete(entry.sender);
    });
  }

  async #handle(entry: InboxEntry, path: Path | undefined): Promise<void> {
    try {
      await this.#options.handle(entry, path);
    } catch (error) {
      // A handler that throws has handled it: the same message would make it throw again.
      this.#options.onError(error);
    }
    const { sender, device, epoch, seq } = entry;
    await this.#options.journal.settleInbox({ sender, device, epoch, seq }).catch(this.#options.onError);
  }
}

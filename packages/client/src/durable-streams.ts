/** The durable streams of this device: for each member one, and one more for each rule of paths that a message was sent under. */
import { type Journal, type JournalState, type OutboxEntry, sha256 } from "@parley/core";
import { fromBase64url, limits, ParleyError, type Path, toBase64url } from "@parley/protocol";

import { isPostRecipient } from "./conversations/channels/post-page.ts";
import type { AllowedPaths, Delivery } from "./delivery.ts";
import type { Carrier } from "./device-lanes.ts";
import { DurableStream, type DurableStreamOptions } from "./durable-stream.ts";
import type { MemberView } from "./member-view.ts";

export interface DurableStreamsOptions extends Pick<
  DurableStreamOptions,
  "session" | "relay" | "writes" | "now" | "monotonic" | "soon" | "onError"
> {
  readonly own: { readonly member: string; readonly device: string };
  readonly journal: Journal;
  readonly state: JournalState;
  readonly view: (member: string) => MemberView | undefined;
  readonly recipient: (member: string) => DurableStreamOptions["recipient"];
  readonly reason: (member: string, path: Path, paths: AllowedPaths | undefined) => string | undefined;
  /** Devices of a member that are known so far. */
  readonly peersOf: (member: string) => Iterable<Carrier>;
  readonly onDelivery: (delivery: Delivery, member: string) => void;
}

const ruleMark = "|";
const epochBytes = 16;
const none: readonly DurableStream[] = [];

/** Under which the journal keeps a stream: at most sixteen rules exist. */
function keyOf(member: string, paths: AllowedPaths | undefined): string {
  return paths === undefined ? member : `${member}${ruleMark}${[...new Set(paths)].toSorted().join(",")}`;
}

/** Each stream has an epoch of its own, made from the journal's, so that an id names one message. */
async function epochOf(epoch: string, key: string): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-stream-v1:${epoch}|${key}`)) ?? new Uint8Array();
  return toBase64url(hash.subarray(0, epochBytes));
}

export class DurableStreams {
  readonly #options: DurableStreamsOptions;
  readonly #streams = new Map<string, DurableStream>();
  readonly #asked = new Map<string, Promise<DurableStream>>();
  readonly #byMember = new Map<string, DurableStream[]>();
  readonly #leftover = new Map<string, OutboxEntry[]>();

  constructor(options: DurableStreamsOptions) {
    this.#options = options;
    for (const entry of options.state.outbox) {
      if (isPostRecipient(entry.recipient)) continue;
      const waiting = this.#leftover.get(entry.recipient) ?? [];
      waiting.push(entry);
      this.#leftover.set(entry.recipient, waiting);
    }
  }

  /** The stream to a member under a rule. Whoever asks first goes on first, also while it is being opened. */
  to(member: string, paths: AllowedPaths | undefined): Promise<DurableStream> {
    const key = keyOf(member, paths);
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = epochOf(this.#options.state.epoch, key).then(
      (epoch) => this.#streams.get(key) ?? this.#open(key, member, paths, epoch),
    );
    asked.catch(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  /** Streams to a member that are in use. */
  of(member: string): readonly DurableStream[] {
    return this.#byMember.get(member) ?? none;
  }

  /** The stream that a member's device speaks of. */
  ofEpoch(member: string, epoch: string): DurableStream | undefined {
    return this.of(member).find(({ stream }) => stream.epoch === epoch);
  }

  /** The same for what a device vouches for, which may be what an earlier start sent, with nothing left to send. */
  async vouchedFor(member: string, epoch: string): Promise<DurableStream | undefined> {
    const known = this.ofEpoch(member, epoch);
    if (known !== undefined || !this.#options.state.lastSeq.has(member)) return known;
    const stream = await this.to(member, undefined);
    return stream.stream.epoch === epoch ? stream : undefined;
  }

  /** Opens what an earlier start left; resolves with the members concerned. */
  async openLeftover(): Promise<readonly string[]> {
    const members = new Set<string>();
    for (const [key, [first]] of this.#leftover) {
      const [member = key, rule] = key.split(ruleMark);
      members.add(member);
      // What was numbered anew, for a restored backup, begins a new stream.
      const epoch = first === undefined || first.envelope.origin !== undefined ? undefined : first.epoch;
      const own = epoch ?? (await epochOf(this.#options.state.epoch, key));
      if (!this.#streams.has(key)) this.#open(key, member, rule?.split(",") as Path[] | undefined, own);
    }
    return [...members];
  }

  /** A device came in sight, or its link opened, was replaced or closed. */
  meet(peer: Carrier, member: string): void {
    for (const stream of this.of(member)) stream.meet(peer);
  }

  forget(peer: Carrier, member: string): void {
    for (const stream of this.of(member)) stream.forget(peer);
  }

  /** Who takes a member's messages may have changed. */
  refit(member: string): void {
    for (const stream of this.of(member)) stream.refit();
  }

  onSession(): void {
    for (const stream of this.#streams.values()) stream.onSession();
  }

  /** Called regularly; `now` is monotonic. */
  sweep(now: number): void {
    for (const stream of this.#streams.values()) {
      stream.expire(now);
      stream.retry(now);
    }
  }

  /** Nothing is left that only this device has, unless a link carries it. */
  get isStored(): boolean {
    for (const stream of this.#streams.values()) if (!stream.isStored) return false;
    return true;
  }

  stop(): void {
    for (const stream of this.#streams.values()) stream.stop();
  }

  #open(key: string, member: string, paths: AllowedPaths | undefined, epoch: string): DurableStream {
    if (this.#streams.size >= limits.members) throw new ParleyError("limit_reached");
    const {
      state,
      writes,
      view,
      recipient,
      reason,
      peersOf,
      onDelivery,
      journal,
      session,
      relay,
      now,
      monotonic,
      soon,
      onError,
      own,
    } = this.#options;
    const waiting = this.#leftover.get(key) ?? [];
    this.#leftover.delete(key);
    const stream = new DurableStream(
      {
        key,
        member,
        self: member === own.member ? own.device : undefined,
        paths,
        epoch,
        lastSeq: state.lastSeq.get(key) ?? 0,
        journal,
        writes,
        session,
        relay,
        recipient: recipient(member),
        view: () => view(member),
        now,
        monotonic,
        soon,
        reason: (path) => reason(member, path, paths),
        onDelivery: (delivery) => onDelivery(delivery, member),
        onError,
      },
      waiting,
    );
    this.#streams.set(key, stream);
    this.#byMember.set(member, [...this.of(member), stream]);
    for (const peer of peersOf(member)) stream.meet(peer);
    return stream;
  }
}

/**
 * The way of a durable stream through its recipient's mailbox: frames leave in order, several at a time, and only what
 * is stored without a hole before it counts as stored.
 */
import type { OutboundStream, StreamPosition, VerifiedMember } from "@parley/core";
import { type ErrorCode, FrameWriter, limits, ParleyError, type Path, toParleyError } from "@parley/protocol";

import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";

export interface MailboxLaneOptions {
  readonly stream: OutboundStream;
  readonly session: Pick<Session, "isOpen" | "carries" | "registryTime">;
  readonly relay: () => Pick<Relay, "send">;
  /** The recipient's verified record, fresh enough to seal to. */
  readonly recipient: () => Promise<VerifiedMember>;
  /** By which path a frame goes that leaves now: `relay` when it passes straight through to a device that is connected. */
  readonly path: () => Path;
  /** Whether this way is in use. */
  readonly isNeeded: () => boolean;
  readonly monotonic: () => number;
  readonly soon: (run: () => void) => void;
  readonly onStored: (from: number, to: number, path: Path) => void;
  /** What goes again up to here may be in the mailbox already, or have been handed out from there. */
  readonly onAgain: (upTo: number) => void;
  /** The registry will never take these. */
  readonly onRefused: (upTo: number, error: ParleyError) => void;
  /**
   * The recipient blocked this member, or the policy denies it. Of these numbers the mailbox may have those up to `maybeUpTo`, from before. False while
   * something among them waits for another answer.
   */
  readonly onBlocked: (from: number, upTo: number, maybeUpTo: number, error: ParleyError) => boolean;
  readonly onError: (error: unknown) => void;
}

/** A frame on its way to the mailbox. */
interface UnderWay {
  readonly from: number;
  readonly upTo: number;
  readonly path: Path;
  /** By the registry's clock, ms since 1970; infinite until it leaves. */
  expires: number;
  stored: boolean;
}

/** Frames under way at once. */
const window = 8;
/** Pause after the registry would not take a frame; then twice as long. */
const firstPauseMs = 500;
const mostPauseMs = 30_000;
/** What no device acknowledges goes again after this; then after twice as long. */
const firstRetryMs = 5000;
const mostRetryMs = 300_000;
/** What will not change by waiting. */
/** The recipient, or the policy of the mesh, wants nothing of this member. */
const unwelcome: readonly ErrorCode[] = ["blocked", "denied_by_policy"];
const finalVerdicts: readonly ErrorCode[] = ["unknown_member", "revoked", "too_large", "malformed_frame", "forbidden"];
/** What leaves open whether the frame was stored. */
const openVerdicts: readonly ErrorCode[] = ["closed", "storage_unavailable", "internal"];

export class MailboxLane {
  readonly #options: MailboxLaneOptions;
  readonly #position: StreamPosition;
  readonly #writer = new FrameWriter();
  #underWay: UnderWay[] = [];
  /** Frames without a result, also those that were sent again meanwhile. */
  readonly #unanswered = new Set<UnderWay>();
  #storedUpTo: number;
  /** Highest number that the mailbox took, or may have taken. */
  #maybeUpTo = 0;
  /** By the registry's clock: from here on some of what was stored and nobody took may be gone. */
  #keptUntil = Infinity;
  #pauseMs = firstPauseMs;
  #notBefore = 0;
  /** Monotonic time since which all is handed over and nothing answered. */
  #quietSince: number | undefined;
  #retryMs = firstRetryMs;
  #sending = 0;
  #scheduled = false;
  #stopped = false;

  constructor(options: MailboxLaneOptions) {
    this.#options = options;
    this.#position = { next: options.stream.base };
    this.#storedUpTo = options.stream.base - 1;
  }

  /** Everything up to here is in the mailbox, or was before it was taken. */
  get storedUpTo(): number {
    return this.#storedUpTo;
  }

  /** Up to here the mailbox keeps what nobody took: what expired there does not count as stored any more. */
  get keptUpTo(): number {
    return this.#isKept ? this.#storedUpTo : this.#options.stream.base - 1;
  }

  get #isKept(): boolean {
    return this.#options.session.registryTime < this.#keptUntil;
  }

  /** Something waits to be handed over. */
  get hasUnsent(): boolean {
    return this.#options.stream.hasUnsent(this.#position);
  }

  /** Nothing is under way and nothing waits. */
  get isQuiet(): boolean {
    return this.#sending === 0 && !this.hasUnsent;
  }

  /** Path of what was handed over last. */
  lastPath: Path | undefined;

  /** A device answers. */
  onAck(): void {
    this.#quietSince = undefined;
    this.#retryMs = firstRetryMs;
  }

  /**
   * Sends again what is left unanswered: the frame or the answer was lost, or it expired in the mailbox. Called regularly;
   * `now` is monotonic. `isAnswerDue` while somebody is there who answers, and this is the only way.
   */
  retry(now: number, isAnswerDue: boolean): void {
    const { stream, session, isNeeded } = this.#options;
    if (!this.#isKept) this.#beginAnew();
    if (!isNeeded() || !isAnswerDue || !session.isOpen || stream.unackedCount === 0 || !this.isQuiet) {
      this.#quietSince = undefined;
      // After a pause that the registry asked for.
      if (this.hasUnsent) this.flush();
      return;
    }
    this.#quietSince ??= now;
    if (now - this.#quietSince < this.#retryMs) return;
    this.#quietSince = now;
    this.#retryMs = Math.min(this.#retryMs * 2, mostRetryMs);
    this.#beginAnew();
    this.flush();
  }

  /** Everything that no device has acknowledged goes again. */
  #beginAnew(): void {
    this.#storedUpTo = this.#options.stream.base - 1;
    this.#keptUntil = Infinity;
    this.#options.onAgain(this.#position.next - 1);
    this.#rewind();
  }

  /** What the registry has not confirmed goes again. */
  #rewind(): void {
    this.#underWay = [];
    this.#position.next = Math.max(this.#storedUpTo + 1, this.#options.stream.base);
  }

  /** A new session: there is no reason to wait any longer. */
  resume(): void {
    this.#notBefore = 0;
    this.flush();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Hands over what waits, at the end of this turn. */
  flush(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.soon(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#handOver();
    });
  }

  #handOver(): void {
    const { stream, session, isNeeded, monotonic, path } = this.#options;
    while (
      isNeeded() &&
      session.carries &&
      this.#sending < window &&
      monotonic() >= this.#notBefore &&
      stream.hasUnsent(this.#position)
    ) {
      const from = Math.max(this.#position.next, stream.base);
      if (!stream.write(this.#writer, this.#position)) return;
      const frame: UnderWay = { from, upTo: this.#position.next - 1, path: path(), expires: Infinity, stored: false };
      this.lastPath = frame.path;
      this.#underWay.push(frame);
      this.#unanswered.add(frame);
      this.#sending++;
      void this.#store(this.#writer.finish().slice(), frame);
    }
  }

  async #store(bytes: Uint8Array, frame: UnderWay): Promise<void> {
    const { recipient, relay, session, onError } = this.#options;
    try {
      const { member, encryption } = await recipient();
      // The same for all, so that the mailbox loses nothing from the middle of a stream: shorter lives end at the reader.
      frame.expires = Math.round(session.registryTime) + limits.expiryMs;
      const to = { member, device: undefined, encryption, boot: undefined, store: true, expires: frame.expires };
      const { state, error } = await relay().send(bytes, to);
      if (state === "refused")
        throw new ParleyError(error?.code ?? "refused", error === undefined ? {} : { message: error.message });
      this.#onStored(frame);
    } catch (error) {
      const refused = toParleyError(error);
      this.#onFailed(frame, refused);
      if (session.isOpen) onError(refused);
    } finally {
      this.#unanswered.delete(frame);
      this.#sending--;
    }
    if (session.carries) this.flush();
  }

  #onFailed(frame: UnderWay, refused: ParleyError): void {
    const { onAgain, onRefused } = this.#options;
    if (openVerdicts.includes(refused.code)) {
      this.#maybeUpTo = Math.max(this.#maybeUpTo, frame.upTo);
      onAgain(frame.upTo);
    }
    // Anything but a final verdict, such as a record that cannot be believed now, leaves what was accepted waiting.
    if (finalVerdicts.includes(refused.code)) onRefused(frame.upTo, refused);
    else if (unwelcome.includes(refused.code) && this.#isBlocked(frame, refused)) this.#passOver(frame);
    else if (this.#underWay.includes(frame)) this.#pause();
  }

  #isBlocked(frame: UnderWay, error: ParleyError): boolean {
    let maybeUpTo = this.#maybeUpTo;
    for (const other of this.#unanswered)
      if (other !== frame && other.from <= frame.upTo) maybeUpTo = Math.max(maybeUpTo, other.upTo);
    return this.#options.onBlocked(frame.from, frame.upTo, maybeUpTo, error);
  }

  /** Nothing in it needs to be stored any more: what comes behind it counts. */
  #passOver(frame: UnderWay): void {
    this.#underWay = this.#underWay.filter((each) => each !== frame);
    this.#pauseMs = firstPauseMs;
    this.#countStored();
  }

  /** What is stored behind a frame that is not could not be read: it does not count yet. */
  #onStored(frame: UnderWay): void {
    frame.stored = true;
    this.#maybeUpTo = Math.max(this.#maybeUpTo, frame.upTo);
    this.#pauseMs = firstPauseMs;
    this.#countStored();
  }

  #countStored(): void {
    for (let first = this.#underWay[0]; first?.stored === true; first = this.#underWay[0]) {
      this.#underWay.shift();
      // Of what was stored before, somebody took everything.
      if (this.#storedUpTo < this.#options.stream.base) this.#keptUntil = Infinity;
      this.#keptUntil = Math.min(this.#keptUntil, first.expires - limits.clockSkewMs);
      this.#storedUpTo = Math.max(this.#storedUpTo, first.upTo);
      this.#options.onStored(first.from, first.upTo, first.path);
    }
  }

  /** A broken session needs no pause: the next one is the time to go on. */
  #pause(): void {
    this.#rewind();
    if (!this.#options.session.isOpen) return;
    this.#notBefore = this.#options.monotonic() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, mostPauseMs);
  }
}

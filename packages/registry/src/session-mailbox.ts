import type { Log } from "@parley/core";
import { type MemberKind, ParleyError, type PushBody } from "@parley/protocol";

import type { RegistryBounds } from "./bounds.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { InboxGrant } from "./inbox-leases.ts";
import type { MailboxAttempts } from "./mailbox-attempts.ts";
import { MailboxReader } from "./mailbox-reader.ts";
import type { Mailboxes, MailboxOwner } from "./mailboxes.ts";
import type { SessionServices } from "./session-services.ts";
import type { SessionSocket } from "./session-socket.ts";
import type { Session, SessionIdentity } from "./session.ts";

export interface SessionMailboxOptions {
  readonly store: Pick<Log, "read">;
  readonly mailboxes: Mailboxes;
  readonly deadLetters: DeadLetters;
  readonly attempts: MailboxAttempts;
  readonly bounds: RegistryBounds;
  readonly now: () => number;
  readonly member: string;
  readonly kind: MemberKind;
  readonly device: string;
  readonly boot: string;
  /** How far a person's device got before. */
  readonly cursor: number | undefined;
  /** The devices as they are listed now. */
  readonly owner: () => MailboxOwner;
  readonly deliver: (bytes: Uint8Array, offset: number) => void;
  readonly onTrimmed: (body: PushBody<"mailbox.trimmed">) => void;
  readonly onDeadLetter: () => void;
  readonly isFull: () => boolean;
  /** Whether an operator paused the member. */
  readonly isPaused: () => boolean;
  readonly onceDrained: (go: () => void) => void;
  readonly onError: (error: unknown) => void;
}

/** The mailbox as one session sees it. A person's device always reads; an agent's while it holds the inbox. */
export class SessionMailbox {
  readonly #options: SessionMailboxOptions;
  /** Grows when a frame is taken out of the device's way. */
  #cursor: number | undefined;
  #reader: MailboxReader | undefined;
  #grant: InboxGrant | undefined;
  #opening = false;
  #tookSomething = false;
  /** Reading broke off at an error of the store. */
  #isStuck = false;
  #closed = false;

  constructor(options: SessionMailboxOptions) {
    this.#options = options;
    this.#cursor = options.cursor;
  }

  /** There may be more in it. */
  changed(): void {
    if (this.#closed) return;
    if (this.#options.isPaused()) return this.#stopReading();
    if (this.#reader !== undefined) return this.#reader.kick();
    if (this.#options.kind === "agent" && this.#grant === undefined) return;
    if (this.#opening) return;
    this.#opening = true;
    this.#open()
      .catch((error: unknown) => this.#stuck(error))
      .finally(() => (this.#opening = false));
  }

  /** Goes on where the store failed. Called regularly. */
  beat(): void {
    if (!this.#isStuck) return;
    this.#isStuck = false;
    this.changed();
  }

  #stuck(error: unknown): void {
    this.#isStuck = true;
    this.#options.onError(error);
  }

  /** The device holds the inbox of its agent, or still does. */
  granted(grant: InboxGrant): void {
    if (this.#grant?.generation !== grant.generation) this.#stopReading();
    this.#grant = grant;
    this.changed();
  }

  /** It does not hold the inbox any more. */
  lost(): void {
    this.#grant = undefined;
    this.#stopReading();
  }

  /** Whether an acknowledgement goes on from the last one: such ones are bounded by what was pushed. */
  isProgress(offset: number): boolean {
    return this.#reader?.makesRoom(offset) === true;
  }

  /** The device took everything up to an offset. */
  async acknowledge(offset: number): Promise<void> {
    const { mailboxes, attempts, owner, device } = this.#options;
    this.#tookSomething = true;
    attempts.took(device);
    this.#reader?.acknowledged(offset);
    await mailboxes.ack(owner(), device, offset);
  }

  /** Makes a frame a dead letter. Throws `not_found` when it is not in the mailbox. */
  async refuse(offset: number, code: ParleyError["code"]): Promise<void> {
    const { mailboxes, deadLetters, member, device } = this.#options;
    const frame = await mailboxes.frame(member, offset);
    if (frame === undefined)
      throw new ParleyError("not_found", { message: "There is no frame at this offset of the mailbox." });
    if (await deadLetters.bury(member, offset, frame, device, code)) this.#options.onDeadLetter();
  }

  /** The session ends. `isBroken`: nobody closed it. */
  close(isBroken: boolean): void {
    this.#closed = true;
    const { attempts, device, boot } = this.#options;
    const offset = this.#reader?.firstUnacknowledged;
    if (isBroken && !this.#tookSomething && offset !== undefined) attempts.stopped(device, boot, offset);
    this.#stopReading();
  }

  #stopReading(): void {
    this.#reader?.stop();
    this.#reader = undefined;
  }

  async #open(): Promise<void> {
    await this.#takeOutStuck();
    if (this.#closed || this.#reader !== undefined || this.#options.isPaused()) return;
    const { store, mailboxes, bounds, now, member, kind, device, owner, deliver, onTrimmed, isFull, onceDrained } =
      this.#options;
    if (kind === "agent" && this.#grant === undefined) return;
    this.#reader = new MailboxReader({
      log: store,
      member,
      cursor: this.#cursor,
      gap: () => mailboxes.gap(member),
      taken: () => mailboxes.taken(owner(), device),
      uncertainTo: this.#grant?.uncertainTo ?? 0,
      now,
      deliver,
      aheadFrames: bounds.mailboxAheadFrames,
      aheadBytes: bounds.mailboxAheadBytes,
      isFull,
      onceDrained,
      onTrimmed: (from, to, reason) => onTrimmed({ from, to, reason }),
      onError: (error) => this.#stuck(error),
    });
    this.#reader.kick();
  }

  /** A frame that the device never gets past, start after start, must not hold up the others. */
  async #takeOutStuck(): Promise<void> {
    const { attempts, device, kind, mailboxes, owner } = this.#options;
    const offset = attempts.stuckAt(device);
    if (offset === undefined) return;
    await this.refuse(offset, "timeout").catch((error: unknown) => {
      // It is gone already.
      if (!(error instanceof ParleyError && error.code === "not_found")) throw error;
    });
    await mailboxes.ack(owner(), device, offset);
    attempts.helped(device);
    if (kind === "person") this.#cursor = Math.max(this.#cursor ?? 0, offset);
  }
}

/** A session that opens, as its mailbox sees it. */
interface OpenSession extends Pick<SessionMailboxOptions, "boot" | "cursor" | "onError"> {
  readonly session: Session;
  readonly socket: SessionSocket;
}

/** The mailbox of a session, by what its node has. */
export function openMailbox(
  { session, socket, boot, cursor, onError }: OpenSession,
  { member, kind, device }: SessionIdentity,
  { store, mailboxes, deadLetters, attempts, bounds, now, directory, inboxes, counters }: SessionServices,
): SessionMailbox {
  return new SessionMailbox({
    store,
    mailboxes,
    deadLetters,
    attempts,
    bounds,
    now,
    member,
    kind,
    device,
    boot,
    cursor,
    owner: () => {
      const entry = directory.get(member);
      if (entry === undefined) throw new ParleyError("unknown_member");
      return { member, kind, devices: entry.devices };
    },
    deliver: (bytes, offset) => {
      counters.delivered++;
      if (kind === "agent") inboxes.pushed(session, offset);
      session.deliver(bytes);
    },
    onDeadLetter: () => void counters.deadLetters++,
    onTrimmed: (body) => session.push("mailbox.trimmed", body),
    isPaused: () => session.isPaused,
    isFull: () => socket.bufferedBytes > bounds.mailboxAheadBytes,
    onceDrained: (go) => socket.onceDrained(go),
    onError,
  });
}

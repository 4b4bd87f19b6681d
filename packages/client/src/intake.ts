/**
 * The way in of durable messages, put together: how far the mailbox is read, whether this device takes its member's
 * messages, the inbox on disk, the lanes to the program, and the receipts for all that.
 */
import type { Clock, Journal, JournalState, MeshTrust, Random } from "@parley/core";

import type { DeviceEnding } from "./device-ending.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Gate } from "./gate.ts";
import { InboxHolder } from "./inbox-holder.ts";
import { InboxLanes, type Waiting } from "./inbox-lanes.ts";
import { Inbox, type Source } from "./inbox.ts";
import { MailboxAcks, type MailboxState } from "./mailbox-acks.ts";
import type { DeviceMetrics } from "./metrics.ts";
import type { Notices } from "./notices.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { Peers } from "./peers.ts";
import { ReceiptWriter } from "./receipt-writer.ts";
import type { Relay } from "./relay.ts";
import type { Session } from "./session.ts";
import type { WriteAgain } from "./write-again.ts";

export interface IntakeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly trust: MeshTrust;
  readonly own: OwnDevices;
  readonly session: Session;
  readonly relay: Relay;
  readonly peers: Peers;
  readonly exchanges: Exchanges;
  readonly ending: DeviceEnding;
  readonly gate: Gate;
  readonly metrics: DeviceMetrics;
  readonly notices: Notices;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly acks: MailboxAcks;
  readonly holder: InboxHolder;
  readonly receipts: ReceiptWriter;
  readonly lanes: InboxLanes;
  readonly inbox: Inbox;

  /** Of `options`, `relay`, `peers`, `exchanges` and `ending` may come to be later than this. */
  constructor(options: IntakeOptions, state: JournalState) {
    this.#options = options;
    const { clock, random, journal, writes, trust, own, session, notices } = options;
    const { member, device, kind } = own.identity;
    const onError = notices.failed;
    this.acks = new MailboxAcks({
      session,
      clock,
      random,
      again: (frame) => options.relay.again(frame),
      onLeft: () => this.holder.onLeft(),
      onError,
    });
    this.holder = new InboxHolder({
      session,
      clock,
      kind,
      listed: () => own.listed,
      settle: () => options.ending.acknowledged(),
      onGeneration: () => this.acks.letGo(),
      onLost: () => {
        this.acks.letGo();
        this.lanes.handOver();
      },
      onError,
    });
    this.receipts = new ReceiptWriter({ mesh: trust.mesh, member, device, clock, onError });
    this.lanes = new InboxLanes({
      journal,
      writes,
      now: () => clock.now(),
      // By the clock: a process that stood still, or was cut off, may not have heard that its lease ran out.
      // What was committed before an operator's pause came waits like what is sent during it.
      mayHand: (entry) => (options.gate.isPaused ? Promise.resolve(false) : options.exchanges.mayHand(entry)),
      handle: (entry) => options.exchanges.onEntry(this.holder.isSole ? entry : { ...entry, redelivered: true }),
      onEnd: (entry, end) => this.#onEnd(entry, end),
      onError,
    });
    this.inbox = new Inbox(
      {
        journal,
        writes,
        clock,
        registryTime: () => session.registryTime,
        holdsInbox: () => this.holder.holds,
        isOwn: (other) => other === member,
        isShared: () => kind === "person" && own.listed > 1,
        lanes: this.lanes,
        messages: {
          refusalOf: (sender, envelope) => options.exchanges.conversations.intake.refusalOf(sender, envelope),
          isSuspect: (sender) => options.exchanges.conversations.intake.isSuspect(sender),
        },
        onKept: (entry, source) => options.exchanges.conversations.onKept(entry, source.member),
        onNote: (source, envelope) => options.exchanges.takeNote(source.member, envelope),
        onCommitted: (source, epoch, from, to) => this.receipts.note(source, epoch, "delivered", from, to),
        onGap: (source, from, to) => this.#onGap(source, from, to),
        onError,
      },
      state.inbound,
    );
  }

  /** Something that was taken is not on disk yet, or not acknowledged. */
  get isBusy(): boolean {
    return this.inbox.isBusy || !this.acks.isQuiet;
  }

  onSession(mailbox: MailboxState): void {
    this.holder.onSession();
    this.acks.onSession(mailbox);
    this.receipts.onSession();
  }

  /** A person saw these messages: their senders are told. */
  async markRead(ids: readonly string[]): Promise<void> {
    const { journal, clock, peers } = this.#options;
    for (const id of ids) {
      const { records } = await journal.deliveries({ id, direction: "in" });
      const [record] = records;
      if (record?.device === undefined || record.state === "read") continue;
      const { peer: sender, device, epoch, seq } = record;
      await journal.noteInbox({ sender, device, epoch, seq }, { state: "read", at: clock.now() });
      const source = peers.existing(device);
      if (source !== undefined) this.receipts.note(source, epoch, "read", seq);
    }
  }

  stop(): void {
    this.acks.stop();
    this.inbox.stop();
    this.holder.stop();
  }

  /** A receipt for the device that sent it, as it is known now. */
  #onEnd(entry: Waiting, end: "handled" | "dead-lettered"): void {
    const to = this.#options.peers.existing(entry.device);
    if (to !== undefined) this.receipts.note(to, entry.epoch, end, entry.seq);
  }

  #onGap({ member, device }: Source, from: number, to: number): void {
    const { metrics, notices } = this.#options;
    metrics.count("gaps", { reason: "mailbox" }, to - from + 1);
    notices.emit({ type: "gap", member: member.member, name: member.name, device, from, to });
  }
}

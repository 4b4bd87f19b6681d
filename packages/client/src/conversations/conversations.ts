/** What is said between members, put together: direct messages, contacts, what a person's devices tell each other. */
import {
  type Archive,
  type Clock,
  type Journal,
  openMemoryArchive,
  type MeshTrust,
  type Random,
  type VerifiedMember,
} from "@parley/core";
import { envelopeKinds, type Sync } from "@parley/protocol";

import type { DeviceOptions } from "../device-options.ts";
import type { DirectMessages } from "../direct-messages.ts";
import type { Directory } from "../directory.ts";
import type { Gate } from "../gate.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import { isGuestRole } from "../guards/sender-trust.ts";
import type { KeptEntry } from "../inbox.ts";
import type { Notices } from "../notices.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Peers } from "../peers.ts";
import type { Recipients } from "../recipients.ts";
import type { Session } from "../session.ts";
import type { UsageMeter } from "../usage-meter.ts";
import type { ContactBook } from "./contact-book.ts";
import { Contacts } from "./contacts.ts";
import { ConversationLog, directConversation } from "./conversation-log.ts";
import { DirectIntake, idOfEntry } from "./direct-intake.ts";
import { DirectSpeech } from "./direct-speech.ts";
import { OwnSync } from "./own-sync.ts";
import { TypingNotices } from "./typing-notices.ts";

export interface ConversationsOptions {
  readonly settings: Pick<DeviceOptions, "archive" | "strangers">;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly trust: MeshTrust;
  readonly contacts: ContactBook;
  readonly own: OwnDevices;
  readonly session: Session;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly recipients: Recipients;
  readonly notices: Notices;
  readonly guards: { readonly outgoing: Outgoing };
  readonly gate: Gate;
  readonly meter: UsageMeter;
}

/** Messages that a device without an archive of its own remembers. */
const defaultMessages = 1000;
/** Who has to be accepted, by the setting `strangers`. */
const askedOf = { ask: "all", guests: "guests", take: "none" } as const;

export class Conversations {
  readonly #options: ConversationsOptions;
  readonly #messages: () => DirectMessages;
  /** Devices of the own member. */
  #listed: number;
  readonly archive: Archive;
  readonly log: ConversationLog;
  readonly sync: OwnSync;
  readonly contacts: Contacts;
  readonly intake: DirectIntake;
  readonly speech: DirectSpeech;
  readonly typing: TypingNotices;

  /** `messages` is made after this. */
  constructor(options: ConversationsOptions, messages: () => DirectMessages) {
    this.#options = options;
    this.#messages = messages;
    this.#listed = options.own.listed;
    const { settings, clock, random, trust, own, session, directory, recipients, peers, notices } = options;
    const { member, name, kind, device } = own.identity;
    const onError = notices.failed;
    this.archive = settings.archive ?? openMemoryArchive({ maxMessages: defaultMessages });
    this.log = new ConversationLog({ archive: this.archive, notices, soon: (run) => clock.soon(run) });
    this.sync = new OwnSync({
      own,
      streams: () => peers.streams,
      contacts: () => this.contacts,
      log: this.log,
      now: () => session.registryTime,
      onError,
    });
    const sync = (news: Sync): void => this.sync.tell(news);
    this.contacts = new Contacts({
      book: options.contacts,
      mesh: trust.mesh,
      member,
      asks: askedOf[settings.strangers ?? (kind === "person" ? "ask" : "guests")],
      isGuest: (who) => directory.known(who)?.verified.roles.some(isGuestRole) === true,
      clock,
      random,
      session,
      notices,
      sync,
      onSecret: (who) => {
        this.intake.openAgain(who).catch(onError);
      },
    });
    this.intake = new DirectIntake({
      mesh: trust.mesh,
      member,
      contacts: this.contacts,
      mayWrite: (sender) => options.gate.decide(sender, { action: "message" }).allowed,
      hasPolicy: () => trust.orderNumbers.policy > 0,
      log: this.log,
      onError,
    });
    this.speech = new DirectSpeech({
      mesh: trust.mesh,
      own: { member, name, device: device.id },
      contacts: this.contacts,
      log: this.log,
      random,
      now: () => session.registryTime,
      recipient: (to) => recipients.member(to),
      send: (view, body, how) => this.#messages().sendBody(view, body, how),
      sync,
      outgoing: options.guards.outgoing,
      onError,
    });
    this.typing = new TypingNotices({ clock, contacts: this.contacts, directory, peers, notices });
    notices.watch((event) => {
      if (event.type === "message") this.sync.onMessage(event.message);
      // What becomes of posts is told with them in their channel's history.
      if (event.type !== "delivery" || event.to.startsWith("#")) return;
      const { id, state, path } = event.delivery;
      const at = { type: "state" as const, conversation: directConversation(event.to), id, state };
      this.log.apply(path === undefined ? at : { ...at, path }).catch(onError);
    });
  }

  /** A direct message was committed. */
  onKept(entry: KeptEntry, sender: VerifiedMember): void {
    if (entry.envelope.kind !== envelopeKinds.message) return;
    const { created, body } = entry.envelope;
    const { device, receivedAt, path = "mailbox" } = entry;
    // What waited was sent at another time; its sender counted it then.
    if (path !== "mailbox" && sender.member !== this.#options.own.identity.member) this.#options.meter.took(sender);
    // Whoever waits for it hears of what went wrong; the rest is in the inbox, and taken up at the next start.
    this.intake
      .keep({ id: idOfEntry(entry), sender, device, created, receivedAt, path, body })
      .catch(this.#options.notices.failed);
  }

  /** This member's list of devices changed. Of several devices one tells a new one, that with the root key: it was there first. */
  onOwnDevices(): void {
    const { listed, identity } = this.#options.own;
    if (listed > this.#listed && identity.root !== undefined) this.contacts.onNewDevice();
    this.#listed = listed;
  }

  /** A session begins. */
  onSession(): void {
    this.contacts.onSession();
  }
}

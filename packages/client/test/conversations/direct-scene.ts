/** Contacts, their book, the archive and what is taken into it, without a registry. */
import { type Archive, type Journal, openMemoryArchive, openMemoryJournal, type VerifiedMember } from "@parley/core";
import { ParleyError, type Sync } from "@parley/protocol";
import { FakeClock, SeededRandom, testId } from "@parley/testkit";

import { ContactBook } from "../../src/conversations/contact-book.ts";
import { Contacts } from "../../src/conversations/contacts.ts";
import { ConversationLog } from "../../src/conversations/conversation-log.ts";
import { DirectIntake } from "../../src/conversations/direct-intake.ts";
import type { DeviceEvent } from "../../src/device-api.ts";

export const bob = { member: testId("b"), name: "bob" };
export const carol = { member: testId("c"), name: "carol" };
const own = testId("a");

export const verified = (who: typeof bob): VerifiedMember => who as unknown as VerifiedMember;

export class DirectScene {
  readonly clock = new FakeClock();
  readonly archive: Archive;
  readonly log: ConversationLog;
  readonly contacts: Contacts;
  readonly intake: DirectIntake;
  readonly events: DeviceEvent[] = [];
  readonly errors: unknown[] = [];
  /** What a person's other devices are told. */
  readonly told: Sync[] = [];
  /** Lists of `blocks.set`. */
  readonly blocks: (readonly string[])[] = [];
  readonly session = {
    isOpen: true,
    request: (_type: string, body: object): Promise<never> => {
      if ("blocked" in body) this.blocks.push(body.blocked as readonly string[]);
      return Promise.reject(new ParleyError("closed"));
    },
  };

  private constructor(book: ContactBook, { asksFirst, archive }: { asksFirst: boolean; archive: Archive }) {
    const onError = (error: unknown): void => void this.errors.push(error);
    const notices = { emit: (event: DeviceEvent): void => void this.events.push(event), failed: onError };
    this.archive = archive;
    this.log = new ConversationLog({ archive, notices, soon: (run) => queueMicrotask(run) });
    this.contacts = new Contacts({
      book,
      mesh: testId("m"),
      member: own,
      asks: asksFirst ? "all" : "none",
      isGuest: () => false,
      clock: this.clock,
      random: new SeededRandom(1),
      session: this.session,
      notices,
      sync: (news) => void this.told.push(news),
      onSecret: () => undefined,
    });
    this.intake = new DirectIntake({
      mesh: testId("m"),
      member: own,
      contacts: this.contacts,
      mayWrite: () => true,
      hasPolicy: () => false,
      log: this.log,
      onError,
    });
  }

  /** A person's device, or with `asksFirst` false an agent's. */
  static async open({
    journal = openMemoryJournal(),
    asksFirst = true,
    archive = openMemoryArchive(),
  }: {
    journal?: Journal;
    asksFirst?: boolean;
    archive?: Archive;
  } = {}): Promise<DirectScene> {
    return new DirectScene(await ContactBook.open(journal), { asksFirst, archive });
  }
}

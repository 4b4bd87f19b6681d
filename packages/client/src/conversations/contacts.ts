/** Whom a member takes messages from, whose key was compared, and which conversations a shared secret protects. */
import { type Clock, type Random, safetyWords } from "@parley/core";
import { limits, ParleyError, type Sync } from "@parley/protocol";

import type { MemberView } from "../member-view.ts";
import type { Notices } from "../notices.ts";
import type { Session } from "../session.ts";
import type { Contact, ContactBook, ContactChange } from "./contact-book.ts";
import type { ContactStanding, ContactView, SafetyWords } from "./conversation-api.ts";
import { createSecret, readSecret, type SharedSecret } from "./shared-secret.ts";

export interface ContactsOptions {
  readonly book: ContactBook;
  readonly mesh: string;
  /** The own member's id. */
  readonly member: string;
  /** Whether strangers have to be accepted before they may write more than a few messages. */
  readonly asksFirst: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly session: Pick<Session, "isOpen" | "request">;
  readonly notices: Pick<Notices, "emit" | "failed">;
  /** Tells a person's other devices. */
  readonly sync: (news: Sync) => void;
  /** Another secret holds: what could not be opened is tried again. */
  readonly onSecret: (member: string) => void;
}

/** Strangers whose messages are counted in memory. */
const mostLetIn = 1024;

type Known = Pick<MemberView, "member" | "name">;

export class Contacts {
  readonly #options: ContactsOptions;
  /** Messages of strangers that were let in by this life of the process. */
  readonly #letIn = new Map<string, number>();

  constructor(options: ContactsOptions) {
    this.#options = options;
  }

  of(member: string): Contact | undefined {
    return this.#options.book.of(member);
  }

  secretOf(member: string): SharedSecret | undefined {
    return this.of(member)?.secret;
  }

  /** A decision about this member can make its messages unwelcome. */
  isSuspect(member: string): boolean {
    const contact = this.of(member);
    if (contact === undefined) return this.#options.asksFirst;
    return contact.standing === "blocked" || contact.secret !== undefined || this.#isStranger(contact);
  }

  /** Why a message of this member is not taken; undefined when it is let in, which counts. */
  refusalOf(member: string): "blocked" | "request_pending" | undefined {
    const contact = this.of(member);
    if (contact?.standing === "blocked") return "blocked";
    if (!this.#options.asksFirst || !(contact === undefined || this.#isStranger(contact))) return undefined;
    // What was let in a moment ago may not be written down yet.
    const waiting = Math.max(contact?.waiting ?? 0, this.#letIn.get(member) ?? 0);
    if (waiting >= limits.strangerMessages) return "request_pending";
    if (this.#letIn.size >= mostLetIn) this.#letIn.clear();
    this.#letIn.set(member, waiting + 1);
    return undefined;
  }

  /** A message of a member came. True when it is one of somebody who waits to be accepted. */
  async heardFrom(sender: Known): Promise<boolean> {
    const contact = this.of(sender.member);
    if (!this.#options.asksFirst || !(contact === undefined || this.#isStranger(contact))) return false;
    const change = { standing: "request" as const, waiting: (contact?.waiting ?? 0) + 1 };
    const changed = await this.#change(sender, change);
    if (contact?.standing !== "request") this.#tell(changed);
    return true;
  }

  /** This member writes to another one. Throws `blocked` and `key_changed`. */
  async writesTo(to: Known): Promise<void> {
    const contact = this.of(to.member);
    if (contact?.standing === "blocked")
      throw new ParleyError("blocked", { message: `You blocked @${to.name}; unblock it before you write to it.` });
    if (this.#isOther(to)) throw new ParleyError("key_changed", { data: { member: to.member } });
    if (contact === undefined || contact.standing !== "accepted") await this.#change(to, { standing: "accepted" });
  }

  view(of: Known | { readonly member: string; readonly name: undefined }): ContactView {
    const contact = this.of(of.member);
    const name = of.name ?? contact?.name;
    const isOther = name !== undefined && this.#isOther({ member: of.member, name });
    return {
      member: of.member,
      name,
      standing: contact?.standing ?? "unknown",
      trust: isOther ? "changed" : contact?.verified === true ? "verified" : "unverified",
      secret: contact?.secret?.kind ?? "none",
    };
  }

  all(standing?: ContactStanding): readonly ContactView[] {
    return this.#options.book
      .all()
      .filter((contact) => standing === undefined || contact.standing === standing)
      .map((contact) => this.view(contact));
  }

  async accept(who: Known): Promise<void> {
    this.#letIn.delete(who.member);
    this.#decided(await this.#change(who, { standing: "accepted", waiting: 0 }));
  }

  async block(who: Known): Promise<void> {
    const { book } = this.#options;
    if (this.of(who.member)?.standing !== "blocked" && book.blocked.length >= limits.blocked)
      throw new ParleyError("limit_reached", { message: `At most ${limits.blocked} members are blocked.` });
    this.#decided(await this.#change(who, { standing: "blocked", waiting: 0 }));
    this.#tellRegistry();
  }

  async unblock(who: Known): Promise<void> {
    if (this.of(who.member)?.standing !== "blocked") return;
    this.#decided(await this.#change(who, { standing: "unknown" }));
    this.#tellRegistry();
  }

  async words(who: Known): Promise<SafetyWords> {
    const { mesh, member } = this.#options;
    const words = await safetyWords(mesh, [member, who.member]);
    return { member: who.member, name: who.name, words, trust: this.view(who).trust };
  }

  async verify(who: Known): Promise<void> {
    this.#decided(await this.#change(who, { verified: true }));
  }

  /** Answers the text to hand over. */
  async newSecret(who: Known): Promise<string> {
    const { secret, text } = createSecret(this.#options.random);
    await this.#keepSecret(who, secret);
    return text;
  }

  async setSecret(who: Known, text: string): Promise<ContactView["secret"]> {
    const { mesh, member } = this.#options;
    const secret = await readSecret(text, mesh, [member, who.member]);
    await this.#keepSecret(who, secret);
    return secret.kind;
  }

  async removeSecret(who: Known): Promise<void> {
    await this.#keepSecret(who, undefined);
  }

  /** Another device of this person decided something. The newer decision holds. */
  async onSync({ member, name, at, secret, ...decided }: Sync & { readonly type: "contact" }): Promise<void> {
    const before = this.of(member);
    if (before !== undefined && before.at >= at) return;
    const change = { ...decided, secret: secret ?? undefined, waiting: 0 };
    this.#tell(await this.#options.book.change(member, name, change, at));
    if (before?.secret?.key !== secret?.key) this.#options.onSecret(member);
  }

  /** A session begins: the registry may have forgotten, or never heard, whom this member blocks. */
  onSession(): void {
    if (this.#options.book.blocked.length > 0) this.#tellRegistry();
  }

  #isStranger({ standing }: Contact): boolean {
    return standing === "unknown" || standing === "request";
  }

  /** The name belongs to another member than the one that had it when it was decided about. */
  #isOther({ member, name }: Known): boolean {
    const before = this.#options.book.byName(name);
    return before !== undefined && before.member !== member && (before.verified || before.standing === "accepted");
  }

  async #keepSecret(who: Known, secret: SharedSecret | undefined): Promise<void> {
    this.#decided(await this.#change(who, { secret }));
    this.#options.onSecret(who.member);
  }

  #change({ member, name }: Known, change: ContactChange): Promise<Contact> {
    return this.#options.book.change(member, name, change, this.#options.clock.now());
  }

  #decided(contact: Contact): void {
    const { waiting: _, secret, ...decided } = contact;
    this.#options.sync({ type: "contact", ...decided, secret: secret ?? null });
    this.#tell(contact);
  }

  #tell(contact: Contact): void {
    this.#options.notices.emit({ type: "contact", contact: this.view(contact) });
  }

  /** What it cannot be told now, it is told with the next session; meanwhile this member's devices refuse. */
  #tellRegistry(): void {
    const { book, session, notices } = this.#options;
    if (session.isOpen) session.request("blocks.set", { blocked: [...book.blocked] }).catch(notices.failed);
  }
}

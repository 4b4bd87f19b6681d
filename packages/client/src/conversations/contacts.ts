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
  /** Who has to be accepted before it may write more than a few messages. */
  readonly asks: "all" | "guests" | "none";
  /** Whether a member is here as a guest, as far as is known. */
  readonly isGuest: (member: string) => boolean;
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

  /** A decision about this member, also one that does not hold any more, can have made its messages unwelcome. */
  isSuspect(member: string): boolean {
    if (this.#options.asks === "all" || this.#mustWait(member, this.of(member))) return true;
    const contact = this.of(member);
    return (
      contact !== undefined && (contact.standing !== "accepted" || contact.wasBlocked || contact.secret !== undefined)
    );
  }

  /** Whether this member takes what the other one says, unasked. */
  isWelcome(member: string): boolean {
    const contact = this.of(member);
    return contact?.standing !== "blocked" && !this.#mustWait(member, contact);
  }

  /** Why a message of this member is not taken; undefined when it is let in, which counts. */
  refusalOf(member: string): "blocked" | "request_pending" | undefined {
    const contact = this.of(member);
    if (contact?.standing === "blocked") return "blocked";
    if (!this.#mustWait(member, contact)) return undefined;
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
    if (!this.#mustWait(sender.member, contact)) return false;
    const change = { standing: "request" as const, waiting: (contact?.waiting ?? 0) + 1 };
    // Nothing is decided by that: what another device decided meanwhile, and tells later, still holds.
    const changed = await this.#options.book.change(sender.member, sender.name, change, contact?.at ?? 0);
    if (contact?.standing !== "request") this.#tell(changed);
    return true;
  }

  /** Whether what a member asks for may be done. One who has to wait is noted among those who ask. */
  async admits(who: Known): Promise<boolean> {
    const contact = this.of(who.member);
    if (contact?.standing === "blocked") return false;
    if (!this.#mustWait(who.member, contact)) return true;
    if (contact?.standing !== "request") await this.heardFrom(who);
    return false;
  }

  /** This member writes to another one. Throws `blocked` and `key_changed`. */
  async writesTo(to: Known): Promise<void> {
    const contact = this.of(to.member);
    if (contact?.standing === "blocked")
      throw new ParleyError("blocked", { message: `You blocked @${to.name}; unblock it before you write to it.` });
    if (this.#isOther(to)) throw new ParleyError("key_changed", { data: { member: to.member } });
    // What was decided on purpose on another device, such as a secret, goes before this.
    if (contact?.standing !== "accepted") await this.#decide(to, { standing: "accepted", waiting: 0 }, 0);
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
    await this.#decide(who, { standing: "accepted", waiting: 0 });
  }

  async block(who: Known): Promise<void> {
    const { book } = this.#options;
    if (this.of(who.member)?.standing !== "blocked" && book.blocked.length >= limits.blocked)
      throw new ParleyError("limit_reached", { message: `At most ${limits.blocked} members are blocked.` });
    await this.#decide(who, { standing: "blocked", waiting: 0 });
  }

  async unblock(who: Known): Promise<void> {
    if (this.of(who.member)?.standing !== "blocked") return;
    await this.#decide(who, { standing: "unknown" });
  }

  async words(who: Known): Promise<SafetyWords> {
    const { mesh, member } = this.#options;
    const words = await safetyWords(mesh, [member, who.member]);
    return { member: who.member, name: who.name, words, trust: this.view(who).trust };
  }

  async verify(who: Known): Promise<void> {
    await this.#decide(who, { verified: true, name: who.name });
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
    const { standing, verified } = decided;
    const change = { standing, verified, secret: secret ?? undefined, waiting: 0 };
    this.#changed(before, await this.#options.book.change(member, name, change, at));
    if (before?.secret?.key !== secret?.key) this.#options.onSecret(member);
  }

  /** This person has one more device, which knows nothing of what was decided before. */
  onNewDevice(): void {
    for (const contact of this.#options.book.all()) if (contact.at > 0) this.#tellDevices(contact);
  }

  /** A session begins: the registry may have forgotten, or never heard, whom this member blocks, or blocks no more. */
  onSession(): void {
    if (this.#options.book.all().some(({ standing, wasBlocked }) => standing === "blocked" || wasBlocked))
      this.#tellRegistry();
  }

  /** A stranger, until it is accepted. */
  #mustWait(member: string, contact: Contact | undefined): boolean {
    const { asks, isGuest } = this.#options;
    const standing = contact?.standing ?? "unknown";
    if (asks === "none" || (standing !== "unknown" && standing !== "request")) return false;
    return asks === "all" || isGuest(member);
  }

  /** The name belongs to another member than the one that had it when it was decided about. */
  #isOther({ member, name }: Known): boolean {
    const before = this.#options.book.byName(name);
    return before !== undefined && before.member !== member && (before.verified || before.standing === "accepted");
  }

  async #keepSecret(who: Known, secret: SharedSecret | undefined): Promise<void> {
    await this.#decide(who, { secret });
    this.#options.onSecret(who.member);
  }

  async #decide(who: Known, change: ContactChange, now = this.#options.clock.now()): Promise<void> {
    const before = this.of(who.member);
    // After what it follows, whatever the clock of the device where that was decided.
    const at = Math.max(now, (before?.at ?? 0) + 1);
    const contact = await this.#options.book.change(who.member, who.name, change, at);
    this.#tellDevices(contact);
    this.#changed(before, contact);
  }

  #tellDevices({ member, name, standing, verified, secret, at }: Contact): void {
    this.#options.sync({ type: "contact", member, name, standing, verified, secret: secret ?? null, at });
  }

  /** This device, or another one of this person, decided something. */
  #changed(before: Contact | undefined, contact: Contact): void {
    this.#letIn.delete(contact.member);
    if ((before?.standing === "blocked") !== (contact.standing === "blocked")) this.#tellRegistry();
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

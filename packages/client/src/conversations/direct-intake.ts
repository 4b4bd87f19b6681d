/**
 * Direct messages as they come: whether they are taken at all, opened when a shared secret protects them, and remembered,
 * in the order in which they were committed, whether or not a program reads them now.
 */
import { contentChange, type NewMessage, type VerifiedMember } from "@parley/core";
import {
  type AnyContent,
  anyContentSchema,
  decodeJson,
  type Envelope,
  envelopeId,
  envelopeKinds,
  knownContent,
  limits,
  type Path,
  toParleyError,
} from "@parley/protocol";

import { textOf } from "../body.ts";
import type { Contacts } from "./contacts.ts";
import { type ConversationLog, directConversation } from "./conversation-log.ts";
import { openContent } from "./shared-secret.ts";

/** A durable message that was committed, or a live one that came. */
export interface ArrivedMessage {
  readonly id: string;
  readonly sender: VerifiedMember;
  readonly device: string;
  readonly created: number;
  readonly receivedAt: number;
  readonly path: Path;
  readonly body: Uint8Array;
}

/** What became of it here. */
export interface TakenMessage {
  /** As it can be read: opened, or what could not be opened as it came. Undefined when it is no message at all. */
  readonly content: AnyContent | undefined;
  readonly protection: NewMessage["protection"];
  /** Its sender waits to be accepted. */
  readonly request: boolean;
}

export type MessageRefusal = "blocked" | "request_pending" | "secret_required" | "denied_by_policy";

export interface DirectIntakeOptions {
  readonly mesh: string;
  /** The own member's id. */
  readonly member: string;
  readonly contacts: Contacts;
  /** Whether the mesh's policy lets a member write to this one. */
  readonly mayWrite: (sender: VerifiedMember) => boolean;
  /** Whether operators published a policy, so that it may have refused something. */
  readonly hasPolicy: () => boolean;
  readonly log: ConversationLog;
  readonly onError: (error: unknown) => void;
}

/** Messages whose outcome is kept for the handler; of the others it is found again, as they are remembered already. */
const mostUnderWay = 1000;

export class DirectIntake {
  readonly #options: DirectIntakeOptions;
  /** By sender and id: a member may give its messages the ids of another's. */
  readonly #underWay = new Map<string, Promise<TakenMessage>>();
  /** What one member says is remembered in its order. */
  readonly #order = new Map<string, Promise<unknown>>();

  constructor(options: DirectIntakeOptions) {
    this.#options = options;
  }

  /** Whether a message of this member might be refused: others need no look. */
  isSuspect(member: string): boolean {
    return this.#options.hasPolicy() || this.#options.contacts.isSuspect(member);
  }

  /** Why a message is not taken; undefined when it is. Decided before it is committed. */
  refusalOf(sender: VerifiedMember, { kind, body }: Envelope): MessageRefusal | undefined {
    const { contacts, mayWrite } = this.#options;
    if (kind !== envelopeKinds.message) return undefined;
    if (!mayWrite(sender)) return "denied_by_policy";
    const { member } = sender;
    const refusal = contacts.refusalOf(member);
    if (refusal !== undefined) return refusal;
    // Once a secret protects the conversation, whoever can write without it is not believed to be the other side.
    return contacts.secretOf(member) !== undefined && contentIn(body)?.type !== "sealed"
      ? "secret_required"
      : undefined;
  }

  /** Remembers a message that was committed; what is remembered already stays. Resolves when it is on disk. */
  keep(message: ArrivedMessage): Promise<TakenMessage> {
    const sender = message.sender.member;
    const key = keyOf(sender, message.id);
    const known = this.#underWay.get(key);
    if (known !== undefined) return known;
    // Opening runs ahead; remembering follows the order.
    const opening = this.#open(sender, this.#options.member, contentIn(message.body));
    opening.catch(() => {});
    const before = this.#order.get(sender) ?? Promise.resolve();
    const taking = before.then(async () => this.#remember(message, await opening));
    const settled = taking.catch(this.#options.onError).then(() => {
      if (this.#order.get(sender) === settled) this.#order.delete(sender);
    });
    this.#order.set(sender, settled);
    if (this.#underWay.size >= mostUnderWay) this.#underWay.delete(this.#underWay.keys().next().value ?? "");
    this.#underWay.set(key, taking);
    // What could not be remembered now may be tried again.
    taking.catch(() => this.#underWay.delete(key));
    return taking;
  }

  /** The handler had it, or never will: nobody asks for its outcome again. */
  forget(sender: string, id: string): void {
    this.#underWay.delete(keyOf(sender, id));
  }

  /** Another secret holds with a member: what could not be opened is tried again. */
  async openAgain(member: string): Promise<void> {
    const { log, member: own } = this.#options;
    const conversation = directConversation(member);
    for (let after = 0, more = true; more;) {
      const page = await log.archive.messages({ conversation, after, limit: 100 });
      for (const { id, content, unreadable, author } of page.messages) {
        if (unreadable !== "no-secret" && unreadable !== "wrong-secret") continue;
        const opened = await this.#open(author, author === own ? member : own, content);
        if (opened.unreadable === undefined && opened.content !== undefined)
          await log.apply({ type: "opened", conversation, id, content: opened.content });
      }
      after = page.messages.at(-1)?.sort ?? after;
      ({ more } = page);
    }
  }

  async #open(from: string, to: string, content: AnyContent | undefined): Promise<OpenedContent> {
    const sealed = knownContent(content);
    if (sealed?.type !== "sealed") return { content, protection: "sealed" };
    const { mesh, contacts, member } = this.#options;
    const secret = contacts.secretOf(from === member ? to : from);
    if (secret === undefined) return { content, protection: "secret", unreadable: "no-secret" };
    try {
      return { content: await openContent(sealed, secret, { mesh, from, to }), protection: "secret" };
    } catch (error) {
      if (toParleyError(error).code !== "cannot_open") this.#options.onError(error);
      return { content, protection: "secret", unreadable: "wrong-secret" };
    }
  }

  async #remember(message: ArrivedMessage, opened: OpenedContent): Promise<TakenMessage> {
    const { contacts, log } = this.#options;
    const { id, sender, device, created, receivedAt, path } = message;
    const { content, protection, unreadable } = opened;
    if (content === undefined) return { content, protection, request: false };
    const conversation = directConversation(sender.member);
    const change = contentChange(content, conversation, sender.member, created);
    if (change !== undefined) {
      await log.apply(change);
      return { content, protection, request: false };
    }
    const isNew = (await log.archive.message(conversation, id)) === undefined;
    const request = isNew ? await contacts.heardFrom(sender) : contacts.of(sender.member)?.standing === "request";
    await log.apply(
      {
        type: "message",
        message: {
          conversation,
          id,
          author: sender.member,
          name: sender.name,
          device,
          created,
          taken: receivedAt,
          content,
          path,
          protection,
          own: false,
          ...(unreadable === undefined
            ? knownContent(content) !== undefined
              ? {}
              : { unreadable: "unknown" as const }
            : { unreadable }),
        },
      },
      request,
    );
    return { content, protection, request };
  }
}

const keyOf = (sender: string, id: string): string => `${sender}:${id}`;

interface OpenedContent {
  readonly content: AnyContent | undefined;
  readonly protection: NewMessage["protection"];
  readonly unreadable?: "no-secret" | "wrong-secret";
}

/** What a body says; undefined when it is not of the documented form. */
export function contentIn(body: Uint8Array): AnyContent | undefined {
  try {
    const content = decodeJson(anyContentSchema, textOf(body), limits.envelopeBytes);
    return content.ok ? content.value : undefined;
  } catch {
    return undefined;
  }
}

/** The id of a committed message, also of one that was accepted in another epoch. */
export function idOfEntry(entry: {
  readonly epoch: string;
  readonly seq: number;
  readonly envelope: Envelope;
}): string {
  const { origin } = entry.envelope;
  return envelopeId(origin?.epoch ?? entry.epoch, origin?.seq ?? entry.seq);
}

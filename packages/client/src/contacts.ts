/** The devices that this one has met, by id, as many as the limits allow. */
import { limits, ParleyError } from "@parley/protocol";

import type { Contact } from "./contact.ts";
import type { LinkView } from "./device-api.ts";
import type { Peer } from "./peer.ts";

export class Contacts implements Iterable<Contact> {
  readonly #byDevice = new Map<string, Contact>();

  [Symbol.iterator](): Iterator<Contact> {
    return this.#byDevice.values();
  }

  get(device: string): Contact | undefined {
    return this.#byDevice.get(device);
  }

  add(contact: Contact): void {
    this.#byDevice.set(contact.peer.device, contact);
  }

  /** Devices of a member. */
  of(member: string): readonly Peer[] {
    return this.#peers().filter((peer) => peer.member.member === member);
  }

  /** Everything linked right now. */
  linked(): readonly Peer[] {
    return this.#peers().filter(({ link }) => link !== undefined);
  }

  views(): readonly LinkView[] {
    return [...this].flatMap((contact) => (contact.peer.link === undefined ? [] : [contact.view(contact.peer.link)]));
  }

  /** Something is about to be written for a device that can be reached. */
  get isFlushing(): boolean {
    return this.#peers().some(({ isFlushing }) => isFlushing);
  }

  /** Something is unacknowledged on the way to whoever is here. */
  get isUnderWay(): boolean {
    return this.#peers().some((peer) => peer.isFlushing || (peer.hasUnacked && peer.path !== "mailbox"));
  }

  /** Makes room for one more: gives what was not asked for longest and is forgotten for it. Throws `limit_reached`. */
  makeRoom(): Contact | undefined {
    if (this.#byDevice.size < limits.contacts) return undefined;
    const [longest] = [...this].filter(({ isIdle }) => isIdle).toSorted((left, right) => left.lastMet - right.lastMet);
    if (longest === undefined) throw new ParleyError("limit_reached");
    this.#byDevice.delete(longest.peer.device);
    return longest;
  }

  /** Below the bound on links, or the longest idle one gives way. */
  makeRoomForLink(): void {
    const open = this.linked();
    if (open.length < limits.links) return;
    const idle = open.toSorted((left, right) => (left.link?.lastUsed ?? 0) - (right.link?.lastUsed ?? 0))[0];
    if (idle !== undefined) this.get(idle.device)?.dialer?.close("idle");
  }

  #peers(): readonly Peer[] {
    return [...this].map(({ peer }) => peer);
  }
}

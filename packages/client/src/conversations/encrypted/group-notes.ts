/** What this device knows of the devices in one channel's group, beside the group's own keys: durable before anything is built on it. */
import type { GroupDevice, GroupState } from "@parley/core";

import { type GroupFacts, type GroupStore, maxInvitationCharacters, noFacts } from "./group-store.ts";

/** Members that were taken out and are remembered: those of whom it is longest ago are forgotten. */
const mostRemoved = 256;

export class GroupNotes {
  readonly #store: GroupStore;
  #facts: GroupFacts = noFacts;

  constructor(store: GroupStore) {
    this.#store = store;
  }

  async load(): Promise<void> {
    this.#facts = await this.#store.facts();
  }

  /** Keys of devices that were on their members' lists when they came in, by device id. */
  get keys(): Readonly<Record<string, string>> {
    return this.#facts.keys;
  }

  /** What lets this member's devices in. */
  get invitation(): string | undefined {
    return this.#facts.invitation;
  }

  /** Whether the others did not let this device in by what it has. */
  isRefused(invitation: string | undefined): boolean {
    return this.#facts.refused === (invitation ?? "");
  }

  /** When a member's last device was taken out, ms since 1970; undefined for one that came back since. */
  removedAt(member: string): number | undefined {
    return this.#facts.removed[member];
  }

  /** Whether nothing is sealed before this device is out of the group. */
  isUnwelcome({ device }: GroupDevice): boolean {
    return this.#facts.unwelcome.includes(device);
  }

  noteKey(device: string, key: string): Promise<void> {
    if (this.#facts.keys[device] === key) return Promise.resolve();
    return this.#save({ keys: { ...this.#facts.keys, [device]: key } });
  }

  /** One that is too long is none, and would make all that is kept here unreadable. */
  noteInvitation(invitation: string | undefined): Promise<void> {
    if (invitation === undefined || invitation === this.#facts.invitation) return Promise.resolve();
    if (invitation.length > maxInvitationCharacters) return Promise.resolve();
    return this.#save({ invitation });
  }

  noteRefused(): Promise<void> {
    return this.#save({ refused: this.#facts.invitation ?? "" });
  }

  /** A commit leads to this state and took these out. */
  async noteRemoved(removed: readonly GroupDevice[], { devices }: GroupState, at: number): Promise<void> {
    const gone = removed.filter(({ member }) => !devices.some((device) => device.member === member));
    if (gone.length === 0) return;
    const all = new Map([...Object.entries(this.#facts.removed), ...gone.map(({ member }) => [member, at] as const)]);
    const newest = [...all].toSorted(([, one], [, other]) => other - one).slice(0, mostRemoved);
    await this.#save({ removed: Object.fromEntries(newest) });
  }

  async noteWelcome({ member, device }: GroupDevice): Promise<void> {
    const { removed, unwelcome } = this.#facts;
    if (removed[member] === undefined && !unwelcome.includes(device)) return;
    const { [member]: _, ...others } = removed;
    await this.#save({ removed: others, unwelcome: unwelcome.filter((each) => each !== device) });
  }

  async noteUnwelcome(devices: readonly GroupDevice[]): Promise<void> {
    const ids = devices.map(({ device }) => device);
    if (ids.length > 0) await this.#save({ unwelcome: [...new Set([...this.#facts.unwelcome, ...ids])] });
  }

  /** What is known of devices that are out of the group is of no use any more. */
  async prune({ devices }: GroupState): Promise<void> {
    const here = new Set(devices.map(({ device }) => device));
    const { keys, unwelcome } = this.#facts;
    if ([...Object.keys(keys), ...unwelcome].every((device) => here.has(device))) return;
    await this.#save({
      keys: Object.fromEntries(Object.entries(keys).filter(([device]) => here.has(device))),
      unwelcome: unwelcome.filter((device) => here.has(device)),
    });
  }

  #save(change: Partial<GroupFacts>): Promise<void> {
    this.#facts = { ...this.#facts, ...change };
    return this.#store.saveFacts(this.#facts);
  }
}

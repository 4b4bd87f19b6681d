/**
 * Which of a member's devices a task goes to. Presence tells how many tasks each has at work, a moment late: calls of this
 * device that it cannot count in yet are added, so that tasks delegated at once do not all go to the same place.
 */
import type { DevicePresence } from "@parley/protocol";

import type { MemberView } from "../member-view.ts";

/** Calls of this device towards another one. */
interface OwnCalls {
  count: number;
  /** The newest word of presence that was looked at, and how many of the calls it is taken to count in. */
  heard: DevicePresence | undefined;
  counted: number;
}

export class TaskPlacement {
  readonly #ownDevice: string;
  readonly #calls = new Map<string, OwnCalls>();

  constructor(ownDevice: string) {
    this.#ownDevice = ownDevice;
  }

  /** A call to a device of this view begins; what is returned is called at its end, once. */
  begin({ devices }: MemberView, device: string): () => void {
    const calls = this.#calls.get(device) ?? { count: 0, heard: undefined, counted: 0 };
    this.#calls.set(device, calls);
    hear(
      calls,
      devices.find((presence) => presence.device === device),
    );
    calls.count++;
    return () => {
      calls.count--;
      if (calls.count === 0) this.#calls.delete(device);
    };
  }

  /** Tasks at work on a device: what presence says, and own calls begun since. */
  loadOf(presence: DevicePresence): number {
    const calls = this.#calls.get(presence.device);
    if (calls === undefined) return presence.load;
    hear(calls, presence);
    return presence.load + Math.max(0, calls.count - calls.counted);
  }

  /** The load of a member's least loaded connected device; Infinity when none is connected. */
  loadOfMember({ devices }: MemberView): number {
    return Math.min(...devices.filter(({ state }) => state === "connected").map((device) => this.loadOf(device)));
  }

  /**
   * Connected devices of a member, the one to talk to first: by load, then linked ones. Equal ones are in an order that
   * differs from device to device, so that not everybody goes to the same one.
   */
  order({ devices }: MemberView, isLinked: (device: string) => boolean): readonly DevicePresence[] {
    return devices
      .filter(({ state }) => state === "connected")
      .map((presence) => ({
        presence,
        load: this.loadOf(presence),
        linked: isLinked(presence.device) ? 0 : 1,
        turn: turnOf(this.#ownDevice + presence.device),
      }))
      .toSorted((one, other) => one.load - other.load || one.linked - other.linked || one.turn - other.turn)
      .map(({ presence }) => presence);
  }
}

/** What presence says anew is taken to count in all the calls that were begun before. */
function hear(calls: OwnCalls, presence: DevicePresence | undefined): void {
  if (presence === undefined || calls.heard === presence) return;
  calls.heard = presence;
  calls.counted = Math.min(calls.count, presence.load);
}

/** A number that looks random and is always the same for a text (FNV-1a, 32 bits). */
function turnOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}

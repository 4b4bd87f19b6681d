import type { Clock } from "@parley/core";
import type { Availability, DevicePresence, MemberEntry, MemberRecord } from "@parley/protocol";

import type { Liveness } from "./directory.ts";
import { Tick } from "./tick.ts";

/** Who is told when the devices or the statements of members that it watches change. */
export interface PresenceWatcher {
  presenceChanged(member: string, devices: DevicePresence[]): void;
  memberChanged(member: string, record: MemberRecord): void;
}

interface MemberPresence {
  readonly devices: Map<string, DevicePresence>;
  availability: Availability | undefined;
}

export interface PresenceChange {
  readonly load?: number | undefined;
  readonly consumer?: "reading" | "idle" | undefined;
  readonly availability?: Availability | undefined;
}

/** Presence of the devices at this node: in memory, never a record. A device that went is not listed any more. */
export class Presence implements Liveness {
  readonly #now: () => number;
  readonly #members = new Map<string, MemberPresence>();
  readonly #watchers = new Map<string, Set<PresenceWatcher>>();
  readonly #watched = new Map<PresenceWatcher, readonly string[]>();
  #changed = new Set<string>();
  readonly #tick: Tick;

  constructor(clock: Clock) {
    this.#now = () => clock.now();
    this.#tick = new Tick(
      (run) => clock.soon(run),
      () => this.#tell(),
    );
  }

  connect(member: string, device: string, boot: string): void {
    const presence = this.#members.get(member) ?? { devices: new Map(), availability: undefined };
    this.#members.set(member, presence);
    presence.devices.set(device, { device, state: "connected", boot, since: this.#now(), load: 0, consumer: "idle" });
    this.#change(member);
  }

  disconnect(member: string, device: string): void {
    const presence = this.#members.get(member);
    if (presence?.devices.delete(device) !== true) return;
    if (presence.devices.size === 0) this.#members.delete(member);
    this.#change(member);
  }

  /** Whether the device answers its node's pings. */
  heard(member: string, device: string, state: "connected" | "stale"): void {
    const presence = this.#members.get(member);
    const before = presence?.devices.get(device);
    if (presence === undefined || before === undefined || before.state === state) return;
    presence.devices.set(device, { ...before, state, since: this.#now() });
    this.#change(member);
  }

  /** What the device says of itself. */
  set(member: string, device: string, change: PresenceChange): void {
    const presence = this.#members.get(member);
    const before = presence?.devices.get(device);
    if (presence === undefined || before === undefined) return;
    presence.devices.set(device, {
      ...before,
      load: change.load ?? before.load,
      consumer: change.consumer ?? before.consumer,
    });
    presence.availability = change.availability ?? presence.availability;
    this.#change(member);
  }

  /** Which device of an agent holds its inbox, by the generation of its lease. */
  setInbox(member: string, device: string, generation: number | undefined): void {
    const presence = this.#members.get(member);
    const before = presence?.devices.get(device);
    if (presence === undefined || before === undefined || before.inbox === generation) return;
    const { inbox: _before, ...rest } = before;
    presence.devices.set(device, generation === undefined ? rest : { ...rest, inbox: generation });
    this.#change(member);
  }

  /** Undefined for a device that is not at this node. */
  consumer(member: string, device: string): "reading" | "idle" | undefined {
    return this.#members.get(member)?.devices.get(device)?.consumer;
  }

  of(member: string): DevicePresence[] {
    return [...(this.#members.get(member)?.devices.values() ?? [])];
  }

  entry(member: string): Pick<MemberEntry, "devices" | "availability"> {
    const availability = this.#members.get(member)?.availability;
    return { devices: this.of(member), ...(availability === undefined ? {} : { availability }) };
  }

  isLive(member: string): boolean {
    return this.of(member).some(({ state }) => state === "connected");
  }

  /** Tasks at work on the least loaded connected device; 0 when there is none. */
  load(member: string): number {
    const loads = this.of(member)
      .filter(({ state }) => state === "connected")
      .map(({ load }) => load);
    return loads.length === 0 ? 0 : Math.min(...loads);
  }

  /** Replaces what this watcher watches, and tells it soon who is here now and who is not. */
  watch(watcher: PresenceWatcher, members: readonly string[]): void {
    this.unwatch(watcher);
    this.#watched.set(watcher, members);
    for (const member of members) {
      const watchers = this.#watchers.get(member) ?? new Set();
      this.#watchers.set(member, watchers.add(watcher));
      watcher.presenceChanged(member, this.of(member));
    }
  }

  unwatch(watcher: PresenceWatcher): void {
    for (const member of this.#watched.get(watcher) ?? []) {
      const watchers = this.#watchers.get(member);
      watchers?.delete(watcher);
      if (watchers?.size === 0) this.#watchers.delete(member);
    }
    this.#watched.delete(watcher);
  }

  watchersOf(member: string): Iterable<PresenceWatcher> {
    return this.#watchers.get(member) ?? [];
  }

  #change(member: string): void {
    if (!this.#watchers.has(member)) return;
    this.#changed.add(member);
    this.#tick.schedule();
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const member of changed) {
      const devices = this.of(member);
      for (const watcher of this.#watchers.get(member) ?? []) watcher.presenceChanged(member, devices);
    }
  }
}

import { createHash } from "node:crypto";

import type { Clock, RecordChange, Records, Timer } from "@parley/core";
import {
  id16Schema,
  id32Schema,
  ParleyError,
  type PushBody,
  type ReplyBody,
  type RequestBody,
  type ResourceLease,
  resourceNameSchema,
} from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords, type Versioned } from "./json-records.ts";
import { keys, prefixes } from "./keys.ts";

const holderSchema = z.object({
  member: id32Schema,
  device: id32Schema,
  claim: id16Schema,
  since: z.int(),
  until: z.int(),
  note: z.string().optional(),
});
const storedSchema = z.object({
  resource: resourceNameSchema,
  generation: z.int().min(1),
  /** Nobody holds it without. */
  holder: holderSchema.optional(),
  /** When it became free, and why: every node tells it those who are there. */
  freed: z.object({ at: z.int(), why: z.enum(["released", "expired", "broken"]) }).optional(),
});
type Stored = z.infer<typeof storedSchema>;
type Holder = z.infer<typeof holderSchema>;

/** Who asks: a device of a member. */
interface Taker {
  readonly member: string;
  readonly device: string;
}

/** A session that is told of changes. */
export interface ResourceWatcher {
  readonly identity: Taker | undefined;
  push(type: "resource.changed", body: PushBody<"resource.changed">): void;
}

export interface ResourceLeasesOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly bounds: Pick<
    RegistryBounds,
    "resourceLeases" | "resourceLeasesInTotal" | "resourceWatches" | "resourceKeepMs" | "resourceExpiryMs"
  >;
  /** Undefined for a member that is gone. */
  readonly nameOf: (member: string) => string | undefined;
  readonly sessions: () => readonly ResourceWatcher[];
  readonly onError: (error: unknown) => void;
}

/**
 * Who holds which advisory lease: one record for each resource, changed by compare-and-set. The record stays for a while after the
 * lease, so that its generation only grows; a generation is never smaller than the time of its taking, so that it grows also after that.
 */
export class ResourceLeases {
  readonly #options: ResourceLeasesOptions;
  readonly #records: JsonRecords<Stored>;
  /** A projection of the records, kept by watching. */
  readonly #known = new Map<string, Versioned<Stored>>();
  readonly #watches = new WeakMap<ResourceWatcher, Set<string>>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: ResourceLeasesOptions) {
    this.#options = options;
    this.#records = new JsonRecords(options.records, storedSchema);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.resource, (change) => this.#follow(change), { signal });
    signal.addEventListener("abort", () => this.#close(), { once: true });
    this.#lookAgain();
  }

  /** Throws `lease_held` while somebody else's lease lives, `limit_reached`. Soft bounds: several nodes at once may go a little beyond. */
  async take(by: Taker, { resource, claim, lifeMs, note }: RequestBody<"resource.take">): Promise<ResourceLease> {
    await this.#makeRoom(by, resource);
    return this.#change(resource, (current, now) => {
      const live = liveHolder(current, now);
      const until = now + lifeMs;
      const again = live?.claim === claim && live.member === by.member && live.device === by.device;
      if (live !== undefined && !again) throw this.#held(resource, live);
      if (live !== undefined && current !== undefined) return { ...current, holder: { ...live, until } };
      const holder = { ...by, claim, since: now, until, ...(note === undefined ? {} : { note }) };
      return { resource, generation: Math.max((current?.generation ?? 0) + 1, now), holder };
    });
  }

  /** Throws `lease_lost`. */
  renew(by: Taker, { resource, generation, lifeMs }: RequestBody<"resource.renew">): Promise<ResourceLease> {
    return this.#change(resource, (current, now) => {
      const live = liveHolder(current, now);
      if (current === undefined || live?.member !== by.member || live.device !== by.device) throw lost(resource);
      if (current.generation !== generation) throw lost(resource);
      return { ...current, holder: { ...live, until: now + lifeMs } };
    });
  }

  /** Throws `lease_lost`. Any device of the holder's member may. */
  async release(by: Taker, { resource, generation }: RequestBody<"resource.release">): Promise<void> {
    await this.#free(resource, "released", (current, live) => {
      if (live.member !== by.member || (generation !== undefined && current.generation !== generation))
        throw lost(resource);
    });
  }

  /** Gives what was broken. Throws `lease_lost` when nobody holds it. */
  break(resource: string): Promise<ResourceLease> {
    return this.#free(resource, "broken", () => undefined);
  }

  list({ prefix = "", limit = 100, after = "" }: RequestBody<"resource.list">): ReplyBody<"resource.list"> {
    const now = this.#options.clock.now();
    const fitting = [...this.#known.values()]
      .map(({ value }) => value)
      .filter((stored) => stored.resource.startsWith(prefix) && stored.resource > after)
      .flatMap((stored) => this.#viewOf(stored, now) ?? [])
      .toSorted((one, other) => (one.resource < other.resource ? -1 : 1));
    const leases = fitting.slice(0, limit);
    const last = leases.at(-1);
    return { leases, ...(fitting.length > limit && last !== undefined ? { next: last.resource } : {}) };
  }

  /** Tells a session of this resource from now on; answers how it stands. */
  watch(session: ResourceWatcher, resource: string): ResourceLease | undefined {
    const watched = this.#watches.get(session) ?? new Set();
    watched.delete(resource);
    if (watched.size >= this.#options.bounds.resourceWatches) watched.delete(watched.values().next().value ?? "");
    this.#watches.set(session, watched.add(resource));
    const known = this.#known.get(keys.resource(hashOf(resource)));
    return known && this.#viewOf(known.value, this.#options.clock.now());
  }

  /** Deletes what has been free for long. */
  async sweep(): Promise<void> {
    const before = this.#options.clock.now() - this.#options.bounds.resourceKeepMs;
    for (const [key, { value }] of this.#known) if (freeSince(value) < before) await this.#forget(key, before);
  }

  #close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #change(resource: string, next: (current: Stored | undefined, now: number) => Stored): Promise<ResourceLease> {
    const { clock } = this.#options;
    const key = keys.resource(hashOf(resource));
    const kept = await this.#records.change(key, (current) => next(current, clock.now()));
    if (kept === undefined) throw new ParleyError("conflict");
    this.#note(key, kept);
    const lease = this.#viewOf(kept.value, 0);
    if (lease === undefined) throw lost(resource);
    return lease;
  }

  async #free(
    resource: string,
    why: "released" | "broken",
    check: (current: Stored, live: Holder) => void,
  ): Promise<ResourceLease> {
    const { clock } = this.#options;
    const key = keys.resource(hashOf(resource));
    let before: Stored | undefined;
    const kept = await this.#records.change(key, (current) => {
      const live = liveHolder(current, clock.now());
      if (current === undefined || live === undefined) throw lost(resource);
      check(current, live);
      before = current;
      return { resource, generation: current.generation, freed: { at: clock.now(), why } };
    });
    const lease = before && this.#viewOf(before, 0);
    if (kept === undefined || lease === undefined) throw new ParleyError("conflict");
    this.#note(key, kept);
    return lease;
  }

  async #makeRoom({ member }: Taker, resource: string): Promise<void> {
    const { clock, bounds } = this.#options;
    const now = clock.now();
    const others = [...this.#known].filter(([, { value }]) => value.resource !== resource);
    const held = others.filter(([, { value }]) => liveHolder(value, now)?.member === member);
    if (held.length >= bounds.resourceLeases)
      throw new ParleyError("limit_reached", { message: `A member holds at most ${bounds.resourceLeases} leases.` });
    if (others.length < bounds.resourceLeasesInTotal) return;
    const [oldest] = others
      .filter(([, { value }]) => liveHolder(value, now) === undefined)
      .toSorted(([, one], [, other]) => freeSince(one.value) - freeSince(other.value));
    if (oldest === undefined)
      throw new ParleyError("limit_reached", { message: "There are as many leases as there may be in a mesh." });
    await this.#forget(oldest[0], Infinity);
  }

  async #forget(key: string, before: number): Promise<void> {
    await this.#records.deleteIf(key, (current) => freeSince(current) < before);
    this.#known.delete(key);
  }

  #follow({ key, value, revision }: RecordChange): void {
    const stored = this.#records.decode(value);
    if (stored === undefined) this.#known.delete(key);
    else this.#note(key, { value: stored, revision });
  }

  /** Takes a newer state, and tells those who watch when it is another holder's or nobody's. */
  #note(key: string, next: Versioned<Stored>): void {
    const known = this.#known.get(key);
    if (known !== undefined && known.revision >= next.revision) return;
    this.#known.set(key, next);
    const [was, is] = [known?.value.holder, next.value.holder];
    const changed = was?.member !== is?.member || known?.value.generation !== next.value.generation;
    if (changed && (known !== undefined || is !== undefined)) this.#tell(next.value, was);
    this.#lookAgain();
  }

  #tell(stored: Stored, was: Holder | undefined): void {
    const why = stored.freed?.why ?? "released";
    const lease = this.#viewOf(stored, this.#options.clock.now());
    const body = { resource: stored.resource, ...(lease === undefined ? { free: why } : { lease }) };
    for (const session of this.#options.sessions()) {
      const losing = why !== "released" && session.identity?.device === was?.device && was !== undefined;
      if (losing || this.#watches.get(session)?.has(stored.resource) === true) session.push("resource.changed", body);
    }
  }

  /** Tells of leases that ran out: at most so often, and no later than a little after. */
  #lookAgain(): void {
    const { clock, bounds } = this.#options;
    if (this.#closed) return;
    this.#timer?.cancel();
    const ends = [...this.#known.values()].flatMap(({ value }) => value.holder?.until ?? []);
    if (ends.length === 0) return;
    const inMs = Math.max(bounds.resourceExpiryMs, Math.min(...ends) - clock.now() + 1);
    this.#timer = clock.setTimer(Math.min(inMs, bounds.resourceKeepMs), () => {
      this.#expire().catch(this.#options.onError);
    });
  }

  async #expire(): Promise<void> {
    const { clock } = this.#options;
    for (const [key, { value }] of this.#known) {
      if (value.holder === undefined || value.holder.until > clock.now()) continue;
      const kept = await this.#records.change(key, (current) =>
        current?.holder === undefined || current.holder.until > clock.now()
          ? undefined
          : {
              resource: current.resource,
              generation: current.generation,
              freed: { at: current.holder.until, why: "expired" as const },
            },
      );
      if (kept !== undefined) this.#note(key, kept);
      else this.#known.delete(key);
    }
    this.#lookAgain();
  }

  #held(resource: string, holder: Holder): ParleyError {
    const name = this.#options.nameOf(holder.member) ?? holder.member.slice(0, 8);
    return new ParleyError("lease_held", {
      message: `@${name} holds ${resource} until ${new Date(holder.until).toISOString()}${holder.note === undefined ? "" : ` (${holder.note})`}.`,
      data: { member: holder.member, until: holder.until },
    });
  }

  #viewOf({ resource, generation, holder }: Stored, now: number): ResourceLease | undefined {
    if (holder === undefined || holder.until <= now) return undefined;
    const { member, device, since, until, note } = holder;
    const name = this.#options.nameOf(member) ?? "";
    return { resource, generation, member, device, name, since, until, ...(note === undefined ? {} : { note }) };
  }
}

const hashOf = (resource: string): string => createHash("sha256").update(resource).digest("base64url");

function liveHolder(stored: Stored | undefined, now: number): Holder | undefined {
  return stored?.holder !== undefined && stored.holder.until > now ? stored.holder : undefined;
}

/** Since when nobody holds it; for one that is held, when it runs out. */
const freeSince = ({ holder, freed }: Stored): number => holder?.until ?? freed?.at ?? 0;

const lost = (resource: string): ParleyError =>
  new ParleyError("lease_lost", {
    message: `The lease of ${resource} is not held under this generation: it ran out, was given back or broken.`,
  });

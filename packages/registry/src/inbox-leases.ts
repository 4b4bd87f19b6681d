import type { Clock, Log, Records } from "@parley/core";
import { id32Schema, ParleyError } from "@parley/protocol";
import { z } from "zod";

import type { Directory, DirectoryEntry } from "./directory.ts";
import { JsonRecords } from "./json-records.ts";
import { keys } from "./keys.ts";
import type { Presence } from "./presence.ts";

const leaseSchema = z.object({
  device: id32Schema,
  /** Generation of the session that holds it. */
  session: z.int().min(1),
  generation: z.int().min(1),
  /** Milliseconds since 1970; 0 when the holder gave it up. */
  expires: z.int().min(0),
  /** The holder was the only device on its member's list: its lease was not renewed. */
  sole: z.boolean(),
  /** Highest offset pushed to a holder that gave it up. */
  pushed: z.int().min(0).optional(),
  /** Earlier holders may have had what lies up to this offset. */
  uncertainTo: z.int().min(0),
});
type Lease = z.infer<typeof leaseSchema>;

/** What a holder gets. */
export interface InboxGrant {
  readonly generation: number;
  /** Time that the device may count on from its receipt. */
  readonly lifeMs: number;
  /** Frames up to this offset another device may have had. */
  readonly uncertainTo: number;
}

/** A session that may hold its member's inbox. */
export interface InboxCandidate {
  readonly identity: { readonly member: string; readonly device: string } | undefined;
  readonly generation: number;
  /** Monotonic time. */
  readonly heardAt: number;
  /** Told at each grant and renewal. */
  inboxGranted(grant: InboxGrant): void;
  /** Asked to give it up, with `inbox.release`. */
  inboxAsked(generation: number): void;
  /** It is not the holder of this generation any more, and may not know. */
  inboxLost(generation: number): void;
}

export interface InboxLeasesOptions {
  readonly records: Records;
  readonly log: Pick<Log, "bounds">;
  readonly clock: Clock;
  readonly directory: Pick<Directory, "get">;
  readonly presence: Pick<Presence, "consumer" | "setInbox">;
  /** Open sessions of a member at this node, longest connected first. */
  readonly sessionsOf: (member: string) => readonly InboxCandidate[];
  readonly leaseMs: number;
  /** Part of the lease that a push may take to arrive: what a device is told is shorter by it. */
  readonly marginMs: number;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/** One agent's inbox as this node knows it. */
interface Inbox {
  holder: InboxCandidate | undefined;
  device: string | undefined;
  /** As this node saw it last in the record, where other nodes write too. */
  session: number;
  generation: number;
  expires: number;
  sole: boolean;
  /** Monotonic time of the last renewal. */
  renewedAt: number;
  /** The lease that was in the record last, and the monotonic time since which it stands there. */
  seen: string | undefined;
  seenAt: number;
  /** Highest offset pushed in this generation; undefined when this node cannot know. */
  pushed: number | undefined;
  /** Who was asked to give it up. */
  asked: InboxCandidate | undefined;
  releases: Release[];
  timer: { cancel(): void } | undefined;
  again: boolean;
  running: Promise<void> | undefined;
}

interface Release {
  readonly device: string;
  readonly session: number;
  readonly pushed: number | undefined;
}

/** What is to be done about a lease that is in the store. */
type Verdict =
  | {
      readonly do: "hold";
      readonly to: InboxCandidate;
      readonly lease: Lease;
      readonly pushed: number | "as before" | undefined;
    }
  | { readonly do: "wait"; readonly ms: number; readonly ask?: InboxCandidate };

/** Inboxes that this node remembers; the longest unused is read anew when it is needed. */
const mostInboxes = 10_000;

/**
 * Which device of an agent takes its messages: one at a time, fenced by a generation, over all nodes. One record for
 * each agent, changed by compare-and-set. Another device gets it when the holder gave it up, is no longer listed, or
 * was not renewed for the length of a lease; never before. Times in the record decide nothing: two nodes, or two starts
 * of one, need not agree on them. Of devices at other nodes only the record is seen: an idle holder there is not asked
 * to make way.
 */
export class InboxLeases {
  readonly #options: InboxLeasesOptions;
  readonly #leases: JsonRecords<Lease>;
  readonly #inboxes = new Map<string, Inbox>();
  #stopped = false;

  constructor(options: InboxLeasesOptions) {
    this.#options = options;
    this.#leases = new JsonRecords(options.records, leaseSchema);
  }

  /** The session that holds the inbox, if it is at this node. */
  holderOf(member: string): InboxCandidate | undefined {
    const inbox = this.#inboxes.get(member);
    return inbox !== undefined && this.#isHeld(inbox) ? inbox.holder : undefined;
  }

  /** Throws `not_holder` unless the session holds the inbox, now or as soon as what is under way is done. */
  async check(session: InboxCandidate): Promise<void> {
    const member = session.identity?.member ?? "";
    if (this.holderOf(member) === session) return;
    this.consider(member);
    await this.#inboxes.get(member)?.running;
    if (this.holderOf(member) !== session) throw new ParleyError("not_holder");
  }

  /** A device came, changed or was heard again: looks who should hold the inbox. */
  consider(member: string): void {
    if (this.#stopped) return;
    const inbox = this.#inbox(member);
    inbox.again = true;
    inbox.running ??= this.#run(member, inbox);
  }

  /** Renews what is held by a session that was heard. Called regularly. */
  beat(session: InboxCandidate): void {
    const member = session.identity?.member ?? "";
    const inbox = this.#inboxes.get(member);
    const isHeard = this.#options.clock.monotonic() - session.heardAt < this.#options.leaseMs;
    if (inbox?.holder === undefined) return void (isHeard && this.consider(member));
    if (inbox.holder === session && !inbox.sole && session.heardAt > inbox.renewedAt) this.consider(member);
  }

  /** Whether the holder has to be heard often: others wait for its place. */
  isShared(session: InboxCandidate): boolean {
    const inbox = this.#inboxes.get(session.identity?.member ?? "");
    return inbox?.holder === session && !inbox.sole;
  }

  /** A frame was pushed to the holder. */
  pushed(session: InboxCandidate, offset: number): void {
    const inbox = this.#inboxes.get(session.identity?.member ?? "");
    if (inbox?.holder === session && inbox.pushed !== undefined) inbox.pushed = Math.max(inbox.pushed, offset);
  }

  /** A session gave its inbox up, or ended. One that `gaveUp` holds nothing back; else its lease has to run out. */
  leave(session: InboxCandidate, gaveUp: boolean): void {
    const { identity } = session;
    const inbox = identity === undefined ? undefined : this.#inboxes.get(identity.member);
    if (identity === undefined || inbox === undefined) return;
    const { device } = identity;
    if (gaveUp)
      inbox.releases.push({
        device,
        session: session.generation,
        pushed: inbox.device === device && inbox.session === session.generation ? inbox.pushed : undefined,
      });
    this.#take(identity.member, inbox, session);
    this.consider(identity.member);
  }

  /** Answers `inbox.release`. Throws `not_holder` for another generation. */
  async release(session: InboxCandidate, generation: number): Promise<void> {
    const member = session.identity?.member ?? "";
    const inbox = this.#inboxes.get(member);
    if (inbox === undefined || inbox.device !== session.identity?.device || inbox.generation !== generation)
      throw new ParleyError("not_holder");
    this.leave(session, true);
    await inbox.running;
  }

  stop(): void {
    this.#stopped = true;
    for (const inbox of this.#inboxes.values()) inbox.timer?.cancel();
  }

  #inbox(member: string): Inbox {
    const known = this.#inboxes.get(member);
    if (known !== undefined) return known;
    if (this.#inboxes.size >= mostInboxes) this.#forgetOne();
    const inbox: Inbox = {
      holder: undefined,
      device: undefined,
      session: 0,
      generation: 0,
      expires: 0,
      sole: false,
      renewedAt: 0,
      seen: undefined,
      seenAt: 0,
      pushed: undefined,
      asked: undefined,
      releases: [],
      timer: undefined,
      again: false,
      running: undefined,
    };
    this.#inboxes.set(member, inbox);
    return inbox;
  }

  /** Only what nobody at this node holds. */
  #forgetOne(): void {
    for (const [member, inbox] of this.#inboxes) {
      if (inbox.holder !== undefined || inbox.running !== undefined) continue;
      inbox.timer?.cancel();
      this.#inboxes.delete(member);
      return;
    }
  }

  #isHeld(inbox: Inbox): boolean {
    const { clock, leaseMs } = this.#options;
    return inbox.holder !== undefined && (inbox.sole || clock.monotonic() < inbox.renewedAt + leaseMs);
  }

  #take(member: string, inbox: Inbox, session: InboxCandidate): void {
    if (inbox.asked === session) inbox.asked = undefined;
    if (inbox.holder !== session) return;
    inbox.holder = undefined;
    this.#options.presence.setInbox(member, inbox.device ?? "", undefined);
    session.inboxLost(inbox.generation);
  }

  async #run(member: string, inbox: Inbox): Promise<void> {
    while (inbox.again && !this.#stopped) {
      inbox.again = false;
      try {
        await this.#writeReleases(member, inbox);
        await this.#settle(member, inbox);
      } catch (error) {
        // The next beat looks again.
        this.#options.onError(error);
      }
    }
    inbox.running = undefined;
  }

  async #writeReleases(member: string, inbox: Inbox): Promise<void> {
    for (let release = inbox.releases[0]; release !== undefined; release = inbox.releases[0]) {
      const { device, session, pushed } = release;
      await this.#leases.change(keys.inbox(member), (current) =>
        current?.device === device && current.session === session
          ? { ...current, expires: 0, ...(pushed === undefined ? {} : { pushed }) }
          : undefined,
      );
      inbox.releases.shift();
    }
  }

  async #settle(member: string, inbox: Inbox): Promise<void> {
    const { directory, sessionsOf, clock, leaseMs } = this.#options;
    inbox.timer?.cancel();
    const entry = directory.get(member);
    const sessions = sessionsOf(member);
    if (inbox.holder !== undefined && !sessions.includes(inbox.holder)) this.#take(member, inbox, inbox.holder);
    if (entry?.kind !== "agent" || sessions.length === 0) return;
    const oldest = clock.monotonic() - leaseMs;
    const lapsed = inbox.holder !== undefined && !this.#isHeld(inbox) && inbox.holder.heardAt <= inbox.renewedAt;
    const heard = sessions.filter((session) => session.heardAt >= oldest && !(lapsed && session === inbox.holder));
    const verdicts: Verdict[] = [];
    await this.#leases.change(keys.inbox(member), async (current) => {
      const verdict = await this.#judge(entry, inbox, heard, current);
      verdicts.push(verdict);
      if (verdict.do === "hold") return verdict.lease === current ? undefined : verdict.lease;
      // A holder that was alone was not renewed: from now on it has one lease's time.
      return current?.sole === true ? { ...current, sole: false, expires: clock.now() + leaseMs } : undefined;
    });
    const verdict = verdicts.at(-1);
    if (verdict === undefined) return;
    if (verdict.do === "wait") this.#wait(member, inbox, verdict);
    else this.#apply(member, inbox, verdict);
  }

  async #judge(
    entry: DirectoryEntry,
    inbox: Inbox,
    heard: readonly InboxCandidate[],
    current: Lease | undefined,
  ): Promise<Verdict> {
    const { clock, leaseMs, presence } = this.#options;
    const sole = entry.devices.length === 1;
    const isReading = ({ identity }: InboxCandidate): boolean =>
      presence.consumer(entry.member, identity?.device ?? "") === "reading";
    const wanted = heard.find(isReading) ?? heard[0];
    if (current === undefined)
      return wanted === undefined ? { do: "wait", ms: leaseMs } : this.#grantTo(wanted, inbox, current, sole);
    const ms = this.#left(inbox, current);
    const isFree = ms <= 0 || sole || !entry.devices.includes(current.device);
    const here = heard.find(({ identity }) => identity?.device === current.device);
    // Only a holder that this node knows is asked: one that came back is taken for it again first.
    const isIdle =
      wanted !== undefined && here === inbox.holder && isReading(wanted) && here !== undefined && !isReading(here);
    const makesWay = here === undefined || (wanted !== here && (current.expires === 0 || isIdle));
    if (makesWay) {
      if (wanted !== undefined && isFree) return this.#grantTo(wanted, inbox, current, sole);
      return { do: "wait", ms: Math.max(1, ms), ...(here === undefined ? {} : { ask: here }) };
    }
    const isCurrent = inbox.holder === here && current.session === here.generation && current.sole === sole;
    if (isCurrent && current.expires !== 0 && (sole || here.heardAt <= inbox.renewedAt))
      return { do: "hold", to: here, lease: current, pushed: "as before" };
    const { pushed: released, ...rest } = current;
    const pushed = isOwn(inbox, current) ? "as before" : released;
    // What was given up is never granted again: a renewal that is still on its way must not revive it.
    const generation = current.expires === 0 ? current.generation + 1 : current.generation;
    const lease = { ...rest, generation, session: here.generation, sole, expires: clock.now() + leaseMs };
    return { do: "hold", to: here, lease, pushed };
  }

  /** Milliseconds until another device may have it: from its renewal here, or since when it stands unchanged. */
  #left(inbox: Inbox, current: Lease): number {
    const { clock, leaseMs } = this.#options;
    const { device, session, generation, expires, sole } = current;
    const now = clock.monotonic();
    const seen = [device, session, generation, expires, sole].join();
    if (inbox.seen !== seen) {
      inbox.seen = seen;
      inbox.seenAt = now;
    }
    if (expires === 0) return 0;
    if (sole) return leaseMs;
    return (isOwn(inbox, current) ? inbox.renewedAt : inbox.seenAt) + leaseMs - now;
  }

  async #grantTo(to: InboxCandidate, inbox: Inbox, current: Lease | undefined, sole: boolean): Promise<Verdict> {
    const { clock, leaseMs, log } = this.#options;
    const { member, device } = to.identity ?? { member: "", device: "" };
    const pushed = current !== undefined && isOwn(inbox, current) ? inbox.pushed : current?.pushed;
    const before = current === undefined ? 0 : (pushed ?? (await log.bounds(keys.mailbox(member))).last);
    const lease: Lease = {
      device,
      session: to.generation,
      generation: (current?.generation ?? 0) + 1,
      expires: clock.now() + leaseMs,
      sole,
      uncertainTo: Math.max(current?.uncertainTo ?? 0, before),
    };
    // A generation that begins here is known from its first push on.
    return { do: "hold", to, lease, pushed: 0 };
  }

  #wait(member: string, inbox: Inbox, { ms, ask }: Verdict & { readonly do: "wait" }): void {
    // Somebody else's lease, or an own one that ran out.
    if (inbox.holder !== undefined && ask !== inbox.holder) this.#take(member, inbox, inbox.holder);
    if (inbox.sole) inbox.renewedAt = this.#options.clock.monotonic();
    inbox.sole = false;
    if (ask !== undefined && inbox.asked !== ask) {
      inbox.asked = ask;
      ask.inboxAsked(inbox.generation);
    }
    // Its renewals by another node count from when they are seen here.
    this.#lookAt(member, inbox, Math.min(ms, this.#options.leaseMs / 3));
  }

  #apply(member: string, inbox: Inbox, { to, lease, pushed }: Verdict & { readonly do: "hold" }): void {
    const { clock, presence, sessionsOf, leaseMs, marginMs, onChange } = this.#options;
    const isSame = inbox.device === lease.device && inbox.generation === lease.generation;
    const isRenewed = inbox.holder !== to || !isSame || inbox.expires !== lease.expires;
    const isTold = isRenewed || inbox.asked !== undefined;
    if (inbox.holder !== undefined && inbox.holder !== to) this.#take(member, inbox, inbox.holder);
    if (pushed !== "as before") inbox.pushed = pushed;
    if (!isSame) onChange();
    inbox.asked = undefined;
    inbox.device = lease.device;
    inbox.session = lease.session;
    inbox.generation = lease.generation;
    inbox.expires = lease.expires;
    inbox.sole = lease.sole;
    if (isRenewed) inbox.renewedAt = clock.monotonic();
    // It closed meanwhile: its leaving is looked at next.
    if (!sessionsOf(member).includes(to)) return;
    inbox.holder = to;
    const left = lease.sole ? leaseMs : inbox.renewedAt + leaseMs - clock.monotonic();
    if (!lease.sole) this.#lookAt(member, inbox, left);
    if (!isSame) inbox.again = true;
    if (!isTold) return;
    presence.setInbox(member, lease.device, lease.generation);
    to.inboxGranted({
      generation: lease.generation,
      lifeMs: Math.max(1, Math.floor(left - marginMs)),
      uncertainTo: lease.uncertainTo,
    });
  }

  #lookAt(member: string, inbox: Inbox, inMs: number): void {
    inbox.timer = this.#options.clock.setTimer(Math.max(1, inMs), () => this.consider(member));
  }
}

/** Whether nobody but this node wrote the lease since it saw it. */
function isOwn(inbox: Inbox, { device, generation, session }: Lease): boolean {
  return inbox.device === device && inbox.generation === generation && inbox.session === session;
}

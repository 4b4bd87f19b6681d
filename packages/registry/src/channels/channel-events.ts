import type { Clock, Timer } from "@parley/core";
import { ParleyError, type PushBody } from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import type { SessionTable } from "../session-table.ts";
import type { Session } from "../session.ts";
import { Tick } from "../tick.ts";
import { TokenBucket } from "../token-bucket.ts";
import { isIn, requireIn, viewOf } from "./channel-rules.ts";
import type { ChannelTable, KnownChannel } from "./channel-table.ts";
import type { StoredChannelMember } from "./stored-channel.ts";

type ChannelEvent = PushBody<"channel.event">;
type What = ChannelEvent["what"];

export interface ChannelEventsOptions {
  readonly sessions: SessionTable;
  readonly table: ChannelTable;
  readonly clock: Pick<Clock, "now" | "monotonic" | "soon" | "setTimer">;
  readonly bounds: Pick<RegistryBounds, "channelEventsPerSecond" | "presenceMembers" | "typingPerSecond">;
}

/** What of a channel was too much is told in one word after this. */
const summaryMs = 1000;

/**
 * Tells the members of channels that are connected here what happens in them and is no post. Nothing of it is kept. Each goes to all
 * of a channel, so that whoever comes and goes in a loop is told of so often, and then in one word.
 */
export class ChannelEvents {
  readonly #options: ChannelEventsOptions;
  readonly #tick: Tick;
  readonly #typing = new WeakMap<Session, TokenBucket>();
  /** By channel. */
  readonly #rates = new Map<string, TokenBucket>();
  /** Channels of which something was left out. */
  readonly #summaries = new Map<string, Timer>();
  #waiting = new Map<string, ChannelEvent[]>();

  constructor(options: ChannelEventsOptions) {
    this.#options = options;
    this.#tick = new Tick(
      (run) => options.clock.soon(run),
      () => this.#tell(),
    );
  }

  /** A channel has another topic, retention or state. */
  changed(channel: string, by: string | undefined): void {
    this.#add(channel, { what: "changed", ...(by === undefined ? {} : { by }) });
  }

  /** Somebody came into a channel, went out, or was invited. */
  standingChanged(
    channel: KnownChannel,
    member: string,
    now: StoredChannelMember,
    before: StoredChannelMember | undefined,
  ): void {
    const by = now.by === undefined ? {} : { by: now.by };
    this.#restrictionChanged(channel.id, member, now, before);
    if (now.state === "in" && before?.state !== "in") this.#add(channel.id, { what: "joined", member });
    else if (now.state === "out" && before?.state === "in")
      this.#add(channel.id, { what: now.why ?? "left", member, ...by });
    else if ((now.state === "invited" || isInvitedAgain(now, before)) && now.by !== undefined)
      for (const session of this.#options.sessions.ofMember(member))
        session.push("channel.invited", { channel: viewOf(channel, member), by: now.by });
  }

  #restrictionChanged(
    channel: string,
    member: string,
    now: StoredChannelMember,
    before: StoredChannelMember | undefined,
  ): void {
    for (const kind of ["muted", "banned"] as const) {
      if (now[kind]?.at === before?.[kind]?.at) continue;
      const held = now[kind];
      this.#add(channel, {
        what: held === undefined ? `un${kind}` : kind,
        member,
        ...(held === undefined ? {} : { by: held.by }),
      });
    }
  }

  /** A member's first device connected, or its last one went. */
  presenceChanged(member: string, what: "present" | "absent"): void {
    const { table, bounds } = this.#options;
    for (const channel of table.ofMember(member))
      if ((table.get(channel)?.joined ?? 0) <= bounds.presenceMembers) this.#add(channel, { what, member });
  }

  /** A member writes, or stopped. Throws `not_in_channel` or `rate_limited`. */
  typing(session: Session, channel: KnownChannel, member: string, writes: boolean): void {
    const { clock, bounds } = this.#options;
    requireIn(channel, member);
    const { typingPerSecond: rate } = bounds;
    const bucket = this.#typing.get(session) ?? new TokenBucket(rate, rate * 5, clock.monotonic());
    this.#typing.set(session, bucket);
    if (!bucket.take(clock.monotonic())) throw new ParleyError("rate_limited");
    if (channel.joined <= bounds.presenceMembers) this.#add(channel.id, { what: writes ? "typing" : "quiet", member });
  }

  stop(): void {
    for (const timer of this.#summaries.values()) timer.cancel();
    this.#summaries.clear();
  }

  #add(channel: string, event: Omit<ChannelEvent, "channel" | "at">): void {
    const { clock, sessions } = this.#options;
    if (sessions.size === 0) return;
    const full = { channel, ...event, at: clock.now() };
    if (this.#rateOf(channel).take(clock.monotonic())) return this.#queue(full);
    // Who has to go hears of it whatever the others are told.
    for (const session of this.#goneBy(full)) session.push("channel.event", full);
    if (event.what !== "typing" && event.what !== "quiet") this.#summarise(channel);
  }

  /** Too much to tell one by one: that it is not as it was says to ask. */
  #summarise(channel: string): void {
    if (this.#summaries.has(channel)) return;
    const { clock } = this.#options;
    const timer = clock.setTimer(summaryMs, () => {
      this.#summaries.delete(channel);
      this.#queue({ channel, what: "changed", at: clock.now() });
    });
    this.#summaries.set(channel, timer);
  }

  #queue(event: ChannelEvent): void {
    const waiting = this.#waiting.get(event.channel) ?? [];
    waiting.push(event);
    this.#waiting.set(event.channel, waiting);
    this.#tick.schedule();
  }

  #rateOf(channel: string): TokenBucket {
    const { clock, bounds } = this.#options;
    const known = this.#rates.get(channel);
    if (known !== undefined) return known;
    const { channelEventsPerSecond: rate } = bounds;
    const bucket = new TokenBucket(rate, rate * 2, clock.monotonic());
    this.#rates.set(channel, bucket);
    return bucket;
  }

  #tell(): void {
    const all = this.#waiting;
    this.#waiting = new Map();
    for (const [channel, events] of all) {
      const readers = this.#readersOf(channel);
      for (const event of events) {
        const text = JSON.stringify({ type: "channel.event", body: event });
        for (const { member, session } of readers) if (!isOwn(event, member)) session.pushText(text);
        for (const session of this.#goneBy(event)) session.pushText(text);
      }
    }
  }

  /** Who is out is not among those who are told any more, and hears of it none the less. */
  #goneBy({ channel, what, member }: ChannelEvent): readonly Session[] {
    const { table, sessions } = this.#options;
    if (member === undefined || !departures.has(what)) return [];
    const known = table.get(channel);
    return known === undefined || isIn(known, member) ? [] : sessions.ofMember(member);
  }

  #readersOf(id: string): { readonly member: string; readonly session: Session }[] {
    const { table, sessions } = this.#options;
    const channel = table.get(id);
    if (channel === undefined) return [];
    return [...channel.members]
      .filter(([, { state }]) => state === "in")
      .flatMap(([member]) => sessions.ofMember(member).map((session) => ({ member, session })));
  }
}

/** Who is in a channel may have to come into its encrypted group once more. */
const isInvitedAgain = (now: StoredChannelMember, before: StoredChannelMember | undefined): boolean =>
  now.state === "in" && before?.state === "in" && now.invitation !== before.invitation;

const departures: ReadonlySet<What> = new Set<What>(["left", "kicked", "removed", "banned", "unbanned"]);
/** Nobody is told that it is here or writes. */
const ownNews: ReadonlySet<What> = new Set<What>(["present", "absent", "typing", "quiet"]);
const isOwn = ({ what, member }: ChannelEvent, reader: string): boolean => ownNews.has(what) && member === reader;

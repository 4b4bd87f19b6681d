/** Who is in a channel. */
import type { Clock } from "@parley/core";
import { type ChannelMember, limits } from "@parley/protocol";

import type { Directory } from "../../directory.ts";
import type { MemberView } from "../../member-view.ts";
import type { Session } from "../../session.ts";
import type { ChannelPerson } from "../conversation-api.ts";

export interface ChannelPeopleOptions {
  readonly clock: Clock;
  readonly session: Pick<Session, "isOpen" | "request">;
  readonly directory: Pick<Directory, "known" | "get">;
}

interface Roster {
  readonly members: ReadonlySet<string>;
  /** Monotonic time. */
  readonly at: number;
}

/** A roster is asked for anew after this, or when somebody came or went. */
const rosterMs = 60_000;
const mostRosters = 64;
/** Members whose records are asked for to show a list, and how many at once. */
const mostAsked = 500;
const mostAtOnce = 16;

export class ChannelPeople {
  readonly #options: ChannelPeopleOptions;
  readonly #rosters = new Map<string, Roster>();

  constructor(options: ChannelPeopleOptions) {
    this.#options = options;
  }

  /** Somebody came or went. */
  changed(channel: string): void {
    this.#rosters.delete(channel);
  }

  /** All of them with what is known of each: names of those who are not known yet are asked for, up to a bound. */
  async list(channel: string): Promise<readonly ChannelPerson[]> {
    const members = await this.#ask(channel);
    const views = await this.views(members.map(({ member }) => member));
    return members.map((member) => {
      const view = views.get(member.member);
      return { ...member, name: view?.name, kind: view?.kind };
    });
  }

  /** Ids of those in a channel. */
  async ids(channel: string): Promise<ReadonlySet<string>> {
    const { clock } = this.#options;
    const known = this.#rosters.get(channel);
    if (known !== undefined && clock.monotonic() - known.at < rosterMs) return known.members;
    const members = await this.#ask(channel);
    return new Set(members.map(({ member }) => member));
  }

  /** Records of members, those that cannot be had left out. */
  async views(members: readonly string[]): Promise<ReadonlyMap<string, MemberView>> {
    const { directory } = this.#options;
    const views = new Map<string, MemberView>();
    const unknown: string[] = [];
    for (const member of members) {
      const view = directory.known(member);
      if (view !== undefined) views.set(member, view);
      else if (unknown.length < mostAsked) unknown.push(member);
    }
    for (let from = 0; from < unknown.length; from += mostAtOnce) {
      const asked = unknown.slice(from, from + mostAtOnce).map((member) => directory.get(member));
      for (const result of await Promise.allSettled(asked))
        if (result.status === "fulfilled") views.set(result.value.member, result.value);
    }
    return views;
  }

  async #ask(channel: string): Promise<readonly ChannelMember[]> {
    const { session, clock } = this.#options;
    const members: ChannelMember[] = [];
    for (let after: string | undefined; members.length < limits.channelMembers;) {
      const page = await session.request("channel.members", {
        channel,
        limit: limits.pageSize,
        ...(after === undefined ? {} : { after }),
      });
      members.push(...page.members);
      if (page.next === undefined || page.members.length === 0) break;
      after = page.next;
    }
    if (this.#rosters.size >= mostRosters) this.#rosters.delete(this.#rosters.keys().next().value ?? "");
    const ids = new Set(members.map(({ member }) => member));
    this.#rosters.set(channel, { members: ids, at: clock.monotonic() });
    return members;
  }
}

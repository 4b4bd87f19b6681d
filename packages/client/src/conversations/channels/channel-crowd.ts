/** Who can be called in one channel, as this device knows or can find out. Nobody is kept waiting while the registry is away. */
import type { Directory } from "../../directory.ts";
import type { MemberView } from "../../member-view.ts";
import type { Session } from "../../session.ts";
import type { ChannelPeople } from "./channel-people.ts";
import { callingsOf, type Crowd } from "./mentions.ts";

export interface ChannelCrowdOptions {
  readonly channel: string;
  /** The own member's id. */
  readonly member: string;
  readonly session: Pick<Session, "isOpen">;
  readonly directory: Pick<Directory, "known" | "get" | "find">;
  readonly people: ChannelPeople;
}

/** Members whose records are looked at for a role. */
const mostLookedAt = 500;

export class ChannelCrowd implements Crowd {
  readonly #options: ChannelCrowdOptions;

  constructor(options: ChannelCrowdOptions) {
    this.#options = options;
  }

  readonly byName = async (name: string): Promise<string | undefined> => {
    const { channel, session, directory, people } = this.#options;
    if (!session.isOpen) return directory.known(name)?.member;
    try {
      const { member } = directory.known(name) ?? (await directory.get(name));
      return (await people.ids(channel)).has(member) ? member : undefined;
    } catch {
      return undefined;
    }
  };

  readonly withRole = async (role: string): Promise<readonly MemberView[]> => {
    const { channel, member, session, directory, people } = this.#options;
    if (!session.isOpen) return [];
    try {
      const ids = await people.ids(channel);
      // The directory knows who has a tag and how busy it is; roles are in each member's own record.
      const { members: tagged } = await directory.find({ tag: role, live: true });
      const live = tagged.filter((view) => ids.has(view.member) && view.member !== member);
      if (live.length > 0) return live;
      const views = await people.views([...ids].filter((id) => id !== member).slice(0, mostLookedAt));
      return [...views.values()].filter((view) => callingsOf(view).has(role));
    } catch {
      return [];
    }
  };
}

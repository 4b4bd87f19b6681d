/** Making channels, coming in and going out, and who else may. */
import { type Clock, signStatement } from "@parley/core";
import type { Channel, RequestBody } from "@parley/protocol";

import type { Identity } from "../../identity.ts";
import type { Session } from "../../session.ts";
import type { ChannelChange, ChannelDraft } from "../conversation-api.ts";
import { type ChannelBook, wantedOf } from "./channel-book.ts";
import type { ChannelCipher } from "./channel-cipher.ts";

export interface ChannelMembershipOptions {
  readonly mesh: string;
  readonly identity: () => Pick<Identity, "member" | "device">;
  readonly clock: Clock;
  readonly session: Pick<Session, "request">;
  readonly book: ChannelBook;
  readonly cipher?: ChannelCipher | undefined;
}

export class ChannelMembership {
  readonly #options: ChannelMembershipOptions;

  constructor(options: ChannelMembershipOptions) {
    this.#options = options;
  }

  async create(draft: ChannelDraft): Promise<Channel> {
    const { session, cipher, book } = this.#options;
    const { channel } = await session.request("channel.create", definedOf(draft));
    if (channel.encrypted) await cipher?.onJoined(channel.channel, undefined);
    return book.note(channel);
  }

  async join(name: string): Promise<Channel> {
    const { session, cipher, book } = this.#options;
    const { channel, invitation } = await session.request("channel.join", wantedOf(name));
    if (channel.encrypted) await cipher?.onJoined(channel.channel, invitation);
    return book.note(channel);
  }

  async leave(channel: string): Promise<void> {
    const { session, book } = this.#options;
    await session.request("channel.leave", { channel });
    book.leave(channel);
  }

  async change(channel: string, change: ChannelChange): Promise<Channel> {
    const { session, book } = this.#options;
    const reply = await session.request("channel.set", { channel, ...definedOf(change) });
    return book.note(reply.channel);
  }

  /** Into an encrypted channel only with a word of this device's own: the others ask for it. */
  async invite(channel: string, member: string): Promise<void> {
    const { mesh, identity, clock, session, book, cipher } = this.#options;
    const body: RequestBody<"channel.invite"> = { channel, member };
    if ((await book.find(channel)).encrypted) {
      const { member: by, device } = identity();
      const iat = (await cipher?.invitedAt(channel, member)) ?? clock.now();
      body.invitation = await signStatement("invitation", { mesh, channel, member, by, iat }, device);
    }
    await session.request("channel.invite", body);
  }

  async kick(channel: string, member: string): Promise<void> {
    await this.#options.session.request("channel.kick", { channel, member });
  }
}

/** Drops absent fields: the wire's objects are closed and know no `undefined`. */
function definedOf<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  const given = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(given) as { [Key in keyof Value]: Exclude<Value[Key], undefined> };
}

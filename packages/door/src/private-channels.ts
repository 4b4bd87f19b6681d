import type { DoorBounds } from "./bounds.ts";
import type { DoorChannel } from "./door-channel.ts";
import { Refusal } from "./refusal.ts";

interface PrivateChannel {
  readonly channel: DoorChannel;
  readonly invited: Set<string>;
}

/** Invite-only channels of door clients among themselves: kept by the door alone, in memory, unknown to the mesh. */
export class PrivateChannels {
  readonly #channels = new Map<string, PrivateChannel>();
  readonly #bounds: Pick<DoorBounds, "privateChannels" | "invitedPerChannel">;

  constructor(bounds: Pick<DoorBounds, "privateChannels" | "invitedPerChannel">) {
    this.#bounds = bounds;
  }

  find(name: string): DoorChannel | undefined {
    return this.#channels.get(name)?.channel;
  }

  /** Its maker is invited. The oldest one without anybody in it gives way when there are too many. Throws LIMIT_REACHED. */
  make(channel: DoorChannel, maker: string): DoorChannel {
    if (this.#channels.size >= this.#bounds.privateChannels) {
      const empty = [...this.#channels.values()].find((kept) => kept.channel.readers.size === 0);
      if (empty === undefined) throw new Refusal("LIMIT_REACHED", "The door has as many private channels as it keeps.");
      this.#channels.delete(empty.channel.name);
    }
    this.#channels.set(channel.name, { channel, invited: new Set([maker]) });
    return channel;
  }

  isInvited(name: string, id: string): boolean {
    return this.#channels.get(name)?.invited.has(id) === true;
  }

  /** Throws LIMIT_REACHED. */
  invite(name: string, id: string): void {
    const invited = this.#channels.get(name)?.invited;
    if (invited === undefined || invited.has(id)) return;
    if (invited.size >= this.#bounds.invitedPerChannel)
      throw new Refusal("LIMIT_REACHED", `${this.#bounds.invitedPerChannel} are invited to this channel already.`);
    invited.add(id);
  }
}

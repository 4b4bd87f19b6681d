/** The mesh as the door needs it, over the device of the member that the door is. */
import type { DeviceApi, DeviceEvent, IncomingPost } from "@parley/client";
import { type ArchivedMessage, idOfKey } from "@parley/core";
import { type AnyContent, isParleyError, ParleyError, textContent, type Via } from "@parley/protocol";

import { isClientId, spokenFor } from "./address.ts";
import type { DoorMesh, MeshChannel, MeshChannelListener, MeshDirect, MeshPost } from "./door-mesh.ts";

/** What the door needs of a device. */
export type DoorDevice = Pick<DeviceApi, "member" | "name" | "watch" | "onMessage" | "memberOf" | "conversations">;

interface Entered {
  readonly name: string;
  readonly listener: MeshChannelListener;
  readonly end: () => void;
  /** Names by member id. */
  readonly names: Map<string, string>;
}

type ChannelNews = Extract<DeviceEvent, { type: "channel" }>;

/** Of the place that the device keeps in a channel's history. */
const placeName = "plain-door";

export class DeviceMesh implements DoorMesh {
  readonly #device: DoorDevice;
  /** By channel id. */
  readonly #entered = new Map<string, Entered>();
  readonly #unwatch: () => void;
  readonly #onError: (error: unknown) => void;

  /** `onError` hears of what nobody waits for. */
  constructor(device: DoorDevice, onError: (error: unknown) => void = () => undefined) {
    this.#device = device;
    this.#onError = onError;
    this.#unwatch = device.watch((event) => this.#onEvent(event));
  }

  get self(): { readonly member: string; readonly name: string } {
    return { member: this.#device.member, name: this.#device.name };
  }

  async channels(): Promise<readonly MeshChannel[]> {
    const channels = await this.#device.conversations.channels();
    return channels
      .filter(({ kind, encrypted, archived }) => kind === "public" && !encrypted && archived === undefined)
      .map(({ name, members, joined }) => ({ name, members: joined ? Math.max(members - 1, 0) : members }));
  }

  async enter(name: string, replay: number, listener: MeshChannelListener): Promise<readonly string[]> {
    const { conversations } = this.#device;
    const label = `#${name}`;
    const found = await this.#public(name);
    // Of an attempt that took too long.
    this.#drop(found);
    await conversations.joinChannel(label);
    let { messages } = await conversations.messages({ conversation: label, limit: Math.max(replay, 1) });
    if (messages.length < replay && (await conversations.fetchOlder(label)))
      ({ messages } = await conversations.messages({ conversation: label, limit: replay }));
    for (const message of replay === 0 ? [] : messages) this.#hand(message, listener, true);
    const names = await this.#namesIn(name);
    const end = await conversations.subscribe(label, (post) => this.#take(post, listener), {
      name: placeName,
      own: true,
      since: messages.at(-1)?.sort ?? 0,
    });
    this.#entered.set(found, { name, listener, end, names });
    return [...names.values()];
  }

  async leave(name: string): Promise<void> {
    for (const [channel, entered] of this.#entered) if (entered.name === name) this.#drop(channel);
    await this.#device.conversations.leaveChannel(`#${name}`);
  }

  async members(name: string): Promise<readonly string[]> {
    await this.#public(name);
    return [...(await this.#namesIn(name)).values()];
  }

  async create(name: string): Promise<void> {
    await this.#device.conversations.createChannel({ name, kind: "public" });
  }

  async invite(channel: string, name: string): Promise<void> {
    await this.#device.conversations.inviteTo(`#${channel}`, `@${name}`);
  }

  async post(channel: string, text: string, via: Via): Promise<void> {
    const sent = await this.#device.conversations.say(`#${channel}`, { text, via });
    const { state, error } = await sent.settled;
    if (error !== undefined) throw new ParleyError(error.code, { message: error.message });
    if (state !== "stored") throw new ParleyError("refused");
  }

  async direct(name: string, text: string, via?: Via, to?: string): Promise<string> {
    const said = via === undefined ? text : spokenFor(via, text, to);
    return (await this.#device.conversations.say(`@${name}`, { text: said })).id;
  }

  async isMember(publicKey: string): Promise<boolean> {
    try {
      // A member is found by its first key, and may have another one by now.
      const { verified } = await this.#device.memberOf(await idOfKey("member", publicKey));
      return verified.rootKey === publicKey;
    } catch (error) {
      if (isParleyError(error) && (error.code === "unknown_member" || error.code === "revoked")) return false;
      throw error;
    }
  }

  onDirect(handler: (message: MeshDirect) => void | Promise<void>): () => void {
    return this.#device.onMessage(({ id, from, text, answers, created }) =>
      handler({ id, member: from.member, name: from.name, text, answers, at: created }),
    );
  }

  /** Hands out nothing more. The door stays in its channels. */
  close(): void {
    this.#unwatch();
    for (const channel of this.#entered.keys()) this.#drop(channel);
  }

  /** The id of a public channel. Throws `unknown_channel` and `archived`. */
  async #public(name: string): Promise<string> {
    const { channel, encrypted, kind, archived } = await this.#device.conversations.channel(`#${name}`);
    if (encrypted || kind !== "public") throw new ParleyError("unknown_channel");
    if (archived !== undefined) throw new ParleyError("archived");
    return channel;
  }

  async #namesIn(name: string): Promise<Map<string, string>> {
    const members = await this.#device.conversations.channelMembers(`#${name}`);
    return new Map(
      members.flatMap(({ member, name: own }) =>
        own === undefined || member === this.#device.member ? [] : [[member, own]],
      ),
    );
  }

  #take({ message }: IncomingPost, listener: MeshChannelListener): void {
    this.#hand(message, listener, false);
  }

  #hand(message: ArchivedMessage, listener: MeshChannelListener, replayed: boolean): void {
    const text = textOf(message.content);
    if (text === undefined || message.unreadable !== undefined || message.retracted !== undefined) return;
    const { id, author, name, via, created } = message;
    // An id that is none of a door's would show as somebody else's.
    const isDoor = via === undefined || isClientId(via.id);
    const post: MeshPost = { id, member: author, name, via: isDoor ? via : undefined, text, at: created };
    listener.onPost(post, replayed);
  }

  #onEvent(event: DeviceEvent): void {
    if (event.type === "message-changed") {
      const { conversation, id, content, retracted } = event.message;
      const entered = conversation.startsWith("#") ? this.#entered.get(conversation.slice(1)) : undefined;
      entered?.listener.onChanged(id, retracted === undefined ? textOf(content) : undefined);
    } else if (event.type === "channel") this.#onNews(event).catch(this.#onError);
  }

  async #onNews({ channel, what, member, name }: ChannelNews): Promise<void> {
    const entered = this.#entered.get(channel);
    if (entered === undefined) return;
    const isOver = what === "left" || what === "kicked" || what === "removed";
    if (what === "changed") {
      const { archived } = await this.#device.conversations.channel(`#${entered.name}`);
      if (archived !== undefined) this.#gone(channel);
    } else if (isOver && (member === undefined || member === this.#device.member)) this.#gone(channel);
    else if (isOver && member !== undefined) {
      const known = entered.names.get(member) ?? name;
      entered.names.delete(member);
      if (known !== undefined) entered.listener.onLeft(known);
    } else if (what === "joined" && member !== undefined && member !== this.#device.member) {
      const known = name ?? (await this.#device.memberOf(member)).name;
      entered.names.set(member, known);
      entered.listener.onJoined(known);
    }
  }

  #gone(channel: string): void {
    const entered = this.#entered.get(channel);
    this.#drop(channel);
    entered?.listener.onGone();
  }

  #drop(channel: string): void {
    this.#entered.get(channel)?.end();
    this.#entered.delete(channel);
  }
}

/** What a program that knows text only is shown; attachments by their names. Undefined for what has no text. */
function textOf(content: AnyContent): string | undefined {
  const said = textContent(content);
  if (said === undefined) return undefined;
  const attached = (said.attachments ?? []).map(({ name, size }) => `[attachment ${name}, ${size} bytes]`);
  return [said.text, ...attached].join("\n");
}

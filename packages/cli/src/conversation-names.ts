/** Conversations as people name them, and back. */
import type { DeviceApi } from "@parley/client";
import { id32Schema, isParleyError, parseChannelName, ParleyError } from "@parley/protocol";

import { shortId } from "./member-table.ts";

const isId = (text: string): boolean => id32Schema.safeParse(text).success;

/** `#name` of what was typed, with its `#` or without. Throws `invalid_argument`. */
export function channelArgument(text: string): string {
  const name = text.startsWith("#") ? text.slice(1) : text;
  if (parseChannelName(name) === undefined && !isId(name))
    throw new ParleyError("invalid_argument", {
      message: `"${text}" is no channel; a name has up to 31 letters, digits, _ and -, and in a shell its # needs quotes.`,
    });
  return `#${name}`;
}

/** What names one conversation: `#channel`, or `@<member id>` also for a member that is known only by what it said. */
export async function conversationOf(device: DeviceApi, text: string): Promise<string> {
  if (text.startsWith("#")) return channelArgument(text);
  try {
    return `@${await memberIdOf(device, text)}`;
  } catch (error) {
    const mayBeChannel = !text.startsWith("@") && parseChannelName(text) !== undefined;
    if (!mayBeChannel || !isParleyError(error) || error.code !== "unknown_member") throw error;
    throw new ParleyError("unknown_member", {
      message: `No member is called ${text}; a channel is written '#${text}', with the quotes in a shell.`,
      cause: error,
    });
  }
}

/** The id of a member, also while the registry is away. Throws `unknown_member`. */
export async function memberIdOf(device: DeviceApi, text: string): Promise<string> {
  const name = text.replace(/^@/, "");
  if (isId(name)) return name;
  let failure: ParleyError | undefined;
  if (device.state === "connected") {
    try {
      return (await device.memberOf(name)).member;
    } catch (error) {
      // Who is no member any more is remembered all the same.
      if (!isParleyError(error) || error.code !== "unknown_member") throw error;
      failure = error;
    }
  }
  const found = (await device.conversations.contacts()).find((contact) => contact.name === name);
  if (found !== undefined) return found.member;
  throw failure ?? new ParleyError("unknown_member", { message: `This device remembers nobody called @${name}.` });
}

/** Says what conversations are called: `@ada`, `#general`. */
export class ConversationNames {
  readonly #names = new Map<string, string>();
  readonly #device: DeviceApi;

  private constructor(device: DeviceApi) {
    this.#device = device;
    this.#names.set(`@${device.member}`, `@${device.name}`);
  }

  static async of(device: DeviceApi): Promise<ConversationNames> {
    const names = new ConversationNames(device);
    const [contacts, channels] = await Promise.all([
      device.conversations.contacts(),
      device.conversations.channels({ joined: true }),
    ]);
    for (const { member, name } of contacts) if (name !== undefined) names.#names.set(`@${member}`, `@${name}`);
    for (const { channel, name } of channels) names.#names.set(`#${channel}`, `#${name}`);
    return names;
  }

  async nameOf(conversation: string): Promise<string> {
    const known = this.#names.get(conversation);
    if (known !== undefined) return known;
    const name = await this.#ask(conversation).catch(
      () => `${conversation.slice(0, 1)}${shortId(conversation.slice(1))}`,
    );
    this.#names.set(conversation, name);
    return name;
  }

  async #ask(conversation: string): Promise<string> {
    if (conversation.startsWith("#")) return `#${(await this.#device.conversations.channel(conversation)).name}`;
    return `@${(await this.#device.memberOf(conversation.slice(1))).name}`;
  }
}

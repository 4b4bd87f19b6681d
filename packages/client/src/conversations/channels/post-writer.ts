/** Puts a post into the form in which it leaves: sealed where the channel is, and signed by this device. */
import { signStatement } from "@parley/core";
import { type AnyContent, encodePost, limits, ParleyError, type Statement, type Via } from "@parley/protocol";

import type { Identity } from "../../identity.ts";
import type { ChannelCipher } from "./channel-cipher.ts";
import type { KeptPost } from "./post-page.ts";

export interface PostWriterOptions {
  readonly mesh: string;
  readonly channel: string;
  readonly identity: () => Pick<Identity, "member" | "device">;
  readonly isEncrypted: () => boolean;
  readonly cipher: ChannelCipher | undefined;
}

/** Bytes of a content, and of whom an edge speaks for, as JSON, so that the statement around it stays within `limits.statementBytes`. */
const mostContentBytes = Math.floor((limits.statementBytes * 3) / 4) - 1024;
const encoder = new TextEncoder();

/** What goes with a content. */
export interface PostExtras {
  readonly via?: Via | undefined;
  /** Under which members approved it; default: a new one. */
  readonly id?: string | undefined;
  readonly approvals?: readonly string[] | undefined;
}

const bytesOf = (value: unknown): number => encoder.encode(JSON.stringify(value)).length;

/** Throws `too_large`. A sealed post has less room: whether it fits shows when it is sealed. */
export function checkPostSize(content: AnyContent, { via, approvals }: PostExtras = {}): void {
  const parts = [content, ...(via === undefined ? [] : [via]), ...(approvals === undefined ? [] : [approvals])];
  const bytes = parts.reduce((sum: number, part) => sum + bytesOf(part), 0);
  if (bytes > mostContentBytes)
    throw new ParleyError("too_large", {
      message: `A post of ${bytes} bytes is larger than ${mostContentBytes}; attach what is longer.`,
    });
}

export class PostWriter {
  readonly #options: PostWriterOptions;

  constructor(options: PostWriterOptions) {
    this.#options = options;
  }

  /** Throws `group_changed` when the group has to be brought up to date first, and `too_large`. */
  async bytesOf({ id, created, content, via, approvals }: KeptPost): Promise<Uint8Array<ArrayBuffer>> {
    const { mesh, channel, identity, isEncrypted, cipher } = this.#options;
    const { member, device } = identity();
    const head = { mesh, channel, member, id, iat: created };
    let statement: Statement<"post"> = { ...head, content, ...(via === undefined ? {} : { via }) };
    if (approvals !== undefined) statement = { ...statement, approvals: [...approvals] };
    if (isEncrypted()) {
      if (cipher === undefined)
        throw new ParleyError("unsupported_operation", { message: "This device cannot seal for encrypted channels." });
      statement = { ...head, encrypted: await cipher.seal(channel, content) };
    }
    return encodePost(await signStatement("post", statement, device));
  }
}

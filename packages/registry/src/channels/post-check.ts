import { peekStatement } from "@parley/core";
import {
  compactSchema,
  decodePost,
  fromBase64url,
  id16Schema,
  id32Schema,
  limits,
  parseJson,
  ParleyError,
  type Statement,
} from "@parley/protocol";
import { z } from "zod";

import { frameRoles } from "../access.ts";
import type { SessionIdentity } from "../session.ts";
import { requireVoice } from "./channel-restriction.ts";
import { requireIn, requireOpen } from "./channel-rules.ts";
import type { KnownChannel } from "./channel-table.ts";

/** A post as it came from its author's device. Its form is checked, its signature is its readers' business. */
export interface IncomingPost {
  readonly channel: string;
  readonly id: string;
  /** The statement's bytes. */
  readonly bytes: Uint8Array;
  readonly post: Statement<"post"> & { readonly signer: string };
}

/** A post that is none, if it can be said which: its author is told by these. */
export interface UnreadablePost {
  readonly channel: string;
  readonly id: string;
  readonly error: ParleyError;
}

const namesSchema = z.object({ channel: id32Schema, id: id16Schema });
const text = new TextDecoder();
const mostPayloadBytes = 2 * limits.controlBytes;

/** Reads a binary post. Throws what `decodePost` says when it cannot even be told which post it is. */
export function readPost(bytes: Uint8Array): IncomingPost | UnreadablePost {
  const decoded = decodePost(bytes);
  try {
    if (!decoded.ok) throw new ParleyError(decoded.code, { message: decoded.message });
    // Pages give it as a statement: another spelling would make the whole page one that no reader takes.
    if (!compactSchema.safeParse(decoded.value).success)
      throw new ParleyError("invalid_argument", { message: "A post is one statement in compact form." });
    const post = peekStatement("post", decoded.value);
    return { channel: post.channel, id: post.id, bytes: bytes.subarray(1), post };
  } catch (cause) {
    const names = namesOf(bytes);
    const error = asRefusal(cause);
    if (names === undefined) throw error;
    return { ...names, error };
  }
}

/** Nothing was verified yet: what cannot be read is of the wrong form, not wrongly signed. */
function asRefusal(cause: unknown): ParleyError {
  if (!(cause instanceof ParleyError)) return new ParleyError("malformed_frame", { cause });
  if (cause.code !== "bad_signature") return cause;
  return new ParleyError("invalid_argument", { message: "This is not a post of the documented form.", cause });
}

function namesOf(bytes: Uint8Array): { channel: string; id: string } | undefined {
  const payload = fromBase64url(text.decode(bytes.subarray(1)).split(".")[1] ?? "");
  const json = payload === undefined ? undefined : parseJson(text.decode(payload), mostPayloadBytes);
  return json?.ok === true ? namesSchema.safeParse(json.value).data : undefined;
}

/** What a post has to do with beside its channel. */
export interface PostRules {
  readonly mesh: string;
  readonly now: number;
  /** Whether a member's word for a keyless client is taken. */
  readonly mayVouch: (member: string) => boolean;
  /** The present epoch of an encrypted channel's group; undefined while nobody may post in it. */
  readonly groupEpoch: (channel: KnownChannel) => number | undefined;
}

/** Checks who posts: its own device, in its own name, by its roles. */
export function checkAuthor({ post }: IncomingPost, author: SessionIdentity, { mesh, mayVouch }: PostRules): void {
  if (post.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (post.member !== author.member || post.signer !== author.device)
    throw new ParleyError("forbidden", { message: "A device posts in its own name only." });
  if (!author.roles.some((role) => frameRoles.includes(role))) throw new ParleyError("forbidden");
  if (post.via !== undefined && !mayVouch(author.member))
    throw new ParleyError("forbidden", { message: "Only an edge of the registry posts for others." });
}

/** Checks that a post may stand in its channel. Throws `not_in_channel`, `muted_in_channel`, `archived`, `group_changed` or `invalid_argument`. */
export function checkPlace({ post }: IncomingPost, channel: KnownChannel, { groupEpoch, now }: PostRules): void {
  requireIn(channel, post.member);
  requireVoice(channel, post.member, now);
  requireOpen(channel);
  if (channel.record.encrypted !== (post.encrypted !== undefined))
    throw new ParleyError("invalid_argument", {
      message: channel.record.encrypted
        ? "Posts of this channel are encrypted."
        : "Posts of this channel are not encrypted.",
    });
  if (post.encrypted !== undefined && post.encrypted.epoch !== groupEpoch(channel))
    throw new ParleyError("group_changed");
}

/** Reads posts as they stand in a channel's history: who wrote each, and whether its author's device signed it. */
import { type ArchivedMessage, peekStatement, verifyStatement } from "@parley/core";
import { id32Schema, type ParleyError, type Statement, toParleyError } from "@parley/protocol";

import type { Directory } from "../../directory.ts";
import type { MemberView } from "../../member-view.ts";

/** A post with its place, the statement as text. */
export interface PlacedPost {
  readonly offset: number;
  /** Registry time of the append, ms since 1970. */
  readonly at: number;
  readonly statement: string;
}

/** What came of reading a post. */
export type ReadPost =
  /** Its device's signature holds. */
  | {
      readonly kind: "signed";
      readonly post: PlacedPost;
      readonly said: Statement<"post">;
      readonly device: string;
      readonly name: string;
    }
  /** It is not what it claims to be, or nobody can tell any more: its author or device is on no list. */
  | {
      readonly kind: "unreadable";
      readonly post: PlacedPost;
      readonly why: "bad-signature" | "unknown";
      /** What it claims, where that can be read. */
      readonly claims: PostClaims | undefined;
    }
  /** This device has it already. */
  | { readonly kind: "known"; readonly post: PlacedPost; readonly id: string; readonly device: string };

/** What a post says of itself, and nobody vouches for. */
interface PostClaims {
  readonly member: string;
  readonly device: string;
  /** The member's verified name, if there is such a member. */
  readonly name: string | undefined;
  readonly created: number;
}

export interface PostReaderOptions {
  readonly mesh: string;
  readonly directory: Pick<Directory, "known" | "get" | "refresh">;
  /** A message of the channel that is in the archive. */
  readonly archived: (channel: string, id: string) => Promise<ArchivedMessage | undefined>;
}

type Claimed = Statement<"post"> & { readonly signer: string };

/** Devices that a member's newest list does not have: not asked for again while this session lasts. */
const mostMissing = 1024;

export class PostReader {
  readonly #options: PostReaderOptions;
  readonly #missing = new Set<string>();

  constructor(options: PostReaderOptions) {
    this.#options = options;
  }

  /** A session begins: lists may be newer. */
  onSession(): void {
    this.#missing.clear();
  }

  /** Rejects with a retryable error while it cannot be said: the registry, which has the author's record, is away. */
  async read(channel: string, post: PlacedPost): Promise<ReadPost> {
    let claimed: Claimed;
    try {
      claimed = peekStatement("post", post.statement);
    } catch {
      return { kind: "unreadable", post, why: "bad-signature", claims: undefined };
    }
    const { id, signer: device } = claimed;
    if (!id32Schema.safeParse(device).success)
      return { kind: "unreadable", post, why: "bad-signature", claims: undefined };
    const before = await this.#options.archived(channel, id);
    if (before?.device === device && before.author === claimed.member) return { kind: "known", post, id, device };
    const author = await this.#author(claimed);
    const claims = { member: claimed.member, device, name: author?.name, created: claimed.iat };
    const key = author?.verified.devices.get(device)?.key;
    if (author === undefined || key === undefined) return { kind: "unreadable", post, why: "unknown", claims };
    if (claimed.mesh !== this.#options.mesh || claimed.channel !== channel)
      return { kind: "unreadable", post, why: "bad-signature", claims };
    try {
      const said = await verifyStatement("post", post.statement, key);
      return { kind: "signed", post, said, device, name: author.name };
    } catch {
      return { kind: "unreadable", post, why: "bad-signature", claims };
    }
  }

  /** The record of whoever claims to have written this; undefined when there is none. It may lack the device. */
  async #author({ member, signer }: Claimed): Promise<MemberView | undefined> {
    const { directory } = this.#options;
    const known = directory.known(member);
    if (known?.verified.devices.has(signer) === true) return known;
    // A list may be newer; whoever is on none is shown with what is known of its member.
    const missing = `${member}.${signer}`;
    if (this.#missing.has(missing)) return known;
    let newest = known;
    try {
      const view = known === undefined ? await directory.get(member) : await directory.refresh(member);
      if (view.verified.devices.has(signer)) return view;
      newest = view;
    } catch (error) {
      if (isForNow(error)) throw error;
    }
    if (this.#missing.size >= mostMissing) this.#missing.clear();
    this.#missing.add(missing);
    return newest;
  }
}

/** Whether asking once more can help. A mesh that has not let somebody in yet says so for as long as it likes. */
const isForNow = (error: unknown): error is ParleyError => {
  const { retryable, code } = toParleyError(error);
  return retryable && code !== "not_admitted";
};

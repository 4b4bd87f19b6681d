/** Who may come into the group of an encrypted channel: those whom a member of it invited, under its signature. */
import { type GroupDevice, peekStatement, verifyStatement } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Directory } from "../../directory.ts";

export interface InvitationsOptions {
  readonly mesh: string;
  readonly directory: Pick<Directory, "get">;
}

/** A device that wants to come in, and what speaks for it. */
export interface Joiner {
  readonly channel: string;
  readonly device: GroupDevice;
  /** Who is in the group before. */
  readonly present: readonly GroupDevice[];
  readonly invitation: string | undefined;
  /** When its member was taken out last, ms since 1970. */
  readonly removedAt: number | undefined;
}

export class Invitations {
  readonly #options: InvitationsOptions;

  constructor(options: InvitationsOptions) {
    this.#options = options;
  }

  /** Throws `not_invited` for whom nobody in the group invited; what cannot be known now is retryable. */
  async check({ channel, device, present, invitation, removedAt }: Joiner): Promise<void> {
    if (present.some(({ member }) => member === device.member)) return;
    if (invitation === undefined) throw uninvited();
    const claimed = peekStatement("invitation", invitation);
    if (!present.some(({ member }) => member === claimed.by)) throw uninvited();
    const { verified } = await this.#options.directory.get(claimed.by);
    const key = verified.devices.get(claimed.signer)?.key;
    if (key === undefined) throw uninvited();
    const { mesh, channel: to, member, iat } = await verifyStatement("invitation", invitation, key);
    const isGood = mesh === this.#options.mesh && to === channel && member === device.member;
    if (!isGood || (removedAt !== undefined && iat <= removedAt)) throw uninvited();
  }
}

const uninvited = (): ParleyError =>
  new ParleyError("not_invited", { message: "A device came into the group whom none of its members invited." });

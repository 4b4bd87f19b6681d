/** Who may come into the group of an encrypted channel: those whom a member of it invited, under its signature. */
import { type GroupDevice, peekStatement, verifyStatement } from "@parley/core";
import { toParleyError } from "@parley/protocol";

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

  /** False for whom nobody in the group invited. Rejects with what is retryable when that cannot be known now. */
  async isGood({ channel, device, present, invitation, removedAt }: Joiner): Promise<boolean> {
    if (present.some(({ member }) => member === device.member)) return true;
    if (invitation === undefined) return false;
    try {
      const claimed = peekStatement("invitation", invitation);
      if (!present.some(({ member }) => member === claimed.by)) return false;
      const { verified } = await this.#options.directory.get(claimed.by);
      const key = verified.devices.get(claimed.signer)?.key;
      if (key === undefined) return false;
      const { mesh, channel: to, member, iat } = await verifyStatement("invitation", invitation, key);
      const isFor = mesh === this.#options.mesh && to === channel && member === device.member;
      return isFor && (removedAt === undefined || iat > removedAt);
    } catch (error) {
      if (toParleyError(error).retryable) throw error;
      return false;
    }
  }
}

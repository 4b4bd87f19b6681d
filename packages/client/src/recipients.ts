/** Whom something is sent to: another member by what it is called, and the device of it that can be reached. */
import { ParleyError } from "@parley/protocol";

import type { Directory } from "./directory.ts";
import type { MemberView } from "./member-view.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { Session } from "./session.ts";

export interface RecipientsOptions {
  readonly own: OwnDevices;
  readonly session: Session;
  readonly directory: Directory;
  readonly peers: Peers;
}

export class Recipients {
  readonly #options: RecipientsOptions;

  constructor(options: RecipientsOptions) {
    this.#options = options;
  }

  /** Another member; one met before also while the registry is away. Throws `self_call` for the own member. */
  async member(to: string): Promise<MemberView> {
    const { own, session, directory } = this.#options;
    const view = session.isOpen ? await directory.get(to) : directory.known(to);
    if (view === undefined)
      throw new ParleyError("unreachable", {
        message: "The registry is not connected, and this member was not met before.",
      });
    if (view.member === own.identity.member) throw new ParleyError("self_call");
    return view;
  }

  /** The device of another member that can be talked to now. */
  async live(to: string): Promise<Peer> {
    return this.liveOf(await this.member(to));
  }

  /** The same for a member that was found: a device that is connected at the registry, or linked. Throws `not_connected`. */
  liveOf(view: MemberView): Peer {
    const peer = this.#options.peers.peerOf(view);
    if (!view.live && peer.link === undefined)
      throw new ParleyError("not_connected", { message: `@${view.name} is not connected.` });
    return peer;
  }
}

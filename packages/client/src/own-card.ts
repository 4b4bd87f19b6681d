/** The card of this device's member: signed anew when it changes, and said again in every session. */
import { type MeshTrust, signStatement } from "@parley/core";
import { type AgentCard, ParleyError } from "@parley/protocol";

import type { Directory } from "./directory.ts";
import type { Notices } from "./notices.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { Session } from "./session.ts";

export interface OwnCardOptions {
  readonly own: OwnDevices;
  readonly trust: MeshTrust;
  readonly session: Session;
  readonly directory: Directory;
  readonly notices: Notices;
}

export class OwnCard {
  readonly #options: OwnCardOptions;
  #card: AgentCard | undefined;
  #number = 0;

  constructor(options: OwnCardOptions) {
    this.#options = options;
  }

  /** Publishes a card unless it is the published one. Throws `forbidden` on a device without the root key. */
  async publish(card: AgentCard): Promise<void> {
    const { own, trust, session, directory } = this.#options;
    const { root, member } = own.identity;
    const published = await directory.get(member);
    if (JSON.stringify(published.card) !== JSON.stringify(card)) {
      if (root === undefined)
        throw new ParleyError("forbidden", {
          message:
            "The card differs from the published one, and this device does not hold the member's root key, which signs cards.",
          data: { lacks: "root key" },
        });
      this.#number = Math.max(this.#number, published.verified.numbers.card) + 1;
      const statement = await signStatement("card", { mesh: trust.mesh, member, number: this.#number, card }, root);
      await session.request("card.publish", { card: statement });
    }
    this.#card = card;
  }

  /** A new session: the registry may have lost it. */
  onSession(): void {
    if (this.#card !== undefined) this.publish(this.#card).catch(this.#options.notices.failed);
  }
}

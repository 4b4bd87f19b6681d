/** News as a device hears it: from the registry in the course of a session, and from peers that pass it on. */
import { type MeshTrust, orderTypes, peekStatement } from "@parley/core";
import { type Gossip, type OrderType, ParleyError } from "@parley/protocol";

import type { AuditWatch } from "./audit/audit-watch.ts";
import type { Directory } from "./directory.ts";
import type { Exchanges } from "./exchanges.ts";
import type { Holds } from "./holds.ts";
import type { Intake } from "./intake.ts";
import type { MailboxState } from "./mailbox-acks.ts";
import type { Notices } from "./notices.ts";
import type { OwnCard } from "./own-card.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { OwnPresence } from "./own-presence.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { Session, SessionOptions } from "./session.ts";
import type { Standing } from "./standing.ts";
import type { UsageMeter } from "./usage-meter.ts";

type Push = Parameters<SessionOptions["events"]["onPush"]>[0];

export interface RegistryNewsOptions {
  readonly own: OwnDevices;
  readonly trust: MeshTrust;
  readonly session: Pick<Session, "welcome" | "recertify">;
  readonly directory: Directory;
  readonly presence: OwnPresence;
  readonly intake: Intake;
  readonly peers: Peers;
  readonly exchanges: Exchanges;
  readonly card: OwnCard;
  readonly audit: AuditWatch;
  readonly notices: Notices;
  readonly holds: Holds;
  readonly standing: Standing;
  readonly meter: UsageMeter;
}

export class RegistryNews {
  readonly #options: RegistryNewsOptions;
  #gossip: Promise<void> = Promise.resolve();

  constructor(options: RegistryNewsOptions) {
    this.#options = options;
  }

  /** A session begins: each part says again what the node may not know. */
  onWelcome(mailbox: MailboxState): void {
    const { own, presence, intake, peers, exchanges, card, holds } = this.#options;
    holds.forget();
    intake.onSession(mailbox);
    presence.sayAgain();
    own.onSession();
    exchanges.onSession();
    peers.links.closeRefused();
    peers.links.closeUnvouched();
    peers.onSession();
    card.onSession();
    this.#options.meter.onSession();
  }

  onPush(push: Push): void {
    this.#take(push).catch(this.#options.notices.refused);
  }

  onGossip(peer: Peer, gossip: Gossip): void {
    // One after the other: a set of operators follows the one before it.
    this.#gossip = this.#gossip.then(() => this.#takeGossip(peer, gossip)).catch(this.#options.notices.refused);
  }

  async #take(push: Push): Promise<void> {
    const { directory, peers, intake, exchanges, audit, notices } = this.#options;
    if (exchanges.channels.onPush(push) || exchanges.board.onPush(push)) return;
    switch (push.type) {
      case "presence": {
        const view = directory.onPresence(push.body.member, push.body.devices);
        if (view !== undefined) peers.onPresence(view);
        return;
      }
      case "member.changed":
        await directory.onChanged(push.body.member, push.body.record);
        return;
      case "order":
        return this.#takeOrder(push.body.type, push.body.statement);
      case "holds":
        await this.#options.holds.accept(push.body.holds);
        return this.#options.standing.look();
      case "operators":
        await this.#takeOperators(push.body.operators);
        return this.#recertify(push.body.certificate);
      case "pairing.pending": {
        const { pairing, request, address } = push.body;
        const { name } = peekStatement("pairing", request);
        return notices.emit({ type: "pairing-pending", pairing, request, name, address });
      }
      case "operators.proposed": {
        const { proposal, by, approved, needed } = push.body;
        return notices.emit({ type: "operators-proposed", proposal, by, approved: approved.length, needed });
      }
      case "device.pending":
        return notices.emit({ type: "device-pending", ...push.body });
      case "mailbox.trimmed":
        intake.inbox.noteLoss();
        return notices.refused(
          new ParleyError("mailbox_full", {
            message: `Messages ${push.body.from} to ${push.body.to} of the mailbox were lost to its limits.`,
          }),
        );
      case "inbox.lease":
        return intake.holder.onLease(push.body);
      case "resource.changed":
        return notices.emit({ type: "resource", ...push.body });
      case "audit.head":
        return audit.onHead(push.body.head);
      case "goodbye":
        return notices.log("info", "goodbye", { code: push.body.error.code });
      // Taken above.
      case "channel.event":
      case "channel.invited":
      case "group.changed":
      case "post.results":
      case "board.leased":
      case "board.ended":
      case "board.changed":
      case "board.wanted":
    }
  }

  /** A peer that has not heard the news yet is no roll-back. */
  async #takeGossip(peer: Peer, { devices, withdrawals, operators, ...orders }: Gossip): Promise<void> {
    const { trust, directory } = this.#options;
    if (operators !== undefined && peekStatement("operators", operators).number === trust.operators.number + 1)
      await this.#takeOperators([...trust.operators.chain, operators]);
    for (const type of orderTypes) {
      const order = orders[type];
      if (order !== undefined && peekStatement(type, order).number >= trust.orderNumbers[type])
        await this.#takeOrder(type, order);
    }
    if (devices !== undefined) await directory.onDevices(peer.member, devices);
    if (withdrawals !== undefined) await directory.onWithdrawals(peer.member, withdrawals);
  }

  /** Who was let in by somebody who is no operator any more is not believed: its links go, and its roles are read anew. */
  async #takeOperators(chain: readonly string[]): Promise<void> {
    const { trust, directory, peers } = this.#options;
    const { number } = trust.operators;
    await trust.acceptOperators(chain);
    if (trust.operators.number === number) return;
    // First, while there are links to do it by.
    peers.links.gossipOperators(number);
    await directory.onOperators();
    this.#options.exchanges.chains.onOrders();
    peers.links.closeUnvouched();
  }

  /** Another certificate of the very node that this session is with. */
  async #recertify(certificate: string): Promise<void> {
    const { trust, session } = this.#options;
    const { key } = await trust.verifyNode(certificate);
    if (key !== session.welcome?.nodeKey) throw new ParleyError("registry_key_mismatch");
    session.recertify(certificate);
  }

  async #takeOrder(type: OrderType, compact: string): Promise<void> {
    const { trust, peers, standing } = this.#options;
    if (!(await trust.acceptOrder(type, compact))) return;
    // First, while there are links to do it by.
    peers.links.gossipToAll(type);
    this.#options.exchanges.chains.onOrders();
    standing.look();
  }
}

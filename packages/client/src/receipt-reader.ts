/** Receipts of what this device sent: evidence counts when the device that it names signed it. */
import { type MeshTrust, verifyReceipt } from "@parley/core";
import { keptReceiptBytes, ParleyError, type ReceiptSection } from "@parley/protocol";

import type { Notices } from "./notices.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";

export interface ReceiptReaderOptions {
  readonly own: OwnDevices;
  readonly trust: MeshTrust;
  readonly peers: Peers;
  readonly notices: Notices;
}

export class ReceiptReader {
  readonly #options: ReceiptReaderOptions;

  constructor(options: ReceiptReaderOptions) {
    this.#options = options;
  }

  onReceipt(peer: Peer, receipt: ReceiptSection): void {
    this.#take(peer, receipt).catch((error: unknown) => this.#options.notices.refused(error, peer.member.name));
  }

  async #take(peer: Peer, { signature, ...receipt }: ReceiptSection): Promise<void> {
    const { own, trust, peers } = this.#options;
    const { member, devices } = peer.member;
    const key = devices.get(peer.device)?.key ?? "";
    const parties = {
      mesh: trust.mesh,
      sender: own.identity.member,
      senderDevice: own.identity.device.id,
      recipient: member,
      device: peer.device,
    };
    if (!(await verifyReceipt(key, parties, receipt, signature))) throw new ParleyError("bad_signature");
    const { epoch, from, to, state, at } = receipt;
    const stream = await peers.streams.vouchedFor(member, epoch);
    stream?.onReceipt(from, to, state, at, peer, keptReceiptBytes(parties, receipt, signature));
  }
}

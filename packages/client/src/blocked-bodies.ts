/**
 * What becomes of a durable stream when the registry says that its recipient blocked this member, or that the policy denies it: what went no other way
 * ends, as it does when a device of the recipient refuses it. What a device has, or may have, is for that device to answer.
 */
import type { OutboundStream } from "@parley/core";
import type { ParleyError } from "@parley/protocol";

import type { Custody } from "./custody.ts";
import type { DeliveryLedger } from "./delivery-ledger.ts";
import type { DeviceLanes } from "./device-lanes.ts";
import type { OutboxPage } from "./outbox-page.ts";
import { voidEnvelope } from "./void-envelope.ts";

export interface BlockedBodiesOptions {
  readonly stream: OutboundStream;
  readonly ledger: Pick<DeliveryLedger, "standing" | "end">;
  readonly custody: Pick<Custody, "letGo">;
  readonly lanes: Pick<DeviceLanes, "linkedUpTo">;
  readonly page: Pick<OutboxPage, "drop">;
  /** Wall time, ms since 1970. */
  readonly now: () => number;
}

export class BlockedBodies {
  readonly #options: BlockedBodiesOptions;
  /** An earlier start accepted everything up to here, and may have handed it to anybody. */
  readonly #leftUpTo: number;

  constructor(options: BlockedBodiesOptions) {
    this.#options = options;
    this.#leftUpTo = options.stream.nextSeq - 1;
  }

  /**
   * The registry refused a frame with these numbers; up to `maybeUpTo` the mailbox may have them from before. False while
   * something of it waits for the answer of a device.
   */
  refuse(from: number, upTo: number, maybeUpTo: number, error: ParleyError): boolean {
    const { stream, ledger, custody, lanes } = this.#options;
    const doubtfulUpTo = Math.max(maybeUpTo, this.#leftUpTo, lanes.linkedUpTo);
    let isDecided = true;
    for (let seq = Math.max(from, stream.base), last = seq; seq <= upTo; seq = ++last) {
      while (stream.at(last)?.more === true) last++;
      const isOpen = ledger.standing(last) === "open";
      if (isOpen && last <= doubtfulUpTo) {
        isDecided = false;
        continue;
      }
      // A device that took it is enough: the others would not, and what ended nobody needs.
      if (isOpen) this.#end(last, error);
      custody.letGo(seq, last);
    }
    return isDecided;
  }

  /** A body whose last envelope never left was never whole anywhere. */
  #end(last: number, { code, message }: ParleyError): void {
    const { stream, ledger, page, now } = this.#options;
    let first = last;
    while (stream.at(first - 1)?.more === true) first--;
    for (let seq = first; seq <= last; seq++) stream.replace(seq, voidEnvelope(now()));
    ledger.end(last, "refused", { error: { code, message } }, () => {
      for (let seq = first; seq <= last; seq++) page.drop(seq);
    });
  }
}

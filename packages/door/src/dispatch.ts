import type { Clock } from "@parley/core";

import type { Channels } from "./channels.ts";
import type { ClientMessage, ClientMessageType } from "./client-message.ts";
import type { DoorClient } from "./door-client.ts";
import { howToComeIn, type Identification } from "./identification.ts";
import type { Messages } from "./messages.ts";
import type { ProposalActs } from "./proposal-acts.ts";
import { Refusal } from "./refusal.ts";

export interface DispatchParts {
  readonly clock: Clock;
  readonly identification: Identification;
  readonly channels: Channels;
  readonly messages: Messages;
  readonly proposals: ProposalActs;
}

/** What may be said before one is in; lists only by those who may be guests. */
const early: ReadonlySet<ClientMessageType> = new Set(["IDENTIFY", "VERIFY_IDENTITY", "PING"]);
const listing: ReadonlySet<ClientMessageType> = new Set(["LIST_CHANNELS", "LIST_AGENTS"]);
/** What others notice: it has a rate of its own. MSG has another. */
const noticed: ReadonlySet<ClientMessageType> = new Set([
  "JOIN",
  "CREATE_CHANNEL",
  "INVITE",
  "PROPOSAL",
  "ACCEPT",
  "REJECT",
  "COMPLETE",
  "DISPUTE",
]);

/** Hands a message to what does it. */
export class Dispatch {
  readonly #parts: DispatchParts;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  /** Throws a `Refusal`, or what the mesh said. */
  async run(client: DoorClient, message: ClientMessage): Promise<void> {
    const { identification, channels, messages, proposals } = this.#parts;
    this.#check(client, message.type);
    switch (message.type) {
      case "IDENTIFY":
        return identification.identify(client, message);
      case "VERIFY_IDENTITY":
        return identification.verify(client, message);
      case "PING":
        return client.send({ type: "PONG" });
      case "JOIN":
        return channels.join(client, message);
      case "LEAVE":
        return channels.leave(client, message);
      case "LIST_CHANNELS":
        return channels.list(client);
      case "LIST_AGENTS":
        return channels.listAgents(client, message);
      case "CREATE_CHANNEL":
        return channels.create(client, message);
      case "INVITE":
        return channels.invite(client, message);
      case "MSG":
        return messages.say(client, message);
      case "PROPOSAL":
      case "ACCEPT":
      case "REJECT":
      case "COMPLETE":
      case "DISPUTE":
        return proposals.take(client, message);
    }
  }

  #check(client: DoorClient, type: ClientMessageType): void {
    const mayAsk = client.isIn || early.has(type) || (client.isLocal && listing.has(type));
    if (!mayAsk)
      throw new Refusal("AUTH_REQUIRED", client.isLocal ? "Send IDENTIFY first." : `Not in yet. ${howToComeIn}`);
    const now = this.#parts.clock.monotonic();
    if (type === "MSG" && !client.talk.take(now))
      throw new Refusal("RATE_LIMITED", "Too many messages; this one was dropped. Wait a second.");
    if (noticed.has(type) && !client.acts.take(now))
      throw new Refusal("RATE_LIMITED", `Too many ${type} and the like; this one was dropped. Wait a second.`);
  }
}

import type { Clock, Log } from "@parley/core";

import type { AuditRecorder } from "./audit/audit-trail.ts";
import type { Authority } from "./authority.ts";
import type { Board } from "./board/board.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { Budgets } from "./budgets/budgets.ts";
import type { ChannelEvents } from "./channels/channel-events.ts";
import type { ChannelFeed } from "./channels/channel-feed.ts";
import type { ChannelTable } from "./channels/channel-table.ts";
import type { Floors } from "./channels/floors.ts";
import type { Posting } from "./channels/posting.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Delivery } from "./delivery.ts";
import type { DeviceBoxes } from "./device-boxes.ts";
import type { HandshakeContext } from "./handshake.ts";
import type { InboxLeases } from "./inbox-leases.ts";
import type { MailboxAttempts } from "./mailbox-attempts.ts";
import type { MemberShares } from "./member-share.ts";
import type { NodeCounters } from "./node-counters.ts";
import type { OperatorOrders } from "./operator-orders.ts";
import type { RegistryLog } from "./options.ts";
import type { Presence } from "./presence.ts";
import type { RequestTable } from "./requests/request-table.ts";
import type { SessionTable } from "./session-table.ts";
import type { WelcomeContext } from "./welcome.ts";

/** What every session of a node shares. */
export interface SessionServices extends HandshakeContext, WelcomeContext {
  readonly audit: AuditRecorder;
  readonly clock: Clock;
  readonly bounds: RegistryBounds;
  readonly log: RegistryLog;
  readonly store: Log;
  readonly table: SessionTable;
  readonly presence: Presence;
  readonly deviceBoxes: DeviceBoxes;
  readonly deadLetters: DeadLetters;
  readonly attempts: MailboxAttempts;
  readonly inboxes: InboxLeases;
  readonly counters: NodeCounters;
  readonly shares: MemberShares;
  readonly orders: OperatorOrders;
  readonly authority: Authority;
  readonly budgets: Pick<Budgets, "holds">;
  readonly delivery: Delivery;
  readonly requests: RequestTable;
  readonly channelTable: ChannelTable;
  readonly channelFeed: ChannelFeed;
  readonly channelEvents: ChannelEvents;
  readonly floors: Floors;
  readonly posting: Posting;
  readonly board: Board;
}

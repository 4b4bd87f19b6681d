import type { DeliveryQuery, LinkFactory, LinkRoute, Restriction } from "@parley/core";
import type {
  AgentCard,
  Availability,
  BlobRef,
  EnrolmentAsk,
  ErrorCode,
  Path,
  ReplyBody,
  RequestBody,
  RequestType,
  ResourceLease,
} from "@parley/protocol";

import type { AgreementApi, AgreementEvent } from "./agreements/agreement-api.ts";
import type { ApprovalApi, ApprovalEvent } from "./approvals/approval-api.ts";
import type { AuditAlert } from "./audit/audit-memory.ts";
import type { AttachOptions, TransferOptions } from "./blobs/attachments.ts";
import type { ContentSink } from "./blobs/content-sink.ts";
import type { ContentSource } from "./blobs/content-source.ts";
import type { BoardApi } from "./board/board-api.ts";
import type { ConversationApi, ConversationEvent } from "./conversations/conversation-api.ts";
import type { DelegationApi } from "./delegations/delegation-api.ts";
import type { DeliveryViews, PurgeQuery } from "./deliveries.ts";
import type { Delivery, IncomingMessage, PingResult, Sender, SendOptions, Sent } from "./delivery.ts";
import type { GuardApi, GuardEvent } from "./guards/guard-api.ts";
import type { HistoryProgress } from "./history-transfer.ts";
import type { LinkFailure } from "./link-failure.ts";
import type { FindQuery, FoundMembers, MemberView } from "./member-view.ts";
import type { MetricSample } from "./metrics.ts";
import type { PathReason } from "./path-reason.ts";
import type { RootKeyChange } from "./root-rotation.ts";
import type { ScheduleApi } from "./scheduled/schedule-api.ts";
import type { TaskApi } from "./tasks/task-api.ts";
import type { DelegateRequest, ServeOptions, TaskAdmission, TaskHandler, TaskRun } from "./tasks/task-run.ts";

/** What a program used of models: tokens, and millionths of the mesh's unit of money. */
export interface SelfReport {
  readonly tokens?: number | undefined;
  readonly money?: number | undefined;
}

/** Where a device stands with its registry. */
export type SessionState = "connecting" | "connected" | "waiting" | "stopped";

/** A link to another device. */
export interface LinkView {
  readonly member: string;
  readonly name: string;
  readonly device: string;
  readonly state: "opening" | "open" | "closed";
  readonly path: Path | undefined;
  readonly route: LinkRoute | undefined;
  /** Milliseconds from the first signal to open. */
  readonly openedInMs: number | undefined;
  /** Why what is sent to the device goes the way it goes. */
  readonly reason: PathReason;
  /** Dials of links between the two devices so far, of both sides. */
  readonly attempts: number;
  /** What the last attempt, or the last link, ended with. */
  readonly lastFailure: LinkFailure | undefined;
}

/** What a device tells whoever watches it; one union, so that a switch is exhaustive. */
export type DeviceEvent =
  | ConversationEvent
  | GuardEvent
  /** An advisory lease that this device waits for or holds: taken, or free and why. */
  | {
      readonly type: "resource";
      readonly resource: string;
      readonly lease?: ResourceLease | undefined;
      readonly free?: "released" | "expired" | "broken" | undefined;
    }
  | {
      readonly type: "session";
      readonly state: SessionState;
      readonly error?: { readonly code: ErrorCode; readonly message: string };
      readonly retryInMs?: number;
    }
  | { readonly type: "link"; readonly link: LinkView; readonly code?: ErrorCode; readonly reason?: string }
  | { readonly type: "delivery"; readonly delivery: Delivery; readonly to: string }
  /** Messages of a member's device will not come: they were lost before this device had them. Numbers of its stream. */
  | {
      readonly type: "gap";
      readonly member: string;
      readonly name: string;
      readonly device: string;
      readonly from: number;
      readonly to: number;
    }
  /** What another device of this person remembers came: so many messages so far. */
  | ({ readonly type: "history" } & HistoryProgress)
  /** To operators: somebody asks to join, under a name and from an address that nobody vouches for yet. */
  | {
      readonly type: "pairing-pending";
      readonly pairing: string;
      readonly request: string;
      readonly name: string;
      readonly address: string;
    }
  /** To operators: a member proposes another operator set, to which `approved` of `needed` operators agree. */
  | {
      readonly type: "operators-proposed";
      readonly proposal: string;
      readonly by: string;
      readonly approved: number;
      readonly needed: number;
    }
  /** Somebody used a device link of this member. */
  | { readonly type: "device-pending"; readonly enrolment: string; readonly request: EnrolmentAsk }
  | { readonly type: "refused"; readonly code: ErrorCode; readonly message: string; readonly from?: string }
  /** To operators: the audit log of a node does not hold, or is not the one that was seen before. Entries from `entry` to `to`. */
  | {
      readonly type: "audit";
      readonly node: string;
      readonly kind: AuditAlert["kind"];
      readonly entry: number;
      readonly to?: number;
      readonly message: string;
    }
  | { readonly type: "revoked"; readonly member: string }
  | ApprovalEvent
  | AgreementEvent
  /** An operator paused, stopped, muted or banned this member; undefined when that is over. */
  | { readonly type: "restricted"; readonly restriction: Restriction | undefined };

/** One running place of a member: session, links, streams and calls behind one small surface. */
export interface DeviceApi {
  readonly member: string;
  readonly device: string;
  readonly name: string;
  readonly mesh: string;
  readonly state: SessionState;

  /** Connects and stays connected. Resolves once connected; rejects with what cannot be mended by trying again, or on `signal`. */
  start(options?: { signal?: AbortSignal }): Promise<void>;
  /** Finishes what is in hand, within two seconds, and closes links and session. */
  stop(): Promise<void>;
  /** Subscribes to events; returns the way out. */
  watch(listener: (event: DeviceEvent) => void): () => void;

  /** `@name`, name or member id. Throws `unknown_member`, `name_mismatch`, `revoked`, ... */
  memberOf(who: string): Promise<MemberView>;
  find(query: FindQuery): Promise<FoundMembers>;
  /** A request of the session's table, for what has no method here. */
  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>>;

  /** Sends a direct message. Resolves when it is accepted. */
  send(to: string, text: string, options?: SendOptions): Promise<Sent>;
  /** What may reach a program now, and what was held back from it. */
  readonly guards: GuardApi;
  /** What is to be done later. */
  readonly scheduled: ScheduleApi;
  /** What is said and was said: direct messages and channels alike. */
  readonly conversations: ConversationApi;
  /** Handles direct messages; one handler at a time per sender, in order. Returns the way out. */
  onMessage(
    handler: (message: IncomingMessage) => void | Promise<void>,
    options?: {
      /** Says when the next message of a member may be handed out: until then it stays in the inbox, and all after it. */
      readonly ready?: (from: Sender) => Promise<void> | undefined;
    },
  ): () => void;
  /**
   * Seals content and leaves it at the registry; resolves with the reference to send once every part is there. The same call
   * after a break, or a restart of the process, goes on where it was.
   */
  attach(source: ContentSource, options: AttachOptions): Promise<BlobRef>;
  /** Fetches what was attached into a sink; resolves when it is whole and verified. Goes on with what an earlier try left there. */
  fetchAttachment(ref: BlobRef, sink: ContentSink, options?: TransferOptions): Promise<void>;
  /** The attachments of a message that this device sent or received and still remembers. Throws `not_found`. */
  attachmentsOf(message: string): Promise<readonly BlobRef[]>;
  /** What was sent and received and is still remembered, oldest first unless asked otherwise. */
  deliveries(query?: DeliveryQuery): Promise<DeliveryViews>;
  /**
   * Tries once more what ended without success. A dead letter that was received is handed out again, under its id; what
   * was sent goes out as a new message, whose id is given. Throws `not_found` or `conflict`.
   */
  redeliver(id: string): Promise<string>;
  /** Forgets what ended and fits the query; gives how many. What is pending stays. */
  purgeDeliveries(query: PurgeQuery): Promise<number>;
  /** A person saw these messages: their senders are told. Whoever would rather not say so does not call it. */
  markRead(ids: readonly string[]): Promise<void>;
  ping(to: string, options?: { paths?: readonly Path[]; timeoutMs?: number }): Promise<PingResult>;
  /** Dials a link, if there is none, and resolves when it is open. */
  connect(to: string, options?: { signal?: AbortSignal }): Promise<LinkView>;
  links(): readonly LinkView[];
  /** What the device has counted since its process started. */
  metrics(): Promise<readonly MetricSample[]>;

  /** Who may act for this member. */
  readonly delegations: DelegationApi;
  /** What waits for this member's word, and its answers. */
  readonly approvals: ApprovalApi;
  /** Work for anyone with a skill. */
  readonly board: BoardApi;
  /** What this member agreed on with others, and how it goes. */
  readonly agreements: AgreementApi;
  /** Delegates to one member, or to the least loaded live holder of the skill when `to` is undefined. Never to itself. */
  delegate(to: string | undefined, request: DelegateRequest): Promise<TaskRun>;
  /** Direct tasks that were asked for and take longer than a moment, and those that are worked on. */
  readonly tasks: TaskApi;
  /** Answers what the agent of a task that this device began asks its caller. Throws `task_not_found`. */
  replyToTask(task: string, text: string): Promise<void>;
  /** Takes tasks from others. */
  serve(handler: TaskHandler, admit?: TaskAdmission, options?: ServeOptions): void;
  publishCard(card: AgentCard): Promise<void>;
  /**
   * Gives the member a new root key, signed by the present one; the member's id, devices, links and streams stay. What was
   * begun before and cut short is brought to its end. Throws `forbidden` on a device without the root key and for an
   * operator, `limit_reached`.
   */
  rotateRoot(): Promise<RootKeyChange>;
  setAvailability(availability: Availability): Promise<void>;
  /**
   * Says what the program used elsewhere: counted against this member's budget, and shown as self-reported. Throws `invalid_argument`,
   * and `over_budget` when the budget is used up: what was used is counted, and no more should be.
   */
  reportUsage(used: SelfReport): Promise<void>;
}

export interface LinkSettings {
  readonly factory: LinkFactory;
  readonly policy?: "all" | "relay";
  readonly bindAddress?: string;
  readonly portRange?: readonly [number, number];
  /** Added to what the registry names. */
  readonly iceServers?: readonly {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
  }[];
}

/**
 * A device of a member: session, links, streams and calls behind one small surface, the same in Node and the browser.
 * Not here: where keys are kept (`@parley/client/node`), WebRTC stacks (`@parley/peer`), skills (`@parley/agent`).
 */
export { type AuditAlert, type AuditMemory, type AuditStanding, openAuditMemory } from "./audit/audit-memory.ts";
export type {
  AgreementActView,
  AgreementApi,
  AgreementEvent,
  AgreementSummary,
  AgreementView,
  NewAgreement,
  NextAct,
  OfferQuery,
  OfferView,
} from "./agreements/agreement-api.ts";
export {
  auditError,
  type AuditFindings,
  AuditReader,
  type AuditReaderOptions,
  type AuditView,
  type AuditWalkOptions,
  type AuditWitnessView,
} from "./audit/audit-reader.ts";
export type { AttachOptions, TransferOptions } from "./blobs/attachments.ts";
export type { DelegationApi, DelegationTerms, GivenDelegation, SubAgent } from "./delegations/delegation-api.ts";
export type { ActCause, ActToApprove } from "./approvals/act-approval.ts";
export type {
  ApprovalApi,
  ApprovalEvent,
  AskedApproval,
  AskingRule,
  StandingTerms,
  StandingView,
  MemberQuestion,
} from "./approvals/approval-api.ts";
export type {
  BoardApi,
  BoardEvent,
  BoardOutcome,
  BoardPage,
  BoardQuery,
  BoardRequest,
  BoardRun,
  BoardTaskView,
  BoardWork,
} from "./board/board-api.ts";
export { broadcast, type BroadcastOptions, type BroadcastState, everyMember, settleMs } from "./broadcast.ts";
export { knownWithin } from "./delivery-wait.ts";
export { type ContentSink, MemorySink } from "./blobs/content-sink.ts";
export { blobSource, type ContentSource } from "./blobs/content-source.ts";
export type { TransferProgress } from "./blobs/transfer.ts";
export type {
  AllowedPaths,
  Delivery,
  DeliveryState,
  IncomingMessage,
  PingResult,
  Sender,
  SendOptions,
  Sent,
} from "./delivery.ts";
export { actionText, findAsked, shortRequest } from "./approvals/approval-name.ts";
export { Device } from "./device.ts";
export type { DeviceApi, DeviceEvent, LinkSettings, LinkView, SelfReport, SessionState } from "./device-api.ts";
export { type LinkFailure, linkFailures } from "./link-failure.ts";
export type { RootKeyChange } from "./root-rotation.ts";
export { type MetricName, type MetricSample, metricTable } from "./metrics.ts";
export { type PathReason, pathReasons } from "./path-reason.ts";
export type { DeviceOptions, LogLine } from "./device-options.ts";
export type { Identity } from "./identity.ts";
export {
  type DeviceInvite,
  type DeviceInviteRequest,
  MemberDevices,
  type MemberDevicesOptions,
  type OwnDevice,
} from "./member-devices.ts";
export { enrolDevice, type EnrolOptions } from "./enrolment.ts";
export { certifyDevice, createIdentityDraft, type IdentityDraft, type IdentityDraftOptions } from "./identity-draft.ts";
export type { OperatorOptions } from "./operator-acts.ts";
export type { AdmissionChange, AdmissionView } from "./operator-admissions.ts";
export type { ApprovedInviteRequest, CreatedInvite, InviteRequest } from "./operator-invites.ts";
export type { OperatorSetActs, OperatorView, ProposalView, SetChange } from "./operator-set.ts";
export { type ApproveOptions, Operator, type PendingMember } from "./operator.ts";
export { OperatorOrders, type Restricted, type RestrictOptions } from "./operator-orders.ts";
export { type OrderContent, type OrderPublisherOptions, publishNext } from "./order-publisher.ts";
export {
  awaitAdmission,
  checkPairing,
  claimMesh,
  fetchNode,
  type JoinedMesh,
  type PairingOptions,
  type PairingOutcome,
  type PairingRequest,
  pairWithLink,
  type PendingPairing,
  requestPairing,
} from "./pairing.ts";
export { callRoute, type RegistryHttpOptions, type RouteAnswer, type RouteCall } from "./registry-http.ts";
export type { Connect, SocketLike } from "./socket-like.ts";
export { type LiveMessage, LiveStreamWriter } from "./live-stream-writer.ts";
export type { FindQuery, FoundMembers, MemberView } from "./member-view.ts";
export type { TaskApi, TaskView } from "./tasks/task-api.ts";
export { blobOf } from "./tasks/artifact-blobs.ts";
export { WorkTime } from "./tasks/work-time.ts";
export type {
  DelegateRequest,
  IncomingTask,
  Principal,
  Resumed,
  ServeOptions,
  TaskAdmission,
  TaskEvent,
  TaskHandler,
  TaskOutcome,
  TaskRun,
} from "./tasks/task-run.ts";
export {
  checkAgainstSkillSchema,
  checkSkillSchema,
  type SchemaCheck,
  type SkillSchemas,
  skillSchemasOf,
} from "./tasks/skill-schema.ts";
export { HeldLease } from "./leases/held-lease.ts";
export { defaultLeaseMs, type LeaseDevice, type LeaseOptions, takeLease } from "./leases/take-lease.ts";
export {
  mostScheduled,
  type Scheduled,
  type ScheduledAct,
  scheduledActSchema,
  type ScheduleApi,
  scheduledSchema,
} from "./scheduled/schedule-api.ts";
export { TaskFold } from "./tasks/task-fold.ts";
export type { DeliveryView, DeliveryViews, PurgeQuery } from "./deliveries.ts";
export type {
  ChannelChange,
  ChannelDraft,
  ChannelPerson,
  ChannelView,
  ContactStanding,
  ContactView,
  ConversationApi,
  ConversationEvent,
  Draft,
  IncomingPost,
  PendingPost,
  SafetyWords,
  SayOptions,
} from "./conversations/conversation-api.ts";
export type { GroupFactory } from "./conversations/encrypted/encrypted-channels.ts";
export {
  ChannelConversation,
  Conversation,
  type HistoryQuery,
  type PostsOptions,
} from "./conversations/talk/conversation.ts";
export { type LoopOptions, Talk, talk, type TalkOptions, type TextOptions } from "./conversations/talk/talk.ts";
export {
  type AttentionMode,
  type AttentionView,
  type GuardApi,
  type GuardEvent,
  type HeldClient,
  type LoopStop,
  type Standing,
} from "./guards/guard-api.ts";

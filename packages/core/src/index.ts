/**
 * What Parley is made of, without any I/O: ports, memory adapters, trust, sealing, streams. Runs in Node and the
 * browser. Not here: sockets, files, WebRTC.
 */
export {
  agreementCounts,
  type CountedAgreement,
  type MemberCounts,
  type RoleCounts,
} from "./agreement/agreement-counts.ts";
export { agreementOf, AgreementRules } from "./agreement/agreement-rules.ts";
export {
  type AgreementRole,
  type AgreementRule,
  type AgreementState,
  agreementStates,
  agreementTable,
  rulesFor,
  waitsForAct,
} from "./agreement/agreement-table.ts";
export { actsOf, type AgreementFacts, membersOf, nextAgreement, rolesOf } from "./agreement/agreement.ts";
export { type AuditFileReport, type AuditPins, verifyAuditFile } from "./audit/audit-file.ts";
export { type AuditHeader, auditHeaderLine, auditLine } from "./audit/audit-lines.ts";
export { type AuditNode, placeAfter, verifyByNode, verifyCheckpoints } from "./audit/audit-statements.ts";
export { type AuditFlaw, type AuditFlawKind, type AuditPlace, auditStart, AuditWalk } from "./audit/audit-walk.ts";
export { type ChangedCharacter, findChangedCharacter, type QuickHash } from "./audit/changed-character.ts";
export { Backoff, type BackoffOptions } from "./backoff.ts";
export {
  type BoardEntry,
  type BoardSpeaker,
  boardTaskId,
  readBoardEntry,
  signBoardAct,
  signBoardTask,
  verifyBoardAct,
  verifyBoardTask,
} from "./board/board-entries.ts";
export {
  type BoardHolder,
  type BoardMove,
  type BoardMoveName,
  type BoardMoved,
  type BoardParty,
  boardTable,
  type BoardTask,
  hasBoardTaskEnded,
  isFinalFailure,
  moveBoardTask,
  newBoardTask,
} from "./board/board-machine.ts";
export { type BoardRecipient, BoardSealer, type BoardSealerOptions } from "./board/board-seal.ts";
export {
  defaultPatience,
  defaultQuietMs,
  type LoopMessage,
  type LoopReason,
  LoopWatch,
  type LoopWatchOptions,
} from "./guards/loop-watch.ts";
export { RateGate, type RateGateOptions } from "./guards/rate-gate.ts";
export { redactedMark, redactSecrets, redactSecretsIn } from "./guards/redaction.ts";
export { TokenBucket } from "./guards/token-bucket.ts";
export {
  changedMessage,
  contentChange,
  idOfChange,
  jsonBytes,
  mayWait,
  type MessageChange,
  messageBytes,
  openedChange,
  threadOf,
  type WaitingChange,
  withWaiting,
} from "./memory/archive-change.ts";
export { type MessagePlan, PageFiller, pageOf, type SearchPlan } from "./memory/archive-checks.ts";
export {
  type ConversationCounts,
  countMessage,
  isListed,
  newConversation,
  recountMentioned,
  summaryOf,
} from "./memory/archive-conversation.ts";
export { hasWords, wordsOf } from "./memory/archive-words.ts";
export { openMemoryArchive } from "./memory/archive.ts";
export { checkBlob, checkBlobHash } from "./memory/blob-checks.ts";
export { type BlobQuotas } from "./memory/blobs.ts";
export { MemoryBus } from "./memory/bus.ts";
export { type MemoryFaults } from "./memory/faults.ts";
export { type ArchiveParts, CheckedArchive } from "./memory/checked-archive.ts";
export { CheckedJournal } from "./memory/checked-journal.ts";
export { boundedFact, type DeliveryPlan, placeIn } from "./memory/journal-checks.ts";
export {
  deliveryRecordOf,
  type DeliveryRow,
  importedEnvelope,
  isWithdrawn,
  joinBodies,
  pendingEntryOf,
  pendingReceivedOf,
} from "./memory/journal-delivery-row.ts";
export { isPlainlyHandled, type KnownFact, type KnownFacts } from "./memory/journal-facts.ts";
export { type FactRange, maxFactSpan, noteRange } from "./memory/journal-fact-ranges.ts";
export { Holdings } from "./memory/journal-holdings.ts";
export { InboundCursors, type InboundRow } from "./memory/journal-inbound-cursors.ts";
export { InboxLedger, type PendingReceived } from "./memory/journal-inbox-ledger.ts";
export { NotedFacts, spansOf } from "./memory/journal-noted-facts.ts";
export { type OutboundRow, OutboxLedger, type PendingSent } from "./memory/journal-outbox-ledger.ts";
export type {
  JournalHistory,
  JournalInbox,
  JournalOutbox,
  JournalParts,
  JournalStates,
  SentFact,
} from "./memory/journal-parts.ts";
export { type MemoryJournalOptions, openMemoryJournal } from "./memory/journal.ts";
export { type InitialPage, RecordFeed } from "./memory/record-feed.ts";
export { type MemoryStoresOptions, openMemoryStores } from "./memory/stores.ts";
export { type WaitingWrite, WaitingWrites } from "./memory/waiting-writes.ts";
export { defaultPolicy } from "./policy/default-policy.ts";
export type {
  PolicyDecision,
  PolicyMember,
  PolicyQuestion,
  PolicyReason,
  PolicyScope,
  RuleMismatch,
  RuleTrace,
} from "./policy/policy-question.ts";
export { Policy } from "./policy/policy.ts";
export { isNamed } from "./policy/subject-matcher.ts";
export { type Restriction, restrictionCode, Restrictions } from "./policy/restrictions.ts";
export {
  limitOf,
  type OverBudget,
  type UsageKind,
  usageKinds,
  type UsagePeriod,
  UsageWindows,
  usageWindowsSchema,
  type Used,
} from "./policy/usage-windows.ts";
export { type UselessPart, uselessParts } from "./policy/useless-rules.ts";
export {
  type Archive,
  type ArchiveChange,
  type ArchivedMessage,
  type ArchiveOptions,
  type ConversationSummary,
  defaultArchiveBytes,
  defaultArchiveMessages,
  defaultMessagePage,
  maxArchiveChanges,
  maxArchiveIdLength,
  maxArchiveTextLength,
  maxConversations,
  maxMarkCharacters,
  maxMessageBytes,
  maxMessagePage,
  maxMessagePageBytes,
  maxReactionMembers,
  maxReactions,
  maxSort,
  maxWaitingBytes,
  maxWaitingChanges,
  maxWordCharacters,
  maxWords,
  type MessagePage,
  type MessageQuery,
  type NewMessage,
  type Protection,
  type SearchQuery,
} from "./ports/archive.ts";
export { checkAppend, checkPage, checkRead, checkRecord, checkSize, checkText, checkWhole } from "./ports/arguments.ts";
export {
  type BlobFacts,
  type Blobs,
  type BlobUsage,
  defaultBlobQuotaBytes,
  defaultBlobTotalBytes,
  maxBlobBytes,
  maxBlobHoldsPerSweep,
  type PutBlobOptions,
  type StoredBlob,
} from "./ports/blobs.ts";
export {
  type Bus,
  type BusHandler,
  type BusMessage,
  maxBusBacklog,
  maxBusMessageBytes,
  maxSubscriptions,
  type SubscribeOptions,
} from "./ports/bus.ts";
export { type Clock, maxTimerMs, type Random, type Timer } from "./ports/clock.ts";
export { makeEpoch } from "./ports/epoch.ts";
export {
  type EncodedGroup,
  type GroupChange,
  type GroupCheck,
  type GroupCrypto,
  type GroupDevice,
  type GroupDeviceKey,
  type GroupRemoval,
  type GroupState,
  keptEpochs,
  maxAuthenticatedBytes,
  maxKeptKeyPackages,
  maxKeyPackageBytes,
  maxSkippedMessages,
  type NewCommit,
  type OpenedMessage,
  type OwnKeyPackage,
  type ProcessedCommit,
  type SealedMessage,
  type WelcomedState,
} from "./ports/group-crypto.ts";
export {
  defaultHistoryBounds,
  defaultJournalBounds,
  type InboundCursor,
  type InboundPlace,
  type InboundStreamId,
  type InboxEntry,
  type Journal,
  type JournalBounds,
  type JournalOptions,
  type JournalState,
  maxEpochsPerDevice,
  maxJournalRecipients,
  maxJournalStateBytes,
  maxJournalStateKeys,
  maxJournalTextLength,
  type NewOutboxEntry,
  type OutboxEntry,
  type PendingEntry,
  type PendingQuery,
  type ReceivedEntry,
} from "./ports/journal.ts";
export {
  defaultDeliveries,
  type DeliveryDirection,
  type DeliveryFact,
  type DeliveryPage,
  type DeliveryQuery,
  type DeliveryRecord,
  maxDeliveries,
  maxDeliveryPageBytes,
  maxFactCharacters,
  maxReceiptBytes,
} from "./ports/journal-history.ts";
export type {
  IceServer,
  Link,
  LinkCallbacks,
  LinkFactory,
  LinkOptions,
  LinkPath,
  LinkRoute,
  LinkSignal,
} from "./ports/link.ts";
export {
  type AppendOptions,
  type AppendResult,
  type Log,
  type LogBounds,
  logDedupeWindowMs,
  type LogEntry,
  type LogPage,
  maxDedupeKeyLength,
  maxLogDedupeKeys,
  maxLogEntryBytes,
  maxLogReadBytes,
  maxLogReadEntries,
  maxNamePage,
  type NamePage,
  type NamePageOptions,
  type ReadOptions,
} from "./ports/log.ts";
export {
  type DeleteOptions,
  type DeleteResult,
  type ListedRecord,
  type ListOptions,
  maxRecordBytes,
  maxRecordPage,
  maxRecordPageBytes,
  maxWatches,
  type PutOptions,
  type PutResult,
  type RecordChange,
  type RecordConflict,
  type RecordPage,
  type Records,
  type StoredRecord,
  type WatchOptions,
} from "./ports/records.ts";
export { checkStoreName, checkStorePrefix, isStoreName, maxStoreNameLength } from "./ports/store-name.ts";
export { type Stores, type StoresOptions } from "./ports/stores.ts";
export { systemClock, systemRandom } from "./ports/system-clock.ts";
export { FrameOpener, type FrameOpenerOptions, type OpenedFrame } from "./seal/frame-opener.ts";
export { FrameSealer, type SealedFrame, type SealTo } from "./seal/frame-sealer.ts";
export { createEncryptionKey, type EncryptionKey, exportEncryptionKey, importEncryptionKey } from "./seal/hpke.ts";
export { type HalfContext, openKeyHalf, sealKeyHalf } from "./seal/key-half.ts";
export { ChunkJoiner, splitBody } from "./stream/chunks.ts";
export { InboundStream, type InboundStreamOptions, type NumberedEnvelope } from "./stream/inbound-stream.ts";
export { OutboundStream, type OutboundStreamOptions, type StreamPosition } from "./stream/outbound-stream.ts";
export {
  type DeviceKeyOf,
  type NewEntry,
  readEntry,
  signEntry,
  type TimelineEntry,
  type TimelinePlace,
  verifyEntry,
} from "./timeline/timeline-entry.ts";
export {
  exportTimeline,
  type TimelineExport,
  type TimelinePins,
  type TimelineReport,
  verifyTimelineFile,
} from "./timeline/timeline-file.ts";
export {
  partyOf,
  type TimelineParty,
  timelinePartySchema,
  type VerifiedParty,
  verifyParty,
} from "./timeline/timeline-party.ts";
export { type TimelineRules, timelineRules } from "./timeline/timeline-rules.ts";
export {
  approveOperators,
  type OperatorChange,
  operatorsDigest,
  sameOperators,
  verifyApproval,
} from "./trust/approval.ts";
export { digestOf } from "./trust/action-digest.ts";
export { deriveInviteKeys, type InviteKeys } from "./trust/grant.ts";
export {
  type ChainContext,
  checkFollows,
  type DelegationChain,
  type DelegationLink,
  verifyChain,
} from "./trust/delegation.ts";
export {
  createSigner,
  exportSigner,
  idOfKey,
  importSigner,
  sha256,
  signBytes,
  type Signer,
  type StoredKey,
  verifyBytes,
} from "./trust/keys.ts";
export {
  type VerifiedDevice,
  type VerifiedDevices,
  type VerifiedMember,
  verifyCard,
  verifyDevices,
  verifyMember,
  verifyRootKey,
  verifyWithdrawals,
} from "./trust/member.ts";
export { type MeshPins, MeshTrust, type MeshTrustOptions } from "./trust/mesh-trust.ts";
export {
  admittedBy,
  effectiveRoles,
  operatorQuorum,
  type OperatorSet,
  verifyByOperator,
  verifyOperators,
  verifyOperatorSets,
} from "./trust/operators.ts";
export { type CompactOrders, type OrderNumbers, Orders, orderTypes, verifyOrder } from "./trust/orders.ts";
export { peekStatement, signStatement, verifyStatement } from "./trust/statement.ts";
export { comparisonWords, safetyWords } from "./trust/words.ts";
export { signReceipt, verifyReceipt } from "./trust/receipt.ts";

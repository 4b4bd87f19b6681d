import { limits } from "@parley/protocol";

/** Every bound of one node: those of the wire that it enforces, and those of its own. */
export const defaultBounds = {
  handshakeMs: limits.handshakeMs,
  requestsPerSecond: limits.requestsPerSecond,
  pendingRequests: limits.pendingRequests,
  sessionBufferBytes: limits.sessionBufferBytes,
  mailboxFrames: limits.mailboxEnvelopes,
  mailboxBytes: limits.mailboxBytes,
  mailboxFramesPerSender: limits.mailboxEnvelopesPerSender,
  mailboxBytesPerSender: limits.mailboxBytesPerSender,
  mailboxAheadFrames: limits.mailboxAheadFrames,
  mailboxAttempts: limits.mailboxAttempts,
  deadLetters: limits.deadLetters,
  inboxLeaseMs: limits.inboxLeaseMs,
  /** Part of an inbox lease that its push may take to arrive: the device counts on less. */
  inboxMarginMs: 5000,
  pairingTriesPerMinute: limits.pairingTriesPerMinute,
  pairingTriesTotalPerMinute: limits.pairingTriesTotalPerMinute,
  openCodes: limits.openCodes,
  codeFailures: limits.codeFailures,
  pendingPairings: limits.pendingPairings,
  operatorProposals: limits.operatorProposals,
  operatorProposalsEach: limits.operatorProposalsEach,
  operatorProposalLifeMs: limits.operatorProposalLifeMs,
  invites: limits.invites,
  members: limits.members,
  enrolments: limits.enrolments,
  enrolmentsPerMember: limits.enrolmentsPerMember,
  /** How long the next step of an enrolment may take: the answer to a request, the collection of the answer. */
  enrolmentStepMs: 600_000,
  codeLifeMs: limits.codeLifeMs,
  pairingLifeMs: limits.pairingLifeMs,
  clockSkewMs: limits.clockSkewMs,
  leaseMs: limits.leaseMs,
  /** Sockets that have not proved a device yet; the oldest gives way. */
  unprovenSockets: 512,
  /** Sockets and connections of one node in all. */
  sockets: 20_000,
  /** Requests that wait for news of a pairing. */
  pairingWaiters: 256,
  /** Longest such wait. */
  pairingWaitMs: 30_000,
  /** Frames of one session that wait for the store; its socket is not read meanwhile. */
  storingFrames: 1024,
  /** Bytes in a socket's buffer above which the results of frames to it wait until it has caught up. */
  congestedBytes: 2_097_152,
  /** Frames of one sender to one such device whose results wait; more are refused. */
  waitingFrames: 64,
  /** Time that a device has to catch up from there before it is closed as a slow reader. */
  slowReaderMs: 5000,
  /** Frames that wait for one device beside its member's mailbox. */
  deviceBoxFrames: 256,
  /** Bytes of the mailbox that are pushed and not acknowledged, or in the socket's buffer. */
  mailboxAheadBytes: 1_048_576,
  /** Pause between pings of a session. */
  pingMs: 15_000,
  /** Silence after which a device is `stale`. */
  staleMs: 30_000,
  /** Silence after which its session ends. */
  lostMs: 45_000,
  /** Time for an orderly stop. */
  drainMs: 5000,
  /** Pause between sweeps of what has expired. */
  sweepMs: 60_000,
  /** Parts of blobs that are transferred at the same time: of one member, in total. */
  blobTransfers: limits.blobTransfers,
  blobTransfersInTotal: 512,
  /** Channels: how many there may be, in all and by member, and who may be in one. */
  channels: limits.channels,
  channelsPerMember: limits.channelsPerMember,
  channelsCreated: limits.channelsCreated,
  channelsMade: limits.channelsMade,
  channelMembers: limits.channelMembers,
  channelInvited: limits.channelInvited,
  /** What a channel keeps that says nothing else: posts, their bytes, and the age of the oldest. */
  channelPosts: 100_000,
  channelBytes: 256 * 1024 * 1024,
  channelAgeMs: 365 * 86_400_000,
  /** Posts appended to a channel between two looks at what it keeps. */
  trimEveryPosts: 256,
  /** Life of the trace of who left a channel, and of a name reserved for a channel that never came. */
  channelTraceMs: 60_000,
  postsPerSecond: limits.postsPerSecond,
  /** Posts that one session may send at once before the rate holds them up. */
  postsBurst: limits.postsPerSecond * 10,
  postsPending: limits.postsPending,
  postsPerBatch: limits.postsPerBatch,
  postBatchBytes: limits.postBatchBytes,
  /** Bytes in a socket's buffer above which posts of channels wait in the log until it is empty. */
  feedAheadBytes: 524_288,
  /** Batches of posts kept in memory for those who come by the same place. */
  feedCacheBytes: 16_777_216,
  /** Pages that those who are behind get in one turn of the event loop. */
  feedPagesPerTurn: 8,
  /** Events of one channel told in a second, with a burst of twice that; beyond it, once a second, that it changed. */
  channelEventsPerSecond: 20,
  /** Members of a channel up to which presence and typing are told. */
  presenceMembers: 500,
  typingPerSecond: 2,
  agreementsOpen: limits.agreementsOpen,
  agreementsInTotal: limits.agreementsInTotal,
  agreementKeptMs: limits.agreementKeptMs,
  offers: limits.offers,
  groupCommits: limits.groupCommits,
  tokenKeyMs: limits.tokenKeyMs,
  resourceLeases: limits.resourceLeases,
  resourceLeasesInTotal: limits.resourceLeasesInTotal,
  resourceWatches: limits.resourceWatches,
  /** How long the generation of a lease that nobody holds is remembered. */
  resourceKeepMs: 86_400_000,
  /** Between two looks at leases that ran out. */
  resourceExpiryMs: 250,
  apiKeys: limits.apiKeys,
  apiKeysInTotal: limits.apiKeysInTotal,
  apiKeyTriesPerMinute: limits.apiKeyTriesPerMinute,
  apiKeyTriesTotalPerMinute: limits.apiKeyTriesTotalPerMinute,
  /** Cost of an API key's hash: so many blocks of 1 KiB (N of scrypt). */
  apiKeyHashCost: 2 ** 15,
  apiRequestsPerSecond: limits.apiRequestsPerSecond,
  /** The audit log: what it keeps, and what may wait to be written down. */
  auditEntries: limits.auditEntries,
  auditAgeMs: limits.auditAgeMs,
  auditWaiting: 4096,
  /** Pause between two heads that operators are pushed. */
  auditHeadMs: 1000,
  /** Pause between two writings of what was only counted. */
  auditFlushMs: 600_000,
  /** Acts of all who have proved nothing, and of one member, that are written down one by one before they are counted. */
  auditAddressBurst: 100,
  auditMemberBurst: 200,
  /** Receiving the headers, and the whole, of an HTTP request: a part of a blob may come through a slow uplink. */
  httpHeadersMs: 10_000,
  httpRequestMs: 120_000,
  /** Silence of a connection, in both directions, after which it is closed; and after an answer, until the next request. */
  httpIdleMs: 60_000,
  httpKeepAliveMs: 5000,
  /** Requests of one connection, after which it is closed; and those whose answers it may wait for at once (pipelining). */
  httpRequestsPerSocket: 1000,
  httpPipelined: 8,
  /** HTTP requests that are answered at the same time, of all together. */
  httpRequests: 2048,
  /** HTTP requests that are begun in one turn of the event loop, of all together. */
  httpPerTurn: 1,
  /** How long a request that came too soon is held before it is answered or refused. */
  httpHoldMs: 1000,
  /** Between two looks at how much of a body came. */
  bodyPaceMs: 5000,
  socketsPerAddress: limits.socketsPerAddress,
  unprovenPerAddress: limits.unprovenPerAddress,
  requestsPerAddress: limits.requestsPerAddress,
  plainRequestsPerSecond: limits.plainRequestsPerSecond,
  secretRequestsPerSecond: limits.secretRequestsPerSecond,
  transferRequestsPerSecond: limits.transferRequestsPerSecond,
  sessionsPerSecond: limits.sessionsPerSecond,
  httpPerSecondOfMember: limits.httpRequestsPerSecondOfMember,
  bodyBytesPerSecond: limits.bodyBytesPerSecond,
  messagesPerSecond: limits.messagesPerSecond,
  messagesPerSecondOfMember: limits.messagesPerSecondOfMember,
  bytesPerSecond: limits.bytesPerSecond,
  bytesPerSecondOfMember: limits.bytesPerSecondOfMember,
  /** Messages of one member that are taken in one turn of the event loop; a request counts as four. */
  messagesPerTurn: 16,
  requestsPerSecondOfMember: limits.requestsPerSecondOfMember,
  pendingRequestsOfMember: limits.pendingRequestsOfMember,
  postsPerSecondOfMember: limits.postsPerSecondOfMember,
  boardTasks: limits.boardTasks,
  boardTasksPerMember: limits.boardTasksPerMember,
  boardLeaseMs: limits.boardLeaseMs,
  boardKeptMs: limits.boardKeptMs,
  boardSeenMs: limits.boardSeenMs,
};

/** The same names with other values. */
export type RegistryBounds = { readonly [Name in keyof typeof defaultBounds]: number };

/**
 * Every bound of the wire, in one place. `docs/limits.md` is generated from this table, and each bound is tested
 * at, below and above.
 */

interface Limit {
  readonly value: number;
  readonly unit: "bytes" | "count" | "ms" | "characters" | "levels";
  readonly means: string;
}

const table = {
  // What members send.
  envelopeBytes: {
    value: 256 * 1024,
    unit: "bytes",
    means: "body of one envelope; larger content goes by chunk or blob",
  },
  frameBytes: { value: 64 * 1024, unit: "bytes", means: "one frame on a link, or one sealed frame's content" },
  routedFrameBytes: {
    value: 66 * 1024,
    unit: "bytes",
    means: "one sealed frame with its routing header, as the registry carries it",
  },
  envelopesPerFrame: { value: 4096, unit: "count", means: "envelopes in one data section of a frame" },
  chunks: { value: 64, unit: "count", means: "envelopes that one chunked body is split into" },
  sectionsPerFrame: { value: 64, unit: "count", means: "sections of one frame" },
  hops: { value: 16, unit: "count", means: "times an envelope may be passed on" },
  expiryMs: { value: 30 * 86_400_000, unit: "ms", means: "longest life of an envelope" },
  // Streams.
  unackedEnvelopes: { value: 32_768, unit: "count", means: "envelopes of one stream sent and not acknowledged" },
  unackedBytes: { value: 16 * 1024 * 1024, unit: "bytes", means: "bytes of one stream sent and not acknowledged" },
  reorderEnvelopes: {
    value: 32_768,
    unit: "count",
    means: "envelopes held because an earlier one is missing, per stream",
  },
  reorderBytes: {
    value: 16 * 1024 * 1024,
    unit: "bytes",
    means: "bytes held because an earlier envelope is missing, per stream",
  },
  outboxEnvelopes: { value: 100_000, unit: "count", means: "durable envelopes waiting in one device's outbox" },
  outboxBytes: { value: 256 * 1024 * 1024, unit: "bytes", means: "bytes waiting in one device's outbox" },
  historyEntries: {
    value: 100_000,
    unit: "count",
    means: "envelopes, in both directions, that one device remembers after they ended, oldest dropped first",
  },
  historyBytes: {
    value: 256 * 1024 * 1024,
    unit: "bytes",
    means: "bytes of envelopes that one device remembers after they ended, oldest dropped first",
  },
  inboundStreams: { value: 4096, unit: "count", means: "streams that one device remembers, oldest idle dropped first" },
  // Control messages between a device and its registry node.
  controlBytes: { value: 128 * 1024, unit: "bytes", means: "one control message (JSON text) of a session" },
  jsonDepth: { value: 32, unit: "levels", means: "nesting of JSON from outside" },
  pendingRequests: { value: 256, unit: "count", means: "requests of one session that wait for their reply" },
  requestsPerSecond: {
    value: 200,
    unit: "count",
    means: "requests a second of one session, with a burst of five times that",
  },
  handshakeMs: { value: 10_000, unit: "ms", means: "from the socket's opening to the end of the handshake" },
  sessionBufferBytes: {
    value: 8 * 1024 * 1024,
    unit: "bytes",
    means: "bytes that wait for a slow device at its node before the session is closed",
  },
  clockSkewMs: { value: 120_000, unit: "ms", means: "difference of clocks that statements and proofs allow" },
  // Statements.
  statementBytes: { value: 64 * 1024, unit: "bytes", means: "one signed statement in compact form" },
  cardBytes: { value: 48 * 1024, unit: "bytes", means: "one agent card as JSON" },
  operators: { value: 32, unit: "count", means: "operators of a mesh" },
  operatorChain: { value: 256, unit: "count", means: "changes of the operator set that a reader follows" },
  rotations: { value: 64, unit: "count", means: "changes of a member's root key that a reader follows" },
  devices: { value: 16, unit: "count", means: "devices of one member" },
  revoked: { value: 512, unit: "count", means: "entries of the revocation list" },
  roles: { value: 8, unit: "count", means: "roles of one member" },
  skills: { value: 128, unit: "count", means: "skills on one card" },
  members: { value: 10_000, unit: "count", means: "members of one mesh on one node" },
  // Names and texts.
  nameCharacters: { value: 32, unit: "characters", means: "a member's name" },
  skillCharacters: { value: 64, unit: "characters", means: "a skill's id" },
  labelCharacters: { value: 64, unit: "characters", means: "a device's label, a reason, a tag" },
  queryCharacters: { value: 256, unit: "characters", means: "the text of a directory search" },
  pageSize: { value: 100, unit: "count", means: "entries of one page of a list" },
  errorCharacters: { value: 500, unit: "characters", means: "the text of an error on the wire" },
  // Signalling and links.
  sdpBytes: { value: 16 * 1024, unit: "bytes", means: "one offer or answer" },
  candidateBytes: { value: 1024, unit: "bytes", means: "one ICE candidate" },
  candidates: { value: 64, unit: "count", means: "candidates taken for one link" },
  links: { value: 512, unit: "count", means: "links that one device keeps open; the longest idle gives way" },
  linkIdleMs: { value: 300_000, unit: "ms", means: "a link with no traffic is dropped after this" },
  linkOpenMs: { value: 15_000, unit: "ms", means: "from the offer to an authenticated link" },
  contacts: { value: 16_384, unit: "count", means: "other devices that one device remembers, idle ones go first" },
  leaseMs: { value: 86_400_000, unit: "ms", means: "membership lease that keeps links alive through an outage" },
  // Admission.
  codeDigits: { value: 6, unit: "count", means: "digits of a pairing code" },
  codeLifeMs: { value: 300_000, unit: "ms", means: "life of a pairing code" },
  inviteLifeMs: { value: 7 * 86_400_000, unit: "ms", means: "longest life of an invite link; one day by default" },
  invites: { value: 256, unit: "count", means: "open invites of a mesh" },
  pendingPairings: { value: 256, unit: "count", means: "pairings that wait for an operator" },
  pairingLifeMs: { value: 86_400_000, unit: "ms", means: "a pairing that nobody answers is forgotten after this" },
  pairingTriesPerMinute: { value: 10, unit: "count", means: "pairing attempts a minute of one address" },
  pairingTriesTotalPerMinute: { value: 60, unit: "count", means: "pairing attempts a minute in total" },
  inviteUses: { value: 100, unit: "count", means: "members that one invite link lets ask or in" },
  openCodes: { value: 16, unit: "count", means: "open pairing codes of a mesh" },
  codeFailures: {
    value: 30,
    unit: "count",
    means:
      "wrong pairing codes, from all addresses together, within the life of a code; then no code is taken until they are older",
  },
  asksCharacters: { value: 256, unit: "characters", means: "the line in which a member says what it asks to join for" },
  scopeEntries: { value: 64, unit: "count", means: "skills, and channels, that an admission limits its member to" },
  // Operators.
  operatorChainBytes: { value: 256 * 1024, unit: "bytes", means: "all operator sets of a mesh together" },
  welcomeBytes: {
    value: 512 * 1024,
    unit: "bytes",
    means: "the welcome of a session and the push of operator sets, which carry them all",
  },
  operatorProposals: { value: 16, unit: "count", means: "open proposals of another operator set" },
  operatorProposalsEach: { value: 4, unit: "count", means: "open proposals of one operator" },
  operatorProposalLifeMs: {
    value: 3 * 86_400_000,
    unit: "ms",
    means: "a proposal of another operator set, and each operator's word for it, are good for this long",
  },
  approvalDigests: { value: 32, unit: "count", means: "actions that one approval names" },
  // Who may do what.
  orderBytes: { value: 48 * 1024, unit: "bytes", means: "a policy, or the list of restrictions, in compact form" },
  policyRules: { value: 256, unit: "count", means: "rules of a policy" },
  policySubjects: { value: 64, unit: "count", means: "members, skills or channels that one rule names" },
  policyTags: { value: 64, unit: "count", means: "tags of a policy" },
  policyTagged: { value: 256, unit: "count", means: "members under one tag" },
  policyBudgets: { value: 64, unit: "count", means: "budgets of a policy" },
  restrictions: { value: 256, unit: "count", means: "restrictions in force in a mesh" },
  restrictionMs: { value: 365 * 86_400_000, unit: "ms", means: "longest restriction that ends by itself" },
  usageSum: { value: 1_000_000_000_000, unit: "count", means: "tokens, or millionths of money, in one report" },
  holds: { value: 256, unit: "count", means: "members that one node holds off at a time" },
  approvalTextCharacters: { value: 4000, unit: "characters", means: "a question to a person, and its answer" },
  approvalActionBytes: {
    value: 40 * 1024,
    unit: "bytes",
    means: "an action that needs an approval, as JSON; larger content goes as an attachment",
  },
  approvalsOpen: {
    value: 256,
    unit: "count",
    means: "approvals and questions that one device waits for, or is asked for",
  },
  approvers: { value: 32, unit: "count", means: "members that are asked for one approval" },
  standingApprovals: { value: 64, unit: "count", means: "standing approvals that one agent keeps" },
  standingUses: { value: 1000, unit: "count", means: "times that one standing approval is good for" },
  delegationChain: { value: 8, unit: "count", means: "delegations that one call carries" },
  delegationLifeMs: { value: 30 * 86_400_000, unit: "ms", means: "longest life of a delegation" },
  withdrawals: { value: 256, unit: "count", means: "delegations that one member lists as withdrawn" },
  approvalQuorum: { value: 8, unit: "count", means: "members that one approval may ask for" },
  approvalLifeMs: {
    value: 7 * 86_400_000,
    unit: "ms",
    means: "longest time to answer an approval request; one hour by default",
  },
  // Devices of a member.
  enrolmentLifeMs: { value: 86_400_000, unit: "ms", means: "longest life of a device link; ten minutes by default" },
  enrolments: { value: 256, unit: "count", means: "open device links of a mesh" },
  enrolmentsPerMember: { value: 8, unit: "count", means: "open device links of one member" },
  enrolmentAnswerCharacters: {
    value: 112 * 1024,
    unit: "characters",
    means: "the sealed answer to a new device, in base64url",
  },
  deviceListFreshMs: {
    value: 14 * 86_400_000,
    unit: "ms",
    means: "a device list that was signed longer ago is shown as stale",
  },
  encryptionKeyLifeMs: { value: 7 * 86_400_000, unit: "ms", means: "an encryption key is replaced after this" },
  encryptionKeys: { value: 16, unit: "count", means: "encryption keys that one device keeps, oldest dropped first" },
  // Mailboxes and tasks.
  mailboxEnvelopes: { value: 20_000, unit: "count", means: "frames that wait in one member's mailbox" },
  mailboxBytes: { value: 128 * 1024 * 1024, unit: "bytes", means: "bytes that wait in one member's mailbox" },
  mailboxEnvelopesPerSender: {
    value: 10_000,
    unit: "count",
    means: "frames of one sending member that wait in one member's mailbox",
  },
  mailboxBytesPerSender: {
    value: 64 * 1024 * 1024,
    unit: "bytes",
    means: "bytes of one sending member that wait in one member's mailbox",
  },
  mailboxAheadFrames: {
    value: 256,
    unit: "count",
    means: "frames of the mailbox pushed to a device and not acknowledged",
  },
  mailboxAttempts: {
    value: 5,
    unit: "count",
    means: "starts of a device that may stop at the same frame before it becomes a dead letter",
  },
  deadLetters: { value: 1000, unit: "count", means: "dead letters of one member's mailbox, oldest dropped first" },
  inboxLeaseMs: { value: 15_000, unit: "ms", means: "an agent's inbox stays with an instance that is not heard" },
  taskCalls: { value: 1024, unit: "count", means: "calls in flight between two devices" },
  tasks: { value: 4096, unit: "count", means: "tasks that an agent remembers, oldest ended dropped first" },
  taskMs: { value: 3_600_000, unit: "ms", means: "longest time limit of a task; five minutes by default" },
  artifactBytes: { value: 16 * 1024 * 1024, unit: "bytes", means: "one artifact of a task, all its chunks together" },
  taskEvents: {
    value: 1024,
    unit: "count",
    means: "events of a task that its agent can tell again, oldest dropped first",
  },
  taskEventBytes: { value: 1024 * 1024, unit: "bytes", means: "the same, of all of them together" },
  endedTaskBytes: {
    value: 64 * 1024 * 1024,
    unit: "bytes",
    means: "what an agent remembers of tasks that ended, oldest dropped first",
  },
  taskRejoinMs: { value: 300_000, unit: "ms", means: "a task goes on this long for a caller that started anew" },
  askedTasks: { value: 256, unit: "count", means: "tasks that their caller keeps on disk, oldest ended dropped first" },
  resumableTasks: { value: 64, unit: "count", means: "tasks of resumable skills at work, kept on disk" },
  checkpointBytes: { value: 256 * 1024, unit: "bytes", means: "what a resumable skill keeps of where it is" },
  taskStarts: { value: 8, unit: "count", means: "times that a task of a resumable skill is begun" },
  contextMessages: { value: 64, unit: "count", means: "messages of one context, oldest dropped first" },
  contextBytes: { value: 256 * 1024, unit: "bytes", means: "the same, of all of them together" },
  taskTimelineEntries: {
    value: 256,
    unit: "count",
    means: "entries of a task's timeline; then its middle is counted only",
  },
  furtherMessages: { value: 64, unit: "count", means: "further messages that a task at work has not taken" },
  schemaBytes: { value: 16 * 1024, unit: "bytes", means: "JSON Schema of a skill's input or output" },
  schemaDepth: { value: 16, unit: "levels", means: "nesting of a skill's JSON Schema" },
  // Blobs and attachments.
  blobPartBytes: {
    value: 1024 * 1024 + 16,
    unit: "bytes",
    means: "one sealed part of a blob: 1 MiB of content and its tag",
  },
  blobParts: { value: 1024, unit: "count", means: "parts of one attachment" },
  attachmentBytes: { value: 1024 * 1024 * 1024, unit: "bytes", means: "content of one attachment" },
  attachments: { value: 16, unit: "count", means: "attachments of one message" },
  attachmentNameCharacters: { value: 255, unit: "characters", means: "the name of an attachment" },
  attachmentTypeCharacters: { value: 127, unit: "characters", means: "the media type of an attachment" },
  blobQuotaBytes: {
    value: 256 * 1024 * 1024,
    unit: "bytes",
    means: "sealed parts that one member holds at the registry; a setting of `up`",
  },
  blobLifeMs: {
    value: 7 * 86_400_000,
    unit: "ms",
    means: "life of an attachment at the registry unless its sender says another, up to `expiryMs`",
  },
  blobTransfers: { value: 8, unit: "count", means: "parts that one member transfers at the same time" },
  sessionTokenMs: { value: 300_000, unit: "ms", means: "life of a session token" },
  // Conversations.
  mentions: { value: 32, unit: "count", means: "members and roles that one message calls" },
  reactionCharacters: { value: 16, unit: "characters", means: "one reaction" },
  reactions: { value: 64, unit: "count", means: "different reactions of one message that are kept" },
  strangerMessages: {
    value: 10,
    unit: "count",
    means: "messages of somebody unknown that wait until a person accepts or blocks the sender",
  },
  blocked: { value: 1000, unit: "count", means: "members that one member blocks" },
  archiveMessages: {
    value: 1_000_000,
    unit: "count",
    means: "messages that one device remembers, those that it took first dropped first",
  },
  archiveBytes: {
    value: 1024 * 1024 * 1024,
    unit: "bytes",
    means: "bytes of messages that one device remembers, those that it took first dropped first",
  },
  archiveConversations: {
    value: 20_000,
    unit: "count",
    means: "conversations that one device remembers, the longest silent dropped first",
  },
  // Channels.
  channelNameCharacters: { value: 31, unit: "characters", means: "a channel's name without its `#`" },
  topicCharacters: { value: 256, unit: "characters", means: "a channel's topic" },
  channels: { value: 1000, unit: "count", means: "channels of a mesh, archived ones included" },
  channelsPerMember: { value: 200, unit: "count", means: "channels that one member is in" },
  channelsCreated: { value: 50, unit: "count", means: "channels that one member created and nobody archived" },
  channelMembers: { value: 5000, unit: "count", means: "members of one channel" },
  channelInvited: { value: 500, unit: "count", means: "members invited to one channel that did not join yet" },
  encryptedDevices: { value: 150, unit: "count", means: "devices in the group of one encrypted channel" },
  channelPosts: { value: 1_000_000, unit: "count", means: "posts that one channel keeps at most; 100,000 by default" },
  channelBytes: {
    value: 4 * 1024 * 1024 * 1024,
    unit: "bytes",
    means: "bytes of posts that one channel keeps at most; 256 MiB by default",
  },
  channelAgeMs: {
    value: 10 * 365 * 86_400_000,
    unit: "ms",
    means: "age of the oldest post that a channel keeps at most; one year by default",
  },
  postsPerBatch: { value: 512, unit: "count", means: "posts in one message from a node" },
  postBatchBytes: { value: 256 * 1024, unit: "bytes", means: "posts in one message from a node, unless one is larger" },
  postsPerSecond: {
    value: 20,
    unit: "count",
    means: "posts a second of one session, with a burst of ten times that; a setting of `up`",
  },
  postsPending: { value: 256, unit: "count", means: "posts of one session that wait to be stored" },
  groupCommits: {
    value: 1000,
    unit: "count",
    means: "commits that an encrypted channel keeps for members that were away",
  },
  groupMessageBytes: {
    value: 96 * 1024,
    unit: "bytes",
    means: "one MLS commit, or what a newcomer needs to join by itself",
  },
  floors: { value: 1024, unit: "count", means: "posts whose floor one node remembers, oldest dropped first" },
  floorMs: { value: 60_000, unit: "ms", means: "time that one member has the floor for a post" },
  floorGatherMs: { value: 250, unit: "ms", means: "time in which those who ask for the floor are gathered" },
  channelsMade: { value: 200, unit: "count", means: "channels that one member created, archived ones included" },
  // Credentials.
  tokenKeyMs: { value: 86_400_000, unit: "ms", means: "a node signs session tokens with one key for this long" },
  apiKeys: { value: 16, unit: "count", means: "API keys of one member" },
  apiKeysInTotal: { value: 2048, unit: "count", means: "API keys of a mesh" },
  apiKeyLifeMs: { value: 365 * 86_400_000, unit: "ms", means: "longest life of an API key; 90 days by default" },
  apiKeyAddresses: { value: 16, unit: "count", means: "addresses and ranges that one API key is good from" },
  apiKeyTriesPerMinute: {
    value: 20,
    unit: "count",
    means: "API keys that one address shows in a minute and that are wrong",
  },
  apiKeyTriesTotalPerMinute: {
    value: 120,
    unit: "count",
    means: "API keys with an unknown id that a node checks in a minute",
  },
  apiRequestsPerSecond: {
    value: 20,
    unit: "count",
    means: "HTTP requests a second of one API key, or of one device under `/v1/`, with a burst of five times that",
  },
  // Audit.
  auditEntryBytes: { value: 2048, unit: "bytes", means: "one entry of the audit log" },
  auditFacts: { value: 8, unit: "count", means: "facts of one entry of the audit log" },
  auditEntries: {
    value: 200_000,
    unit: "count",
    means:
      "entries that a node's audit log keeps; beyond it a tenth goes at once, the oldest, under a signed checkpoint",
  },
  auditAgeMs: {
    value: 400 * 86_400_000,
    unit: "ms",
    means: "age of the oldest entry of a node's audit log; it goes, under a signed checkpoint, within ten days after",
  },
  auditPage: { value: 256, unit: "count", means: "entries of one page of the audit log" },
  auditCheckpoints: { value: 16, unit: "count", means: "checkpoints of its audit log that a node keeps" },
  auditWitnesses: {
    value: 64,
    unit: "count",
    means: "operators' devices whose witness of a node's log is kept, newest first",
  },
  // What one address and one member may ask of a node. An IPv6 address stands for its /64.
  socketsPerAddress: {
    value: 512,
    unit: "count",
    means: "connections of one address at the same time; a setting of `up`",
  },
  unprovenPerAddress: {
    value: 128,
    unit: "count",
    means: "connections of one address that have not proved a device yet, the oldest gives way",
  },
  requestsPerAddress: {
    value: 256,
    unit: "count",
    means: "HTTP requests of one address that are answered at the same time",
  },
  plainRequestsPerSecond: {
    value: 20,
    unit: "count",
    means: "HTTP requests a second of one address, for each pace by itself, with a burst of ten times that: plain ones",
  },
  secretRequestsPerSecond: { value: 5, unit: "count", means: "the same, of those that bring a secret" },
  transferRequestsPerSecond: { value: 200, unit: "count", means: "the same, of those that transfer parts of blobs" },
  sessionsPerSecond: { value: 20, unit: "count", means: "the same, of those that open a session" },
  httpRequestsPerSecondOfMember: {
    value: 100,
    unit: "count",
    means: "HTTP requests a second with one member's session tokens, with a burst of twice that",
  },
  headerBytes: { value: 16 * 1024, unit: "bytes", means: "the head of an HTTP request" },
  headers: { value: 64, unit: "count", means: "header fields of an HTTP request" },
  bodyBytesPerSecond: { value: 4096, unit: "bytes", means: "least rate at which the body of a request has to come" },
  messagesPerSecond: {
    value: 2000,
    unit: "count",
    means: "WebSocket messages a second of one session; more wait in its socket",
  },
  messagesPerSecondOfMember: {
    value: 4000,
    unit: "count",
    means: "the same of one member, all its devices together",
  },
  bytesPerSecond: {
    value: 32 * 1024 * 1024,
    unit: "bytes",
    means: "bytes a second of one session; more wait in its socket",
  },
  bytesPerSecondOfMember: {
    value: 48 * 1024 * 1024,
    unit: "bytes",
    means: "the same of one member, all its devices together",
  },
  requestsPerSecondOfMember: {
    value: 400,
    unit: "count",
    means: "requests a second of one member, all its devices together, with a burst of five times that",
  },
  pendingRequestsOfMember: {
    value: 512,
    unit: "count",
    means: "requests of one member, all its devices together, that wait for their reply",
  },
  postsPerSecondOfMember: {
    value: 40,
    unit: "count",
    means: "posts a second of one member, all its devices together, with a burst of ten times that",
  },
  resourceNameCharacters: { value: 256, unit: "count", means: "name of a resource in an advisory lease" },
  resourceLeaseMs: { value: 86_400_000, unit: "ms", means: "longest life of an advisory lease between renewals" },
  resourceLeases: { value: 256, unit: "count", means: "advisory leases that one member holds" },
  resourceLeasesInTotal: { value: 8192, unit: "count", means: "resources of a mesh whose advisory leases are kept" },
  resourceWatches: {
    value: 64,
    unit: "count",
    means: "resources that one session watches; the longest watched gives way",
  },
  // Timelines and agreements.
  timelineEntries: { value: 4096, unit: "count", means: "entries of one timeline" },
  timelineMembers: { value: 8, unit: "count", means: "members whose records an exported timeline carries" },
  timelineDeviceLists: {
    value: 32,
    unit: "count",
    means: "device lists of one member that an exported timeline carries",
  },
  timelineFileBytes: { value: 16 * 1024 * 1024, unit: "bytes", means: "one exported timeline" },
  agreementActs: { value: 32, unit: "count", means: "acts of one agreement" },
  agreementBytes: { value: 48 * 1024, unit: "bytes", means: "all acts of one agreement together, in compact form" },
  agreements: { value: 1000, unit: "count", means: "agreements that one device keeps, oldest ended dropped first" },
  agreementsOpen: { value: 256, unit: "count", means: "agreements of one member that the registry keeps the order of" },
  agreementsInTotal: { value: 20_000, unit: "count", means: "the same of a mesh" },
  agreementKeptMs: {
    value: 30 * 86_400_000,
    unit: "ms",
    means: "time that the registry keeps the order of an agreement's acts after the last wait",
  },
  offers: { value: 32, unit: "count", means: "open offers of one member" },
  agreementTextCharacters: { value: 2000, unit: "characters", means: "a task, a condition, a reason of an agreement" },
  agreementEvidence: { value: 16, unit: "count", means: "pieces of evidence that one act names" },
  agreementWaitMs: {
    value: 90 * 86_400_000,
    unit: "ms",
    means: "longest time that an agreement waits for an act",
  },
  priceCharacters: { value: 24, unit: "characters", means: "an amount of money" },
  currencyCharacters: { value: 16, unit: "characters", means: "the name of a currency" },
  referenceCharacters: { value: 512, unit: "characters", means: "a payment reference, or where evidence can be had" },
  // The board.
  boardTasks: { value: 50_000, unit: "count", means: "tasks on the board of a mesh, ended ones included" },
  boardTasksPerMember: { value: 10_000, unit: "count", means: "tasks of one asker on the board, ended ones included" },
  boardInputBytes: { value: 64 * 1024, unit: "bytes", means: "the sealed input of a task on the board" },
  boardResultBytes: { value: 64 * 1024, unit: "bytes", means: "the sealed result of a task on the board" },
  boardHolders: {
    value: 16,
    unit: "count",
    means: "members that the input of a task on the board is sealed to at once",
  },
  boardWraps: { value: 64, unit: "count", means: "members that the input of a task on the board is sealed to in all" },
  boardPriority: { value: 9, unit: "count", means: "highest priority of a task on the board; 4 by default" },
  boardAttempts: { value: 16, unit: "count", means: "starts of a task on the board; three by default" },
  boardGenerations: { value: 100_000, unit: "count", means: "leases of one task on the board" },
  boardEntries: { value: 64, unit: "count", means: "statements of one task on the board" },
  boardAfter: { value: 16, unit: "count", means: "tasks that one task on the board waits for" },
  boardKeyCharacters: { value: 128, unit: "characters", means: "the idempotency key of a task on the board" },
  boardLifeMs: {
    value: 30 * 86_400_000,
    unit: "ms",
    means: "from a task's arrival on the board to its deadline; one day by default",
  },
  boardKeptMs: { value: 7 * 86_400_000, unit: "ms", means: "an ended task stays on the board for its asker this long" },
  boardSeenMs: { value: 3_600_000, unit: "ms", means: "the same once its asker has the result" },
  boardLeaseMs: { value: 15_000, unit: "ms", means: "a lease of the board lasts without being renewed" },
  boardSlots: { value: 256, unit: "count", means: "tasks of the board that one device works on at the same time" },
  boardBatch: { value: 64, unit: "count", means: "tasks of the board in one message" },
  boardFollowed: { value: 4096, unit: "count", means: "tasks of the board that one session follows" },
} as const satisfies Record<string, Limit>;

/** Name of a bound. */
export type LimitName = keyof typeof table;

/** The bounds with their units and meanings, for the document and the tests. */
export const limitTable: Readonly<Record<LimitName, Limit>> = table;

/** The bounds as plain numbers: `limits.frameBytes`. */
export const limits = Object.fromEntries(Object.entries(table).map(([name, limit]) => [name, limit.value])) as {
  readonly [Name in LimitName]: (typeof table)[Name]["value"];
};

/** What one message of a door client may hold, in characters (UTF-16 units) unless said otherwise. */
export const textLimits = {
  name: 32,
  channel: 32,
  target: 128,
  content: 4096,
  task: 4096,
  terms: 4096,
  reason: 4096,
  proof: 4096,
  amount: 64,
  currency: 32,
  paymentCode: 512,
  proposalId: 64,
  signature: 256,
  pubkey: 2048,
  token: 256,
  /** Seconds that an offer may stand: ten years. */
  expires: 315_360_000,
} as const;

/** What the door allows; every number can be set for tests and small machines. */
export interface DoorBounds {
  /** Bytes of one message from a client; larger ones are refused. */
  readonly frameBytes: number;
  /** Bytes at which a message is cut off while it comes, and its connection closed. */
  readonly cutBytes: number;
  readonly connections: number;
  /** Connections of one address; of this machine itself `connectionsOfMachine`. */
  readonly connectionsPerAddress: number;
  readonly connectionsOfMachine: number;
  /** New connections a second of one address, and their burst. */
  readonly arrivalsPerSecond: number;
  readonly arrivalsBurst: number;
  /** Messages of all types a second of one connection, and their burst. */
  readonly messagesPerSecond: number;
  readonly messagesBurst: number;
  /** Refusals a second of one connection, and their burst; more close it. */
  readonly refusalsPerSecond: number;
  readonly refusalsBurst: number;
  /** What others notice, MSG apart (JOIN, CREATE_CHANNEL, INVITE, proposals), a second of one connection, and their burst. */
  readonly actsPerSecond: number;
  readonly actsBurst: number;
  readonly channelsPerClient: number;
  /** Channels that one connection may make: with a door token or a member's key from elsewhere, and as a guest. */
  readonly channelsMade: number;
  readonly channelsMadeByGuest: number;
  /** Channels made a minute by all clients together. */
  readonly channelsMadePerMinute: number;
  readonly privateChannels: number;
  readonly invitedPerChannel: number;
  /** Agents listed in JOINED and AGENTS, channels in CHANNELS. */
  readonly listed: number;
  /** Bytes of the history that a newcomer to a channel gets. */
  readonly replayBytes: number;
  /** Bytes that wait for a client that does not read. */
  readonly unsentBytes: number;
  /** Messages of one connection that wait for earlier ones to be done; above it nothing more is read. */
  readonly pendingMessages: number;
  readonly proposals: number;
  readonly openProposalsPerClient: number;
  readonly noticesPerClient: number;
  readonly noticedClients: number;
  readonly knownKeys: number;
  /** Keys of newcomers from elsewhere that the mesh is asked about a second, of all together, and their burst. */
  readonly keysAskedPerSecond: number;
  readonly keysAskedBurst: number;
  /** Failed door tokens a minute of one address. */
  readonly tokenFailures: number;
  readonly pingMs: number;
  readonly deadMs: number;
  /** From the opening to IDENTIFY, or to the proof for whoever must prove a key. */
  readonly identifyMs: number;
  readonly proveMs: number;
  readonly challengeMs: number;
  /** How long the earlier holder of an id has to show that it is alive. */
  readonly contestMs: number;
  /** A channel of the mesh that no client was in for so long is left. */
  readonly idleChannelMs: number;
  /** Longest wait for the mesh. */
  readonly meshMs: number;
}

export const defaultBounds: DoorBounds = {
  frameBytes: 64 * 1024,
  cutBytes: 256 * 1024,
  connections: 2000,
  connectionsPerAddress: 32,
  connectionsOfMachine: 1000,
  arrivalsPerSecond: 20,
  arrivalsBurst: 1000,
  messagesPerSecond: 20,
  messagesBurst: 100,
  refusalsPerSecond: 10,
  refusalsBurst: 1000,
  actsPerSecond: 1,
  actsBurst: 30,
  channelsPerClient: 50,
  channelsMade: 10,
  channelsMadeByGuest: 5,
  channelsMadePerMinute: 20,
  privateChannels: 200,
  invitedPerChannel: 200,
  listed: 1000,
  replayBytes: 1024 * 1024,
  unsentBytes: 4 * 1024 * 1024,
  pendingMessages: 64,
  proposals: 10_000,
  openProposalsPerClient: 100,
  noticesPerClient: 50,
  noticedClients: 1000,
  knownKeys: 10_000,
  keysAskedPerSecond: 10,
  keysAskedBurst: 100,
  tokenFailures: 5,
  pingMs: 30_000,
  deadMs: 70_000,
  identifyMs: 120_000,
  proveMs: 15_000,
  challengeMs: 60_000,
  contestMs: 3000,
  idleChannelMs: 600_000,
  meshMs: 10_000,
};

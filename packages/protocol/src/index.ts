/**
 * Parley's wire vocabulary: names, limits, errors, envelopes, frames, statements, messages. A leaf: it runs anywhere
 * and does nothing by itself. Not here: keys and verification (core), sockets (client, registry).
 */
export { type Call, callSchema, type CallEvent, callEventSchema, errorCodeSchema, type Path, pathSchema, type WireError, wireErrorSchema } from "./call.ts";
export { type DeliveryClass, type Envelope, envelopeId, type EnvelopeKind, envelopeKindOf, envelopeKinds, type TraceContext } from "./envelope.ts";
export { afterClose, type ErrorCode, errorCodeOfClose, type ErrorOptions, errorTable, type ExitCode, isErrorCode, isParleyError, ParleyError, toParleyError } from "./errors.ts";
export { type AckSection, dataSectionOverhead, type DataSection, decodeFrame, envelopeWireBytes, type EphemeralSection, FrameWriter, type HelloSection, maxChunkBytes, type RefusalSection, type Section } from "./frame.ts";
export {
  claimRequestSchema,
  healthSchema,
  httpErrorSchema,
  type NodeInfo,
  nodeInfoSchema,
  pairingRequestSchema,
  type PairingState,
  pairingStateSchema,
  protocolSuites,
  protocolVersions,
  type RouteName,
  type RouteReply,
  routeTable,
  sessionPath,
  sessionProtocol,
  versionSchema,
} from "./http.ts";
export { fromBase64url, id16Schema, id32Schema, id8Schema, toBase64url } from "./ids.ts";
export { formatInviteLink, type InviteLink, type InvitePayload, parseInviteLink, parsePairingCode } from "./invite-link.ts";
export { parseJson } from "./json.ts";
export { type LimitName, limits, limitTable } from "./limits.ts";
export { foldName, labelSchema, nameSchema, parseName, skillIdSchema } from "./names.ts";
export { decoded, type Decoded, undecodable } from "./result.ts";
export {
  decodeDelivery,
  decodeRoutedFrame,
  type Delivery,
  encodeDelivery,
  encodeRoutedHeader,
  joinRoutedFrame,
  type RoutedFrame,
  type RoutedHeader,
  routedHeaderBytes,
  signedHeaderBytes,
  signedPart,
  suiteId,
} from "./routed-frame.ts";
export {
  type Availability,
  availabilitySchema,
  type Challenge,
  challengeSchema,
  decodeJson,
  decodeNodeMessage,
  decodeRequest,
  type DevicePresence,
  devicePresenceSchema,
  type FrameResult,
  type Invite,
  inviteSchema,
  issueOf,
  type MemberEntry,
  memberEntrySchema,
  type Pending,
  pendingSchema,
  proofSchema,
  type PushBody,
  type PushMessage,
  pushTable,
  type PushType,
  type ReplyBody,
  type ReplyMessage,
  type RequestBody,
  type RequestMessage,
  requestTable,
  type RequestType,
  welcomeSchema,
} from "./session-message.ts";
export { type DirectMessage, directMessageSchema, gossipSchema, type Signal, signalSchema } from "./signal.ts";
export {
  compactSchema,
  type MemberKind,
  memberKindSchema,
  type MemberRecord,
  memberRecordSchema,
  operatorChainSchema,
  type Role,
  roleSchema,
  type Statement,
  statementSchemas,
  statementTyp,
  type StatementType,
} from "./statement.ts";
export {
  type AgentCard,
  agentCardSchema,
  type AgentSkill,
  agentSkillSchema,
  type Artifact,
  artifactSchema,
  artifactUpdateSchema,
  envelopeBinding,
  isTerminal,
  type Message,
  messageSchema,
  type Part,
  partSchema,
  type SendMessageRequest,
  sendMessageRequestSchema,
  skillSchemasExtension,
  statusUpdateSchema,
  type StreamResponse,
  streamResponseSchema,
  type Task,
  taskSchema,
  type TaskState,
  taskStates,
  type TaskStatus,
  taskStatusSchema,
} from "./task.ts";

import {
  type ApiKey,
  type BlobRef,
  type Call,
  type CallEvent,
  type Challenge,
  type Content,
  type DevicePresence,
  encodeAuditEntry,
  type ErrorCode,
  type JsonRouteName,
  type MemberEntry,
  type OperatorProposal,
  type PushBody,
  type PushType,
  type ReplyBody,
  type RequestBody,
  type RequestType,
  type RouteName,
  type Signal,
  type StatementType,
} from "@parley/protocol";

import { boardPushBodies, boardReplyBodies, boardRequestBodies } from "./board-messages.ts";
import { channelPushBodies, channelReplyBodies, channelRequestBodies } from "./channel-messages.ts";
import { fixedId, type FixedSigners, vectorExpiry, vectorTime } from "./identities.ts";
import { resourceReplyBodies, resourceRequestBodies } from "./resource-messages.ts";
import type { StatementVector } from "./statements.ts";

const id16 = fixedId(16, 32);
const time = vectorTime;

/** The statements as compact text, by type. */
type Compacts = Readonly<Record<StatementType, string>>;

function facts(signers: FixedSigners, compacts: Compacts) {
  const { member, device } = signers;
  const record = {
    root: member.publicKey,
    rotations: [],
    admission: compacts.admission,
    devices: compacts.devices,
    card: compacts.card,
  };
  const presence: DevicePresence = { device: device.id, state: "connected", boot: id16, since: time, load: 0, consumer: "reading" };
  const entry: MemberEntry = { record, devices: [presence], availability: "available" };
  const invite = { invite: id16, kind: "link", createdBy: signers.operator.id, created: time, expires: vectorExpiry, uses: 1, used: 0, label: "for the library" } as const;
  const pending = { pairing: id16, request: compacts.pairing, invite: id16, inviteLabel: "for the library", address: "127.0.0.1", since: time };
  const error = { code: "not_connected", message: "The recipient is not connected.", data: { retryAfterMs: 1000 } } as const;
  return { record, presence, entry, invite, pending, error };
}

type Facts = ReturnType<typeof facts>;

/** Another operator set that one of two has agreed to. */
function proposal({ operator, second }: FixedSigners): OperatorProposal {
  return {
    proposal: id16,
    by: operator.id,
    number: 3,
    previous: fixedId(32, 60),
    operators: [
      { member: operator.id, key: operator.publicKey, admin: true },
      { member: second.id, key: second.publicKey },
    ],
    approved: [operator.id],
    needed: 2,
    expires: vectorExpiry,
  };
}
const memberUsage = {
  member: fixedId(32, 60),
  hour: { messages: 20, tokens: 1000, money: 2_500_000 },
  day: { messages: 120, tokens: 9000, money: 7_500_000 },
  reporters: [{ member: fixedId(32, 61), messages: 20 }],
  heldUntil: time,
};

/** What a new device asks with. */
const enrolmentAsk = { key: fixedId(32, 44), seal: fixedId(32, 45), label: "phone", iat: time, proof: fixedId(32, 46) };

const apiKey: ApiKey = {
  key: "0123456789Ab",
  name: "ci",
  scopes: ["directory:read"],
  addresses: ["10.0.0.0/8", "2001:db8::1"],
  created: time,
  expires: time + 86_400_000,
};

/** An entry of an audit log, with every field. */
function auditEntry({ node, member, device }: FixedSigners): string {
  return encodeAuditEntry({
    seq: 17,
    at: time,
    node: node.id,
    before: fixedId(32, 62),
    act: "limit.hit",
    by: { member: member.id, device: device.id },
    subject: "channel.create",
    outcome: "limit_reached",
    facts: { where: "session" },
    count: 3,
    since: time,
  });
}

/** The order of two acts of an agreement. */
const agreementHeads = ({ member, second }: FixedSigners): ReplyBody<"agreement.heads"> => ({
  members: [member.id, second.id],
  heads: [{ hash: fixedId(32, 74), by: member.id, at: time }, { hash: fixedId(32, 75), by: second.id, at: time }],
});

function requestBodies(signers: FixedSigners, compacts: Compacts): { readonly [Type in RequestType]: RequestBody<Type> } {
  return {
    "directory.find": { skill: "search", tag: "documents", text: "library", kind: "agent", live: true, limit: 10, after: "abc" },
    "directory.get": { name: "librarian" },
    "directory.watch": { members: [signers.member.id] },
    "card.publish": { card: compacts.card },
    "devices.publish": { devices: compacts.devices },
    "rotation.publish": { rotation: compacts.rotation, devices: compacts.devices, card: compacts.card },
    "device.invite": { enrolment: id16, lifeMs: 600_000 },
    "device.answer": { enrolment: id16, answer: fixedId(32, 43) },
    "presence.set": { load: 3, consumer: "idle", availability: "away" },
    "lease.renew": {},
    "ice.get": {},
    "invite.create": { kind: "code", lifeMs: 60_000, uses: 1, label: "for the library" },
    "invite.grant": { grant: compacts.grant, redeem: fixedId(16, 59), label: "for the library" },
    "invite.list": { limit: 10, after: "abc" },
    "invite.cancel": { invite: id16 },
    "pairing.list": { limit: 10, after: "abc" },
    "pairing.approve": { pairing: id16, admission: compacts.admission },
    "pairing.reject": { pairing: id16, reason: "unknown" },
    "withdrawals.publish": { withdrawals: compacts.withdrawals },
    "order.publish": { type: "revocations", statement: compacts.revocations },
    "admission.get": { name: "librarian" },
    "admission.publish": { admission: compacts.admission },
    "operators.propose": { operators: proposal(signers).operators, approval: compacts.approval },
    "operators.proposals": {},
    "operators.approve": { proposal: id16, approval: compacts.approval },
    "operators.withdraw": { proposal: id16 },
    "operators.publish": { operators: compacts.operators },
    "node.certify": { certificate: compacts.node },
    "member.kick": { member: signers.member.id },
    "usage.report": { usage: compacts.usage },
    "usage.list": { member: signers.member.id, limit: 10, after: "abc" },
    "mailbox.ack": { offset: 17 },
    "inbox.release": { generation: 2 },
    "mailbox.refuse": { offset: 17, code: "cannot_open" },
    "mailbox.dead.list": { after: 3, limit: 10 },
    "mailbox.dead.remove": { offsets: [17, 19] },
    "mailbox.dead.redeliver": { offset: 17 },
    "token.get": { audience: "https://ci.example.org" },
    "key.create": { name: "ci", scopes: ["directory:read"], lifeMs: 86_400_000, addresses: ["10.0.0.0/8", "2001:db8::1"] },
    "key.list": {},
    "key.revoke": { key: apiKey.key },
    ...channelRequestBodies(signers, compacts),
    "audit.list": { act: "member.revoked", by: signers.member.id, since: time, until: vectorExpiry, after: 17, before: 90, limit: 10 },
    "audit.head": {},
    "audit.witness": { witness: compacts.witness },
    ...boardRequestBodies(signers, compacts),
    ...resourceRequestBodies,
    "agreement.advance": { agreement: id16, number: 2, previous: fixedId(32, 74), hash: fixedId(32, 75), until: vectorExpiry },
    "agreement.heads": { agreement: id16 },
    "agreement.offers": { skill: "search", limit: 10, after: "abc" },
    ping: {},
  };
}

function replyBodies(signers: FixedSigners, { entry, invite, pending }: Facts, compacts: Compacts): { readonly [Type in RequestType]: ReplyBody<Type> } {
  return {
    "agreement.advance": agreementHeads(signers),
    "agreement.heads": agreementHeads(signers),
    "agreement.offers": { offers: [{ agreement: id16, offer: compacts.agreement, at: time }], next: "abc" },
    "directory.find": { members: [entry], next: "abc" },
    "directory.get": entry,
    "directory.watch": {},
    "card.publish": {},
    "devices.publish": {},
    "rotation.publish": {},
    "device.invite": { expires: vectorExpiry, request: enrolmentAsk },
    "device.answer": {},
    "presence.set": {},
    "lease.renew": { lease: compacts.lease, node: compacts.node },
    "ice.get": { servers: [{ urls: ["turn:127.0.0.1:3478"], username: "1767225600:a", credential: "secret" }], expires: vectorExpiry },
    "invite.create": { invite, secret: fixedId(16, 33) },
    "invite.grant": { invite: { ...invite, approved: { roles: ["guest"], kind: "agent", name: "librarian" } } },
    "invite.list": { invites: [invite], next: "abc" },
    "invite.cancel": {},
    "pairing.list": { pending: [pending], next: "abc" },
    "pairing.approve": {},
    "pairing.reject": {},
    "withdrawals.publish": {},
    "order.publish": {},
    "admission.get": { record: entry.record },
    "admission.publish": {},
    "operators.propose": { proposal: proposal(signers) },
    "operators.proposals": { proposals: [proposal(signers)] },
    "operators.approve": { proposal: proposal(signers), approvals: [compacts.approval] },
    "operators.withdraw": {},
    "operators.publish": {},
    "node.certify": {},
    "member.kick": { sessions: 2 },
    "usage.report": {},
    "usage.list": { usage: [memberUsage], next: "abc" },
    "mailbox.ack": {},
    "inbox.release": {},
    "mailbox.refuse": {},
    "mailbox.dead.list": {
      letters: [
        {
          offset: 17,
          at: time,
          code: "cannot_open",
          device: fixedId(32, 35),
          fromMember: fixedId(32, 36),
          fromDevice: fixedId(32, 37),
          frame: fixedId(16, 38),
          bytes: 300,
          expires: 0,
        },
      ],
      next: 17,
    },
    "mailbox.dead.remove": { removed: 2 },
    "mailbox.dead.redeliver": { offset: 21 },
    "token.get": { token: compacts.token, expires: time + 300_000 },
    "key.create": { key: apiKey, text: `pak_${apiKey.key}_${"0".repeat(38)}` },
    "key.list": { keys: [{ ...apiKey, used: time + 1000 }] },
    "key.revoke": {},
    ...channelReplyBodies(signers, compacts),
    "audit.list": { entries: [auditEntry(signers)], first: 10, last: 17, next: 17 },
    "audit.head": { head: compacts.head, certificate: compacts.node, checkpoints: [compacts.checkpoint], witnesses: [compacts.witness] },
    "audit.witness": {},
    ...boardReplyBodies(signers, compacts),
    ...resourceReplyBodies(signers.member.id, signers.device.id),
    ping: { time },
  };
}

function pushBodies(signers: FixedSigners, { record, presence, pending, error }: Facts, compacts: Compacts): { readonly [Type in PushType]: PushBody<Type> } {
  const member = signers.member.id;
  return {
    "frame.results": { results: [{ frame: id16, state: "refused", error }] },
    presence: { member, devices: [presence] },
    "member.changed": { member, record },
    order: { type: "policy", statement: compacts.policy },
    holds: { holds: compacts.holds },
    operators: { operators: [compacts.genesis, compacts.operators], certificate: compacts.node },
    "pairing.pending": pending,
    "operators.proposed": proposal(signers),
    "device.pending": { enrolment: id16, request: enrolmentAsk },
    "mailbox.trimmed": { from: 3, to: 9, reason: "expired" },
    "inbox.lease": { generation: 2, lifeMs: 15_000 },
    ...channelPushBodies(signers),
    "audit.head": { head: compacts.head },
    ...boardPushBodies(signers, compacts),
    "resource.changed": { resource: "file:src/main.ts", free: "released" },
    goodbye: { error },
  };
}

function handshake(signers: FixedSigners, compacts: Compacts): object {
  const challenge: Challenge = { type: "challenge", mesh: fixedId(32, 34), node: signers.node.id, nonce: id16, versions: [1], suites: [1], time };
  return {
    challenge,
    proof: { type: "proof", statement: compacts.session, root: signers.member.publicKey, rotations: [], devices: compacts.devices },
    welcome: {
      type: "welcome",
      statement: compacts.welcome,
      node: compacts.node,
      operators: [compacts.genesis],
      admission: compacts.admission,
      lease: compacts.lease,
      revocations: compacts.revocations,
      mailbox: { epoch: "e1", first: 0, last: 0 },
    },
  };
}

function routeBodies(signers: FixedSigners, compacts: Compacts): { readonly [Name in RouteName]?: object } {
  return {
    claim: {
      secret: id16,
      genesis: compacts.genesis,
      certificate: compacts.node,
      root: signers.operator.publicKey,
      admission: compacts.admission,
      devices: compacts.devices,
    },
    pair: { secret: "123456", request: compacts.pairing, devices: compacts.devices },
    enrol: { enrolment: id16, request: enrolmentAsk },
  };
}

function routeReplies(
  signers: FixedSigners,
  compacts: Compacts,
  replies: ReturnType<typeof replyBodies>,
): { readonly [Name in JsonRouteName]: object } {
  const { id: node, publicKey: key } = signers.node;
  const nodeInfo = { node, key, mesh: fixedId(32, 34), operators: [compacts.genesis], certificate: compacts.node, time };
  const pairing = { pairing: id16, state: "admitted", reason: "known", admission: compacts.admission };
  return {
    healthz: { status: "ok" },
    readyz: { status: "starting" },
    version: { name: "parley", version: "0.1.0", protocol: [1], node },
    openapi: { openapi: "3.1.0" },
    node: nodeInfo,
    claim: nodeInfo,
    pair: pairing,
    pairing,
    enrol: { enrolment: id16, state: "asked" },
    enrolment: { enrolment: id16, state: "answered", answer: fixedId(32, 43) },
    putBlob: { stored: true, expires: vectorExpiry },
    deleteBlob: { deleted: true },
    blobUsage: { bytes: 1_048_592, count: 1 },
    jwks: {
      keys: [
        {
          kty: "OKP",
          crv: "Ed25519",
          x: signers.token.publicKey,
          kid: signers.token.id,
          use: "sig",
          alg: "EdDSA",
          statement: compacts["token-key"],
        },
      ],
    },
    v1Members: replies["directory.find"],
    v1Member: replies["directory.get"],
    v1Channels: replies["channel.list"],
    v1Posts: replies["channel.read"],
  };
}

/** Bodies of envelopes. */
function envelopeBodies(error: Facts["error"], compacts: Compacts): object {
  const message = { messageId: "m1", role: "ROLE_USER", parts: [{ data: { query: "parley" }, mediaType: "application/json" }] } as const;
  const calls: readonly Call[] = [
    { call: 1, method: "SendStreamingMessage", skill: "search", paths: ["direct", "relay"], timeLimitMs: 60_000, params: { message: { ...message, parts: [...message.parts] } } },
    { call: 2, method: "GetTask", params: { id: "t1" } },
    { call: 3, method: "CancelTask", params: { id: "t1" } },
    { call: 4, method: "SubscribeToTask", params: { id: "t1" } },
  ];
  const events: readonly CallEvent[] = [
    { call: 1, event: { task: { id: "t1", status: { state: "TASK_STATE_SUBMITTED" } } } },
    { call: 1, event: { statusUpdate: { taskId: "t1", status: { state: "TASK_STATE_WORKING", timestamp: "2026-01-01T00:00:00Z" } } } },
    { call: 1, event: { artifactUpdate: { taskId: "t1", artifact: { artifactId: "a1", parts: [{ text: "hi" }] }, append: false, lastChunk: true } } },
    { call: 2, task: { id: "t1", status: { state: "TASK_STATE_COMPLETED" } } },
    { call: 1, end: true },
    { call: 1, error: { ...error } },
  ];
  const dial = { dial: id16, from: fixedId(16, 35), to: fixedId(16, 36) };
  const signals: readonly Signal[] = [
    { ...dial, signal: { type: "offer", sdp: "v=0" } },
    { ...dial, signal: { type: "answer", sdp: "v=0" } },
    { ...dial, signal: { type: "candidate", candidate: "candidate:1 1 UDP 1 127.0.0.1 9 typ host", mid: "0" } },
    { ...dial, signal: { type: "bye", reason: "idle" } },
  ];
  const attachment = {
    name: "report.txt",
    type: "text/plain",
    size: 4,
    sha256: fixedId(32, 39),
    key: fixedId(32, 40),
    expires: vectorExpiry,
    parts: [{ hash: "ab".repeat(32), bytes: 20 }],
  };
  return { call: calls, callEvent: events, signal: signals, message: contentBodies(attachment), gossip: [{}, { devices: compacts.devices }] };
}

/** Everything that can be said, in a direct message or a post. */
function contentBodies(attachment: BlobRef): readonly Content[] {
  const of = fixedId(16, 47);
  return [
    { type: "text", text: "hello" },
    {
      type: "text",
      text: "@librarian here is the report",
      attachments: [attachment],
      thread: of,
      answers: "epoch.17",
      mentions: [{ member: fixedId(32, 35), role: "reader" }, { all: "reader" }],
    },
    { type: "edit", of, text: "hello again" },
    { type: "retract", of },
    { type: "reaction", of, reaction: "\u{1f44d}", on: true },
    { type: "sealed", secret: fixedId(8, 48), salt: fixedId(32, 49), box: fixedId(32, 50) },
  ];
}

/** Texts that a decoder must refuse, with the code. */
function invalidRequests(): readonly { readonly name: string; readonly text: string; readonly code: ErrorCode; readonly id?: number }[] {
  return [
    { name: "not JSON", text: "{", code: "invalid_argument" },
    { name: "not an object", text: "[]", code: "invalid_argument" },
    { name: "no id", text: '{"type":"ping","body":{}}', code: "invalid_argument" },
    { name: "id 0", text: '{"id":0,"type":"ping","body":{}}', code: "invalid_argument" },
    { name: "id above 2^31", text: '{"id":2147483649,"type":"ping","body":{}}', code: "invalid_argument" },
    { name: "unknown type", text: '{"id":1,"type":"nothing","body":{}}', code: "unsupported_operation", id: 1 },
    { name: "type of every object", text: '{"id":1,"type":"toString","body":{}}', code: "unsupported_operation", id: 1 },
    { name: "no body", text: '{"id":1,"type":"ping"}', code: "invalid_argument", id: 1 },
    { name: "unknown field beside the body", text: '{"id":1,"type":"ping","body":{},"extra":1}', code: "invalid_argument" },
    { name: "unknown field in the body", text: '{"id":1,"type":"ping","body":{"extra":1}}', code: "invalid_argument", id: 1 },
    { name: "nested deeper than 32", text: `{"id":1,"type":"ping","body":${"[".repeat(40)}${"]".repeat(40)}}`, code: "too_large" },
  ];
}

/** One valid message of every kind, and texts that are not. */
export function messageVectors(signers: FixedSigners, statements: Readonly<Record<StatementType, StatementVector>>): object {
  const compacts = Object.fromEntries(Object.entries(statements).map(([type, { compact }]) => [type, compact])) as Compacts;
  const known = facts(signers, compacts);
  const replies = replyBodies(signers, known, compacts);
  return {
    handshake: handshake(signers, compacts),
    requests: requestBodies(signers, compacts),
    replies,
    pushes: pushBodies(signers, known, compacts),
    routeBodies: routeBodies(signers, compacts),
    routeReplies: routeReplies(signers, compacts, replies),
    envelopeBodies: envelopeBodies(known.error, compacts),
    invalidRequests: invalidRequests(),
  };
}

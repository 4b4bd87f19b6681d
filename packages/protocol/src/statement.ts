/**
 * Statements: what members, operators, devices and nodes say under a signature. On the wire a compact JWS (RFC 7515)
 * with `alg: EdDSA` (RFC 8037), `typ` naming the statement, so that one is never taken for another, and `kid` naming
 * the signer. Every payload carries the mesh id, so none is ever taken from another mesh. Payloads are closed: an
 * unknown field makes the statement invalid.
 */
import { z } from "zod";

import { agreementStatement } from "./agreement.ts";
import { anyContentSchema, encryptedContentSchema, postIdSchema, viaSchema } from "./content.ts";
import { id16Schema, id32Schema, id8Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { labelSchema, nameSchema, skillIdSchema } from "./names.ts";
import { policyDocumentSchema, restrictionKinds, skillPatternSchema } from "./policy.ts";
import { scopeSchema } from "./scope.ts";
import { agentCardSchema } from "./task.ts";
import { taskEntryStatement } from "./timeline.ts";

const time = z
  .int()
  .min(0)
  .max(2 ** 47);
const number = z
  .int()
  .min(1)
  .max(2 ** 31);
const key = id32Schema;
const mesh = id32Schema;

/** `admin` is an operator who may change operators. */
export const roleSchema = z.enum(["operator", "admin", "member", "guest", "observer"]);
export type Role = z.infer<typeof roleSchema>;

export const memberKindSchema = z.enum(["agent", "person"]);
export type MemberKind = z.infer<typeof memberKindSchema>;

const operatorSchema = z.strictObject({ member: id32Schema, key });

/** An operator in a later set. With `admin` it may change the set; the founder may. */
const listedOperatorSchema = operatorSchema.extend({ admin: z.literal(true).optional() });
export type ListedOperator = z.infer<typeof listedOperatorSchema>;
export const operatorListSchema = z.array(listedOperatorSchema).min(1).max(limits.operators);

/** A compact JWS, not yet verified. */
export const compactSchema = z
  .string()
  .max(limits.statementBytes)
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, "is not a compact JWS");

/** The first operator set. Signed by its first operator; the mesh id is the SHA-256 of the compact JWS. */
const genesis = z.strictObject({ nonce: id16Schema, operators: z.array(operatorSchema).min(1).max(1), iat: time });

/**
 * A later operator set, signed by an operator with `admin` of the one before. `previous` is the SHA-256 of that one's compact
 * JWS. Where that one has three operators or more, more than half of them say so: who signs, and those of `approvals`.
 */
const operators = z.strictObject({
  mesh,
  number,
  previous: id32Schema,
  operators: operatorListSchema,
  /** `approval` statements over the digest of this set. */
  approvals: z.array(compactSchema).max(limits.operators).optional(),
  iat: time,
});

/**
 * Says yes or no to actions that are named by the SHA-256 of their canonical JSON (RFC 8785). Signed by a device or the root key
 * of `by`; for a set of operators by the root key.
 */
const approval = z.strictObject({
  mesh,
  by: id32Schema,
  decision: z.enum(["granted", "denied"]),
  digests: z.array(id32Schema).min(1).max(limits.approvalDigests),
  iat: time,
  exp: time,
});

/** Roles that whoever holds an invite link may be given without an operator's further word: never an operator's own. */
export const grantedRoleSchema = z.enum(["member", "guest", "observer"]);

/**
 * A pre-approved invite link: lets whoever holds its secret, and so the invite key, sign an admission of its own within these
 * bounds. Signed by an operator.
 */
const grant = z.strictObject({
  mesh,
  /** Id of the invite at the registry, which counts the uses. */
  invite: id16Schema,
  /** Public half of the invite key. */
  key,
  roles: z.array(grantedRoleSchema).min(1).max(limits.roles),
  kind: z.enum(["agent", "person"]).optional(),
  name: nameSchema.optional(),
  scope: scopeSchema.optional(),
  uses: z.int().min(1).max(limits.inviteUses),
  iat: time,
  /** Until when the link may be used. */
  exp: time,
  /** The latest end of an admission under it. */
  until: time,
});

/** A registry node's key, certified by an operator. */
const node = z.strictObject({ mesh, node: id32Schema, key, iat: time, exp: time });

/**
 * Lets a member in under a name. Signed by an operator. A higher `number` for the same member replaces it. One that carries a
 * `grant` is signed by the grant's invite key, and is the member's first.
 */
const admission = z.strictObject({
  mesh,
  member: id32Schema,
  name: nameSchema,
  kind: memberKindSchema,
  roles: z.array(roleSchema).min(1).max(limits.roles),
  number,
  iat: time,
  exp: time,
  /** The member whose name this one takes over after a recovery. */
  replaces: id32Schema.optional(),
  /** What the member may call and where it may post; without it, all that its roles and the policy allow. */
  scope: scopeSchema.optional(),
  /** The `grant` statement of a pre-approved invite link. */
  grant: compactSchema.optional(),
});

/** The whole, numbered list of revoked members. Signed by an operator; the highest number holds. */
const revocations = z.strictObject({
  mesh,
  number,
  revoked: z
    .array(z.strictObject({ member: id32Schema, at: time, reason: labelSchema.optional() }))
    .max(limits.revoked),
  iat: time,
});

/** A new root key of a member, signed by the one before; the first is signed by the first root key. */
const rotation = z.strictObject({ mesh, member: id32Schema, number, key, iat: time });

/**
 * The private half of an encryption key, sealed to one device (HPKE base mode, RFC 9180): the encapsulated key and the
 * ciphertext of the raw 32 bytes with its tag, 80 bytes together.
 */
const sealedHalfSchema = z.string().regex(/^[A-Za-z0-9_-]{106}[AEIMQUYcgkosw048]$/, "is not 80 bytes in base64url");

const listedDevice = z.strictObject({
  device: id32Schema,
  key,
  label: labelSchema,
  since: time,
  /** The device's own X25519 public key. Lists of earlier versions lack it. */
  seal: key.optional(),
  /** The private half of `encryption.key`, sealed to `seal`. */
  half: sealedHalfSchema.optional(),
});

/** A member's devices and current encryption key. Signed by the member's root key; the highest number holds. */
const devices = z.strictObject({
  mesh,
  member: id32Schema,
  number,
  devices: z.array(listedDevice).min(1).max(limits.devices),
  encryption: z.strictObject({
    kid: id8Schema,
    key,
    /** When it came into use; lists of earlier versions lack it. */
    since: time.optional(),
    /** Keys before it that frames may still wait for, oldest first: each private half is sealed to `key`. */
    older: z
      .array(z.strictObject({ kid: id8Schema, key, since: time, half: sealedHalfSchema }))
      .max(limits.encryptionKeys - 1)
      .optional(),
  }),
  iat: time,
});

/** What a member offers: an A2A agent card. Signed by the member's root key; the highest number holds. */
const card = z.strictObject({ mesh, member: id32Schema, number, card: agentCardSchema });

/** What somebody who asks to join would like to have. Says nothing that anybody has to believe. */
export const asksSchema = z.strictObject({
  roles: z.array(roleSchema).max(limits.roles).optional(),
  scope: scopeSchema.optional(),
  /** One line for the operator. */
  text: z
    .string()
    .min(1)
    .max(limits.asksCharacters)
    .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), "has control characters")
    .optional(),
  /** It lost its root key and asks to take its own name over. */
  recovers: z.literal(true).optional(),
});
export type Asks = z.infer<typeof asksSchema>;

/** Asks to be let in. Signed by the asking member's root key. */
const pairing = z.strictObject({
  mesh,
  root: key,
  name: nameSchema,
  kind: memberKindSchema,
  label: labelSchema,
  nonce: id16Schema,
  iat: time,
  /** What it would like to have; an operator decides. */
  asks: asksSchema.optional(),
});

/** Proves a device to a node, over the node's challenge. Signed by the device's key. */
const session = z.strictObject({
  mesh,
  member: id32Schema,
  device: id32Schema,
  boot: id16Schema,
  /** SHA-256 of the challenge's text as it came. */
  challenge: id32Schema,
  nonce: id16Schema,
  versions: z.array(z.int().min(1).max(65535)).min(1).max(16),
  version: z.int(),
  suite: z.int(),
  iat: time,
});

/** Proves a node to a device, over the device's proof. Signed by the node's key. */
const welcome = z.strictObject({
  mesh,
  node: id32Schema,
  /** SHA-256 of the device's compact proof. */
  proof: id32Schema,
  version: z.int(),
  suite: z.int(),
  session: id16Schema,
  generation: number,
  time,
});

/** Says that a device's member was admitted and not revoked when it was issued. Signed by a node; links live by it. */
const lease = z.strictObject({ mesh, member: id32Schema, device: id32Schema, iat: time, exp: time });

/** A key that a node signs session tokens with, for a time. Signed by the node's key. */
const tokenKey = z.strictObject({ mesh, node: id32Schema, key, iat: time, exp: time });

/** Seconds since 1970, as JSON Web Tokens count (RFC 7519 section 2). */
const seconds = z
  .int()
  .min(0)
  .max(2 ** 37);

/**
 * A session token: shows that a session of this device was open when it was issued. A JSON Web Token (RFC 7519), so that
 * services besides the registry can check it too; signed by a token key, which `kid` names. `aud` keeps it from being taken
 * for a token of another door.
 */
const token = z.strictObject({
  /** `parley:` and the mesh id. */
  iss: z.string().max(64),
  /** The member's id. */
  sub: id32Schema,
  aud: labelSchema,
  jti: id16Schema,
  iat: seconds,
  nbf: seconds,
  exp: seconds,
  mesh,
  device: id32Schema,
  session: id16Schema,
});

/**
 * Opens a link, one from each side. Signed by the device's key. The DTLS fingerprints bind it to this very connection
 * (the idea of RFC 8827 section 5.6.4); the boot nonces to these very starts.
 */
const hello = z.strictObject({
  mesh,
  member: id32Schema,
  device: id32Schema,
  boot: id16Schema,
  peerDevice: id32Schema,
  peerBoot: id16Schema,
  fingerprints: z.strictObject({ local: z.string().length(64), remote: z.string().length(64) }),
  versions: z.array(z.int().min(1).max(65535)).min(1).max(16),
  /** The membership lease of this device, and the certificate of the node that issued it. */
  lease: z.string().max(4096),
  certificate: z.string().max(4096),
  /** Numbers of the operators' orders that this side holds; 0 for none. Earlier versions name revocations alone. */
  revocations: z.int().min(0),
  policy: z.int().min(0).optional(),
  restrictions: z.int().min(0).optional(),
  /** Number of the operator set that it holds. */
  operators: number.optional(),
  iat: time,
});

/**
 * A post to a channel, signed by its author's device: the header's `kid` is the device. Either `content`, or in an encrypted channel
 * `encrypted`. What a keyless client of an edge said is signed by the edge, with `via`.
 */
const post = z
  .strictObject({
    mesh,
    channel: id32Schema,
    member: id32Schema,
    /** Chosen by the author. The same again is the same post. */
    id: postIdSchema,
    iat: time,
    content: anyContentSchema.optional(),
    encrypted: encryptedContentSchema.optional(),
    via: viaSchema.optional(),
    /** `approval` statements of the members that said yes to this very post, where a rule asks for them. */
    approvals: z.array(compactSchema).min(1).max(limits.approvalQuorum).optional(),
  })
  .refine(
    ({ content, encrypted }) => (content === undefined) !== (encrypted === undefined),
    "needs content or encrypted",
  );

/**
 * Lets a member come into the group of an encrypted channel. Signed by a device of a member that is in it; good until the one
 * who was invited leaves or is taken out.
 */
const invitation = z.strictObject({ mesh, channel: id32Schema, member: id32Schema, by: id32Schema, iat: time });

/** Says yes beforehand to calls of one skill of one member, so many times. Signed by a device of `by`. */
const standing = z.strictObject({
  mesh,
  id: id16Schema,
  by: id32Schema,
  callee: id32Schema,
  skill: skillIdSchema,
  /** Only for calls of this member; absent for everybody's. */
  caller: id32Schema.optional(),
  uses: z.int().min(1).max(limits.standingUses),
  iat: time,
  exp: time,
});

/**
 * Lets another member, or a sub-agent with a key of its own, act for `from`: call these skills until `exp`. Signed by a device or
 * the root key of `from`. One after the other they are a chain, in which each may only narrow the one before.
 */
const delegation = z.strictObject({
  mesh,
  id: id16Schema,
  from: id32Schema,
  /** A member, or the id of `key`. */
  to: id32Schema,
  /** Of a sub-agent, which is no member; the device of `from` speaks for it. */
  key: key.optional(),
  /** What the sub-agent is called. */
  label: labelSchema.optional(),
  skills: z.array(skillPatternSchema).min(1).max(limits.policySubjects),
  iat: time,
  exp: time,
});

/** Proves a sub-agent to whom its call goes. Signed by the sub-agent's key. */
const acting = z.strictObject({
  mesh,
  delegation: id16Schema,
  callee: id32Schema,
  message: z.string().min(1).max(128),
  iat: time,
});

/** The whole, numbered list of delegations that a member took back before their end. Signed by its root key; the highest number holds. */
const withdrawals = z.strictObject({
  mesh,
  member: id32Schema,
  number,
  withdrawn: z.array(z.strictObject({ id: id16Schema, until: time })).max(limits.withdrawals),
  iat: time,
});

/** Who may do what. Signed by an operator; the highest number holds. */
const policy = z.strictObject({ mesh, number, policy: policyDocumentSchema, iat: time });

/**
 * Everybody whom an operator paused, stopped, muted or banned: the whole, numbered list. Signed by an operator; the highest
 * number holds.
 */
const restrictions = z.strictObject({
  mesh,
  number,
  restrictions: z
    .array(
      z.strictObject({
        /** Absent: every agent. */
        member: id32Schema.optional(),
        kind: z.enum(restrictionKinds),
        at: time,
        /** When it ends by itself. */
        until: time.optional(),
        reason: labelSchema.optional(),
      }),
    )
    .max(limits.restrictions),
  iat: time,
});

/**
 * Members whose frames this node carries no more for now, and peers should not take: over their budget, or at odds with an
 * operator's order. Signed by a node; the highest number of each node holds.
 */
const holds = z.strictObject({
  mesh,
  node: id32Schema,
  number,
  held: z
    .array(z.strictObject({ member: id32Schema, code: z.enum(["over_budget", "paused", "muted"]), until: time }))
    .max(limits.holds),
  iat: time,
});

/** What a device took from others since its last report, and what its own member used up. Signed by the device. */
const usage = z.strictObject({
  mesh,
  member: id32Schema,
  device: id32Schema,
  number,
  /** Messages and calls that were taken, by the member that sent them; under the own id what was sent. */
  taken: z
    .array(z.strictObject({ member: id32Schema, messages: z.int().min(1).max(1_000_000_000) }))
    .max(limits.pageSize),
  /** Self-reported: tokens of models, and millionths of the mesh's unit of money. */
  used: z
    .strictObject({ tokens: z.int().min(0).max(limits.usageSum), money: z.int().min(0).max(limits.usageSum) })
    .optional(),
  iat: time,
});

const auditNumber = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const logEpoch = z.string().min(1).max(64);

/** Where a node's audit log ends: the number and the hash of its newest entry. Signed by the node's key. */
const head = z.strictObject({
  mesh,
  node: id32Schema,
  epoch: logEpoch,
  number: auditNumber,
  hash: id32Schema,
  iat: time,
});

/** Says which entries of a node's audit log went: `hash` is that of entry `to`, which the one after it names. Signed by the node's key. */
const checkpoint = z.strictObject({
  mesh,
  node: id32Schema,
  from: auditNumber,
  to: auditNumber,
  hash: id32Schema,
  count: auditNumber,
  /** SHA-256 of the compact checkpoint before it. */
  previous: id32Schema.optional(),
  iat: time,
});

/** An operator's device verified a node's audit log up to this entry. Signed by the device's key. */
const witness = z.strictObject({
  mesh,
  member: id32Schema,
  device: id32Schema,
  node: id32Schema,
  epoch: logEpoch,
  number: auditNumber,
  hash: id32Schema,
  iat: time,
});

/** Every statement by its `typ` without the prefix `parley-`. */
export const statementSchemas = {
  genesis,
  operators,
  node,
  admission,
  revocations,
  rotation,
  devices,
  card,
  pairing,
  session,
  welcome,
  lease,
  hello,
  "token-key": tokenKey,
  token,
  post,
  invitation,
  approval,
  grant,
  standing,
  delegation,
  acting,
  withdrawals,
  policy,
  restrictions,
  holds,
  usage,
  head,
  checkpoint,
  witness,
  agreement: agreementStatement,
  "task-entry": taskEntryStatement,
} as const;

export type StatementType = keyof typeof statementSchemas;
export type Statement<Type extends StatementType> = z.infer<(typeof statementSchemas)[Type]>;

/** Statements that are entries of timelines, by the kind of the timeline. */
export const timelineTypes = { agreement: "agreement", task: "task-entry" } as const satisfies Record<
  string,
  StatementType
>;
export type TimelineKind = keyof typeof timelineTypes;
export type TimelineStatement<Kind extends TimelineKind> = Statement<(typeof timelineTypes)[Kind]>;

/** The `aud` of session tokens for the registry's HTTP API. */
export const httpAudience = "http";

/** The `iss` of the session tokens of a mesh. */
export const tokenIssuer = (meshId: string): string => `parley:${meshId}`;

/** The `typ` header of a statement. */
export const statementTyp = (type: StatementType): string => `parley-${type}`;

/** All statements that show who a member is. None is believed before it is verified against the pinned operators. */
export const memberRecordSchema = z.strictObject({
  /** First root key: the member id is its hash. */
  root: key,
  rotations: z.array(compactSchema).max(limits.rotations),
  admission: compactSchema,
  devices: compactSchema,
  card: compactSchema.optional(),
  withdrawals: compactSchema.optional(),
});
export type MemberRecord = z.infer<typeof memberRecordSchema>;

/** Genesis first, then each later operator set. */
export const operatorChainSchema = z.array(compactSchema).min(1).max(limits.operatorChain);

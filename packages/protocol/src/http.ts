/**
 * The registry's HTTP routes and their bodies: what a device needs before it can hold a session, what is too large for one,
 * and what scripts may ask. One table, from which the routes, the OpenAPI document and the access table come.
 */
import { z } from "zod";

import type { ApiScope } from "./api-key.ts";
import { blobDeleteSchema, blobPutSchema, blobUsageSchema } from "./blob.ts";
import { wireErrorSchema } from "./call.ts";
import { enrolmentAnswerSchema, enrolmentAskSchema } from "./enrolment.ts";
import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { everyone, operatorsOnly, writers as senders } from "./request-row.ts";
import { restRoutes } from "./rest.ts";
import { compactSchema, operatorChainSchema, type Role } from "./statement.ts";

/** Body of every error answer. */
export const httpErrorSchema = z.strictObject({ error: wireErrorSchema });

/** What anybody may know of a node. */
export const nodeInfoSchema = z.strictObject({
  node: id32Schema,
  key: id32Schema,
  /** Absent while nobody has claimed the mesh. */
  mesh: id32Schema.optional(),
  operators: operatorChainSchema.optional(),
  certificate: compactSchema.optional(),
  time: z.int().min(0),
});
export type NodeInfo = z.infer<typeof nodeInfoSchema>;

/** Claims a new mesh: the genesis and all that makes its first operator a member. */
export const claimRequestSchema = z.strictObject({
  secret: id16Schema,
  genesis: compactSchema,
  certificate: compactSchema,
  root: id32Schema,
  admission: compactSchema,
  devices: compactSchema,
});

/** Asks to join with a code or the secret of a link. */
export const pairingRequestSchema = z.strictObject({
  secret: z.string().min(limits.codeDigits).max(64),
  request: compactSchema,
  devices: compactSchema,
  /** By a pre-approved link: the admission that the asking side signed with the invite key, as the grant allows. */
  admission: compactSchema.optional(),
});

export const pairingStateSchema = z.strictObject({
  pairing: id16Schema,
  state: z.enum(["pending", "admitted", "rejected", "expired"]),
  reason: z.string().max(limits.labelCharacters).optional(),
  admission: compactSchema.optional(),
  /** By a pre-approved link, while it is pending: the operator's `grant`, under which the asking side signs its admission. */
  grant: compactSchema.optional(),
});
export type PairingState = z.infer<typeof pairingStateSchema>;

/** Asks to become one more device of a member, by a device link. */
export const enrolmentRequestSchema = z.strictObject({
  /** Derived from the link's secret. */
  enrolment: id16Schema,
  request: enrolmentAskSchema,
});

export const enrolmentStateSchema = z.strictObject({
  enrolment: id16Schema,
  state: z.enum(["open", "asked", "answered", "refused", "expired"]),
  /** What the inviting device sealed for the new one. */
  answer: enrolmentAnswerSchema.optional(),
});
export type EnrolmentState = z.infer<typeof enrolmentStateSchema>;

export const versionSchema = z.strictObject({
  name: z.literal("parley"),
  version: z.string().max(64),
  protocol: z.array(z.int()),
  node: id32Schema,
});
export const healthSchema = z.strictObject({ status: z.enum(["ok", "draining", "starting"]) });

/** A set of keys (RFC 7517 section 5) for session tokens, each with the `token-key` statement that certifies it. */
export const jwksSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        kty: z.literal("OKP"),
        crv: z.literal("Ed25519"),
        x: id32Schema,
        kid: id32Schema,
        use: z.literal("sig"),
        alg: z.literal("EdDSA"),
        statement: compactSchema,
      }),
    )
    .max(256),
});

interface Route {
  readonly method: "get" | "post" | "put" | "head" | "delete";
  readonly path: string;
  /**
   * Who may call it: `session` brings a session token or an API key (`authorization: Bearer`) of a member with one of
   * `roles`. `setting` is that too, and open to anyone where the settings of the node say so.
   */
  readonly access: "anyone" | "secret" | "session" | "setting";
  readonly roles?: readonly Role[];
  /** What an API key has to be for; without one, no API key will do. */
  readonly scope?: ApiScope;
  /** The query, whole: a name that is not in it is refused. */
  readonly query?: z.ZodType;
  /** JSON. */
  readonly body?: z.ZodType;
  /** JSON; absent where bytes, or headers alone, are the answer. */
  readonly reply?: z.ZodType;
  /** Which way bytes go, as `application/octet-stream`. */
  readonly bytes?: "in" | "out";
  readonly says: string;
}

/** Every HTTP route of the registry. The WebSocket of a session is `GET /session`. */
export const routeTable = {
  healthz: {
    method: "get",
    path: "/healthz",
    access: "anyone",
    reply: healthSchema,
    says: "Whether the process is alive.",
  },
  readyz: {
    method: "get",
    path: "/readyz",
    access: "anyone",
    reply: healthSchema,
    says: "Whether it takes sessions now.",
  },
  version: {
    method: "get",
    path: "/version",
    access: "anyone",
    reply: versionSchema,
    says: "Versions of the product and the protocol.",
  },
  openapi: {
    method: "get",
    path: "/openapi.json",
    access: "anyone",
    reply: z.record(z.string(), z.json()),
    says: "This table as OpenAPI 3.1.",
  },
  metrics: {
    method: "get",
    path: "/metrics",
    access: "setting",
    roles: operatorsOnly,
    scope: "metrics:read",
    says: "Counts for Prometheus, as text. Open where the registry listens on loopback, or with the setting `metrics`.",
  },
  node: {
    method: "get",
    path: "/node",
    access: "anyone",
    reply: nodeInfoSchema,
    says: "The node's key and the statements that pin it.",
  },
  claim: {
    method: "post",
    path: "/claim",
    access: "secret",
    body: claimRequestSchema,
    reply: nodeInfoSchema,
    says: "Claims a new mesh with the one-time secret that the node printed.",
  },
  pair: {
    method: "post",
    path: "/pairings",
    access: "secret",
    body: pairingRequestSchema,
    reply: pairingStateSchema,
    says: "Asks to join with a code or a link's secret.",
  },
  pairing: {
    method: "get",
    path: "/pairings/{pairing}",
    access: "anyone",
    reply: pairingStateSchema,
    says: "What became of a request to join; `?wait=20` waits up to that many seconds for news.",
  },
  putBlob: {
    method: "put",
    path: "/blobs/{hash}",
    access: "session",
    roles: senders,
    scope: "blobs:write",
    bytes: "in",
    reply: blobPutSchema,
    says: "Keeps one sealed part under the SHA-256 of its bytes, until `?expires=` (ms since 1970; seven days by default).",
  },
  headBlob: {
    method: "head",
    path: "/blobs/{hash}",
    access: "session",
    roles: everyone,
    scope: "blobs:read",
    says: "Whether a part is there: its size, and in `parley-held-until` how long the caller holds it. Extends nothing.",
  },
  getBlob: {
    method: "get",
    path: "/blobs/{hash}",
    access: "session",
    roles: everyone,
    scope: "blobs:read",
    bytes: "out",
    says: "One sealed part, or with `range` a range of it (RFC 9110 section 14).",
  },
  deleteBlob: {
    method: "delete",
    path: "/blobs/{hash}",
    access: "session",
    roles: senders,
    scope: "blobs:write",
    reply: blobDeleteSchema,
    says: "Ends one's own hold; the part goes with the last one.",
  },
  blobUsage: {
    method: "get",
    path: "/blobs",
    access: "session",
    roles: everyone,
    scope: "blobs:read",
    reply: blobUsageSchema,
    says: "What one's own parts take up.",
  },
  enrol: {
    method: "post",
    path: "/enrolments",
    access: "secret",
    body: enrolmentRequestSchema,
    reply: enrolmentStateSchema,
    says: "Asks, with what a device link holds, to become one more device of its member.",
  },
  enrolment: {
    method: "get",
    path: "/enrolments/{enrolment}",
    access: "anyone",
    reply: enrolmentStateSchema,
    says: "What became of it; `?wait=20` waits up to that many seconds for news.",
  },
  jwks: {
    method: "get",
    path: "/.well-known/jwks.json",
    access: "anyone",
    reply: jwksSchema,
    says: "Keys by which session tokens are verified (RFC 7517, RFC 8037), the next one included.",
  },
  ...restRoutes,
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routeTable;
/** Routes that answer with JSON. */
export type JsonRouteName = {
  [Name in RouteName]: (typeof routeTable)[Name] extends { readonly reply: z.ZodType } ? Name : never;
}[RouteName];
export type RouteReply<Name extends JsonRouteName> = z.infer<(typeof routeTable)[Name]["reply"]>;

/** Path of the WebSocket of a session and its sub-protocol (RFC 6455 section 1.9). */
export const sessionPath = "/session";
export const sessionProtocol = "parley.v1";
/** Protocol versions that this build speaks, newest last. */
export const protocolVersions: readonly number[] = [1];
/** Ciphersuites that this build speaks. */
export const protocolSuites: readonly number[] = [1];

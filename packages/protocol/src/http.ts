/**
 * The registry's HTTP routes and their bodies: what a device needs before it can hold a session. One table, from which
 * the routes, the OpenAPI document and the access table come.
 */
import { z } from "zod";

import { wireErrorSchema } from "./call.ts";
import { id16Schema, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";
import { compactSchema, operatorChainSchema } from "./statement.ts";

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
});

export const pairingStateSchema = z.strictObject({
  pairing: id16Schema,
  state: z.enum(["pending", "admitted", "rejected", "expired"]),
  reason: z.string().max(limits.labelCharacters).optional(),
  admission: compactSchema.optional(),
});
export type PairingState = z.infer<typeof pairingStateSchema>;

export const versionSchema = z.strictObject({
  name: z.literal("parley"),
  version: z.string().max(64),
  protocol: z.array(z.int()),
  node: id32Schema,
});
export const healthSchema = z.strictObject({ status: z.enum(["ok", "draining", "starting"]) });

interface Route {
  readonly method: "get" | "post";
  readonly path: string;
  /** Who may call it; sessions have their own table of requests. */
  readonly access: "anyone" | "secret";
  readonly body?: z.ZodType;
  readonly reply: z.ZodType;
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
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routeTable;
export type RouteReply<Name extends RouteName> = z.infer<(typeof routeTable)[Name]["reply"]>;

/** Path of the WebSocket of a session and its sub-protocol (RFC 6455 section 1.9). */
export const sessionPath = "/session";
export const sessionProtocol = "parley.v1";
/** Protocol versions that this build speaks, newest last. */
export const protocolVersions: readonly number[] = [1];
/** Ciphersuites that this build speaks. */
export const protocolSuites: readonly number[] = [1];

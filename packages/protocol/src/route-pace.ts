/** How often each HTTP route may be asked: one row for each, as the access table has one. `docs/limits.md` is generated from it. */
import type { RouteName } from "./http.ts";
import { limits } from "./limits.ts";

interface Pace {
  /** Requests a second of one address, IPv6 by its /64; ten times that in one go. */
  readonly perSecond: number;
  readonly means: string;
}

/** The paces that routes have. */
export const paceTable = {
  plain: { perSecond: limits.plainRequestsPerSecond, means: "answers that cost little" },
  secret: {
    perSecond: limits.secretRequestsPerSecond,
    means: "brings a secret: `pairingTriesPerMinute` and `pairingTriesTotalPerMinute` count on top",
  },
  transfer: {
    perSecond: limits.transferRequestsPerSecond,
    means: "parts of blobs: `httpRequestsPerSecondOfMember` and `blobTransfers` count on top",
  },
  session: {
    perSecond: limits.sessionsPerSecond,
    means: "opens a WebSocket: `socketsPerAddress` and `unprovenPerAddress` count on top",
  },
} as const satisfies Record<string, Pace>;

export type PaceName = keyof typeof paceTable;

/** Every way in over HTTP with its pace: the routes of the table, the page of invite links, sessions, and what is none of them. */
export const routePace: Readonly<Record<RouteName | "join" | "openSession" | "other", PaceName>> = {
  healthz: "plain",
  readyz: "plain",
  version: "plain",
  openapi: "plain",
  metrics: "plain",
  node: "plain",
  claim: "secret",
  pair: "secret",
  pairing: "plain",
  putBlob: "transfer",
  headBlob: "transfer",
  getBlob: "transfer",
  deleteBlob: "transfer",
  blobUsage: "transfer",
  enrol: "secret",
  enrolment: "plain",
  jwks: "plain",
  v1Members: "plain",
  v1Member: "plain",
  v1Channels: "plain",
  v1Posts: "plain",
  join: "plain",
  openSession: "session",
  other: "plain",
};

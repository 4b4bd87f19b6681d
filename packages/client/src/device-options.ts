import type { Archive, Clock, Journal, MeshTrust, Random } from "@parley/core";

import type { AuditMemory } from "./audit/audit-memory.ts";
import type { GroupFactory } from "./conversations/encrypted/encrypted-channels.ts";
import type { LinkSettings } from "./device-api.ts";
import type { Identity } from "./identity.ts";
import type { Connect } from "./socket-like.ts";

/** Structured log line: no content, no secrets. */
export type LogLine = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export interface DeviceOptions {
  readonly identity: Identity;
  /** Origin of the registry, for example `http://127.0.0.1:8080`. */
  readonly registry: string;
  /** The pinned mesh; its `onChange` writes the pins down. */
  readonly trust: MeshTrust;
  readonly journal: Journal;
  /** What was said, for people to read and search. Default: the newest messages, in memory. */
  readonly archive?: Archive;
  /**
   * `ask`: whoever is not known may write a few messages and then waits to be accepted; `guests`: only guests and those who
   * come through an edge wait; `take`: all messages are taken. Default: `ask` for a person, `guests` for an agent.
   */
  readonly strangers?: "ask" | "guests" | "take";
  /** Makes this device's part in the groups of encrypted channels, such as `MlsGroups`. Without it those cannot be read. */
  readonly groups?: GroupFactory;
  /** Whether others hear that their messages were read. Default true. */
  readonly tellsRead?: boolean;
  /** Replaces what looks like a secret in what leaves this device by a mark. Default false. */
  readonly redact?: boolean;
  /** Keeps this device's identity when its encryption keys or its member's device list changed. */
  readonly keepIdentity?: (identity: Identity) => Promise<void>;
  /** What an operator's device remembers of audit logs. Default: in memory. */
  readonly auditMemory?: AuditMemory;
  /** Without it, everything goes by relay and mailbox. */
  readonly links?: LinkSettings;
  /** Default: the platform's. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: LogLine;
  /** Opens sockets to the registry. Default: the platform's WebSocket. */
  readonly connect?: Connect;
  /** Transfers attachments. Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** Milliseconds a link may be idle. Default `limits.linkIdleMs`. */
  readonly linkIdleMs?: number;
}

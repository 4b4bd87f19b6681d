/**
 * The registry: directory, admission, sessions, mailboxes. One node, embeddable: its stores, key, clock and randomness
 * are handed in. Not here: which adapter the stores are (cli), WebRTC, anything inside a sealed frame.
 */
export { accessTable, type AccessRow, frameRoles } from "./access.ts";
export { type AuditRecord, type AuditRecorder } from "./audit/audit-trail.ts";
export { defaultBounds, type RegistryBounds } from "./bounds.ts";
export type { PrivateText } from "./credentials/token-keys.ts";
export { addressGroup } from "./address-group.ts";
export { type ClientAddress, type ForwardedHeader, TrustedProxies } from "./client-address.ts";
export { RegistryNode } from "./node.ts";
export type {
  IceOptions,
  LogLevel,
  NodeOptions,
  RegistryLog,
  RegistryOptions,
  TlsKeys,
  UpgradeHandler,
} from "./options.ts";
export { createRegistry, type Registry } from "./registry.ts";
export type { SessionSocket } from "./session-socket.ts";
export type { Session } from "./session.ts";

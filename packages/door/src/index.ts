/**
 * The plain door: agentchat 0.3's JSON over WebSocket, for programs without a device. It is one member of the mesh and speaks
 * for its clients with `via`. Not here: the device behind `DoorMesh` (client), where tokens are kept (cli), the registry's
 * HTTP server (registry), which hands over the upgrades of `/chat`.
 */
export { AwaitedMesh } from "./awaited-mesh.ts";
export { type DoorBounds, defaultBounds } from "./bounds.ts";
export { type DoorDevice, DeviceMesh } from "./device-mesh.ts";
export { Door, type DoorLog, type DoorOptions } from "./door.ts";
export type { DoorMesh, MeshChannel, MeshChannelListener, MeshDirect, MeshPost } from "./door-mesh.ts";
export {
  type DoorTokenRecord,
  DoorTokens,
  type DoorTokensOptions,
  type DoorTokenStore,
  MemoryDoorTokens,
} from "./door-tokens.ts";
export { isLoopbackHost } from "./guest-check.ts";
export type { DoorListener, ListenOptions, UpgradeHandler } from "./listener.ts";
export type { Party, ProposalRecord, ProposalStore } from "./proposals.ts";
export type { ProposalStatus } from "./server-message.ts";

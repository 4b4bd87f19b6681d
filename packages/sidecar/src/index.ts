/**
 * The local socket of the process that holds a device: JSON lines over a Unix socket in a private folder. Not here: the
 * lock that decides who holds it (client/node), and the commands (cli).
 */
export { type AttachedDevice, attachDevice } from "./attached-device.ts";
export { DeviceSocket, type DeviceSocketOptions } from "./device-socket.ts";
export { LineConnection } from "./line-connection.ts";
export { createSocketSecret, isSocketSecret, readSocketSecret, removeSocketSecret } from "./socket-secret.ts";
export { bodyFileBytes, lineBytes, lineVersions, mostConnections, mostRequests } from "./local-lines.ts";
export { acknowledgedOperations, endlessOperations, type OperationName, operationTable } from "./operations.ts";
export type { HostedTask, SkillHost, SkillOffer, TaskCause } from "./skill-host.ts";

/**
 * The local socket of the process that holds a device: JSON lines over a Unix socket in a private folder. Not here: the
 * lock that decides who holds it (client/node), and the commands (cli).
 */
export { type AttachedDevice, attachDevice } from "./attached-device.ts";
export { DeviceSocket, type DeviceSocketOptions } from "./device-socket.ts";
export { LineConnection } from "./line-connection.ts";
export { lineBytes, lineVersions, mostConnections, mostRequests } from "./local-lines.ts";
export { type OperationName, operationTable } from "./operations.ts";
export { createSocketSecret, isSocketSecret, readSocketSecret, removeSocketSecret } from "./socket-secret.ts";

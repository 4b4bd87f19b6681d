/**
 * Talk from a program in Node: `connect` opens the device of a home folder, and what it gives speaks and listens. Not here: pages
 * (`@parley/sdk/browser`), agents with skills (`@parley/agent`).
 */
export { connect, type ConnectOptions } from "./connect.ts";
export {
  beginHomeDevice,
  type HomeDevice,
  type HomeDeviceOptions,
  type HomeLinks,
  openHomeDevice,
  settlePairing,
} from "./home-device.ts";
export type {
  ChannelConversation,
  Conversation,
  Delivery,
  DeviceEvent,
  IncomingMessage,
  IncomingPost,
  Sent,
  Talk,
} from "@parley/client";
export { isParleyError, ParleyError } from "@parley/protocol";

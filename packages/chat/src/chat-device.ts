import type { DeviceApi } from "@parley/client";

/** What a chat needs of a device. */
export type ChatDevice = Pick<
  DeviceApi,
  "member" | "device" | "name" | "mesh" | "state" | "watch" | "find" | "links" | "conversations"
>;

/** Stands where the channels of a device will be. */
import { ParleyError } from "@parley/protocol";

import type { ChannelActs } from "../conversation-desk.ts";

const absent = (): Promise<never> => Promise.reject(new ParleyError("unsupported_operation"));

export const absentChannels: ChannelActs = {
  idOf: absent,
  list: () => Promise.resolve([]),
  view: absent,
  create: absent,
  join: absent,
  leave: absent,
  change: absent,
  invite: absent,
  kick: absent,
  members: absent,
  post: absent,
  typing: () => {},
  fetchOlder: absent,
  subscribe: absent,
};

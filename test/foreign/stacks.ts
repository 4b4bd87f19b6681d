import { createRequire } from "node:module";

import type { PeerConnectionConstructor } from "@parley/peer/browser";
import { RTCPeerConnection } from "werift";

/** A CommonJS package whose names Node cannot see from outside. */
const wrtc = createRequire(import.meta.url)("@roamhq/wrtc") as {
  readonly RTCPeerConnection: PeerConnectionConstructor;
};

/** WebRTC stacks that are not ours. werift is W3C-shaped as far as links need it, and says so in types of its own. */
export const stacks: Readonly<Record<string, PeerConnectionConstructor>> = {
  "@roamhq/wrtc": wrtc.RTCPeerConnection,
  werift: RTCPeerConnection as unknown as PeerConnectionConstructor,
};

import { createRequire } from "node:module";

import type { PeerConnectionConstructor } from "@parley/peer/browser";

/** Loaded without their own types: wrtc declares none of its names, and those of werift do not pass the compiler. */
const require = createRequire(import.meta.url);
interface Stack {
  readonly RTCPeerConnection: PeerConnectionConstructor;
}

/** WebRTC stacks that are not ours. werift is W3C-shaped as far as links need it. */
export const stacks: Readonly<Record<string, PeerConnectionConstructor>> = {
  "@roamhq/wrtc": (require("@roamhq/wrtc") as Stack).RTCPeerConnection,
  werift: (require("werift") as Stack).RTCPeerConnection,
};

import { createRequire } from "node:module";

import type { PeerConnectionConstructor } from "@parley/peer/browser";

/** Loaded without their own types: wrtc declares none of its names, and those of werift do not pass the compiler. */
const require = createRequire(import.meta.url);
const load = (name: string): PeerConnectionConstructor =>
  (require(name) as { readonly RTCPeerConnection: PeerConnectionConstructor }).RTCPeerConnection;

/** WebRTC stacks that are not ours. werift is W3C-shaped as far as links need it. */
export const stacks: Readonly<Record<string, PeerConnectionConstructor>> = {
  "@roamhq/wrtc": load("@roamhq/wrtc"),
  werift: load("werift"),
};

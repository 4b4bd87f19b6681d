/**
 * Links between devices over WebRTC. The adapters are subpaths, so that each runtime loads its own only:
 * `@parley/peer/node` (node-datachannel) and `@parley/peer/browser` (RTCPeerConnection).
 */
export { type ReportError } from "./guarded-callbacks.ts";

/**
 * What Parley is made of, without any I/O: ports, memory adapters, trust, sealing, streams. Runs in Node and the
 * browser. Not here: sockets, files, WebRTC.
 */
export { Backoff, type BackoffOptions } from "./backoff.ts";
export type { IceServer, Link, LinkCallbacks, LinkFactory, LinkOptions, LinkPath, LinkRoute, LinkSignal } from "./ports/link.ts";
export { FrameOpener, type FrameOpenerOptions, type OpenedFrame } from "./seal/frame-opener.ts";
export { FrameSealer, type SealedFrame, type SealTo } from "./seal/frame-sealer.ts";
export { createEncryptionKey, type EncryptionKey, exportEncryptionKey, importEncryptionKey } from "./seal/hpke.ts";
export { ChunkJoiner, splitBody } from "./stream/chunks.ts";
export { InboundStream, type InboundStreamOptions, type NumberedEnvelope } from "./stream/inbound-stream.ts";
export { OutboundStream, type OutboundStreamOptions } from "./stream/outbound-stream.ts";
export { createSigner, exportSigner, idOfKey, importSigner, sha256, signBytes, type Signer, type StoredKey, verifyBytes } from "./trust/keys.ts";
export { type VerifiedDevice, type VerifiedDevices, type VerifiedMember, verifyCard, verifyDevices, verifyMember, verifyRootKey } from "./trust/member.ts";
export { type MeshPins, MeshTrust, type MeshTrustOptions } from "./trust/mesh-trust.ts";
export { type OperatorSet, verifyByOperator, verifyOperators } from "./trust/operators.ts";
export { peekStatement, signStatement, verifyStatement } from "./trust/statement.ts";
export { comparisonWords } from "./trust/words.ts";

/**
 * Link: one WebRTC connection between two devices, carrying one reliable, ordered DataChannel of bytes.
 *
 * The port says nothing about who is at the other end: links are authenticated above it, by a handshake of both
 * identities bound to `binding`. Signals (offer, answer, candidates) leave by `onSignal` and come in by `signal`;
 * whoever owns the link carries them, sealed.
 *
 * Contract:
 * - Ordering: messages arrive whole, once, in the order sent, or the link closes.
 * - `send` never blocks and never throws for a slow peer; it reports back-pressure. Sending on a link that is not open is ignored
 *   and gives false. The bytes are copied before it returns. Whoever sends on through a pause loses the link (`send-overflow`).
 * - A link dials once: no second offer, no ICE restart. A broken one is replaced.
 * - Callbacks come on the JavaScript thread from a fresh task: an exception in one never reaches native code.
 * - After `close` (local or remote) `onClosed` is called exactly once and nothing afterwards.
 */

/** A piece of signalling, opaque to everything but the two link adapters. At most 16 KiB as JSON. */
export type LinkSignal =
  | { readonly type: "offer" | "answer"; readonly sdp: string }
  | { readonly type: "candidate"; readonly candidate: string; readonly mid: string };

/** `direct`: host, server- or peer-reflexive candidates on both sides; `turn`: either side is a TURN relay candidate. */
export type LinkPath = "direct" | "turn";

/** The candidate pair that ICE selected. Addresses are for `doctor` and the log, never for decisions. */
export interface LinkRoute {
  readonly path: LinkPath;
  /** For example `host udp 127.0.0.1:5000`. */
  readonly local: string;
  readonly remote: string;
}

/** One STUN or TURN server, in the shape of the W3C RTCIceServer. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

export interface LinkOptions {
  readonly iceServers: readonly IceServer[];
  /** `relay` uses TURN candidates only. Default `all`. */
  readonly policy?: "all" | "relay";
  /** Largest message either side may send, in bytes; less where the other side takes less, but at least one frame. */
  readonly maxMessageBytes: number;
  /** Bind sockets to this address only (Node). */
  readonly bindAddress?: string;
  /** Inclusive UDP port range (Node). */
  readonly portRange?: readonly [number, number];
}

export interface LinkCallbacks {
  readonly onSignal: (signal: LinkSignal) => void;
  /** The channel can carry bytes both ways. */
  readonly onOpen: () => void;
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The send buffer has fallen to the low-water mark after `send` returned false. */
  readonly onDrain: () => void;
  /**
   * Once. `reason` is for logs: `closed`, `remote-closed`, `ice-failed`, `dtls-failed`, `fingerprint-mismatch`, `bad-signal`,
   * `bad-message`, `unexpected-channel`, `send-overflow`, `send-failed`, `no-interface`, `failed`.
   */
  readonly onClosed: (reason: string) => void;
  /** ICE moved an open link to another pair, as it does in the first seconds when a better one turns out to work. */
  readonly onRoute?: (route: LinkRoute) => void;
}

export interface Link {
  /** Starts the link as the side that offers. The other side starts by receiving the offer through `signal`. */
  offer(): void;
  /** Feeds a signal from the other side. A malformed one closes the link with reason `bad-signal`. */
  signal(signal: LinkSignal): void;
  /** False once more than the high-water mark (256 KiB) is buffered: stop and wait for `onDrain` (64 KiB). Throws `too_large`. */
  send(bytes: Uint8Array): boolean;
  /** Bytes handed to `send` that have not left yet. */
  readonly bufferedBytes: number;
  readonly isOpen: boolean;
  /** The selected route, once open. */
  route(): Promise<LinkRoute | undefined>;
  /** Channel binding, once open: both DTLS certificate fingerprints (lower-case hex `sha-256`), the same pair on both sides. */
  readonly binding: { readonly local: string; readonly remote: string } | undefined;
  close(): void;
}

/** Makes links. One factory per device; `close` ends its links and native threads, after which `create` throws `closed`. */
export interface LinkFactory {
  create(options: LinkOptions, callbacks: LinkCallbacks): Link;
  /**
   * Calls `onChange`, from a fresh task, when the addresses of this machine, or its way to the network, have changed.
   * Returns the way out. Not every platform can tell.
   */
  watchNetwork?(onChange: () => void): () => void;
  close(): Promise<void>;
}

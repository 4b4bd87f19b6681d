/**
 * Routed frame: a sealed frame with the header that the registry needs to carry it. The registry reads the header and
 * never the rest. Layout, big-endian, 280 bytes before the sealed content:
 *
 *   0 version(1) 1 store(1) 2 suite(1) 3 reserved(1)
 *   4 to member(32) 36 to device(32, zero: any) 68 from member(32) 100 from device(32)
 *   132 frame id(16) 148 expires(6, ms since 1970, 0 never) 154 key id(8)
 *   162 boot nonce of the recipient's device(16, zero: none) 178 encapsulated key(32) 210 counter(6)
 *   216 signature(64, Ed25519 by the sending device) 280 content
 *
 * The signature covers a domain label, the mesh id, bytes 0-215 and the SHA-256 of the content as carried, so nothing
 * of it can be moved to another mesh, recipient, start or stream. Bytes 0-215 are also the associated data of the seal.
 */
import { ByteReader, ByteWriter } from "./byte-io.ts";
import { fromBase64url, toBase64url } from "./ids.ts";
import { limits } from "./limits.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";

const routedFrameVersion = 1;
/** Suite 1: X25519, HKDF-SHA256, AES-256-GCM (RFC 9180), Ed25519 signatures, SHA-256. */
export const suiteId = 1;
/** Bytes that the signature and the seal's associated data cover. */
export const signedHeaderBytes = 216;
export const routedHeaderBytes = 280;
const signatureBytes = 64;

export interface RoutedHeader {
  /** True: kept in the mailbox until its recipient took it. False: thrown away when the device is not connected. */
  readonly store: boolean;
  readonly suite: number;
  /** Ids in base64url; `toDevice` undefined is any device of the member. */
  readonly toMember: string;
  readonly toDevice: string | undefined;
  readonly fromMember: string;
  readonly fromDevice: string;
  readonly frameId: string;
  /** Milliseconds since 1970 by registry time; 0 is never. */
  readonly expires: number;
  readonly keyId: string;
  /** Recipient's start that the frame is meant for; undefined for what outlives starts. */
  readonly bootNonce: string | undefined;
  readonly encapsulated: Uint8Array;
  /** Number of the frame under its encapsulated key; never used twice. */
  readonly counter: number;
}

export interface RoutedFrame extends RoutedHeader {
  readonly signature: Uint8Array;
  readonly content: Uint8Array;
}

function raw(text: string | undefined, length: number): Uint8Array {
  if (text === undefined) return new Uint8Array(length);
  const bytes = fromBase64url(text);
  if (bytes?.length !== length) throw new RangeError(`expected ${length} bytes in base64url`);
  return bytes;
}

/** The first 216 bytes: what is signed and authenticated. */
export function encodeRoutedHeader(header: RoutedHeader): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(signedHeaderBytes);
  out.u8(routedFrameVersion);
  out.u8(header.store ? 1 : 0);
  out.u8(header.suite);
  out.u8(0);
  out.bytes(raw(header.toMember, 32));
  out.bytes(raw(header.toDevice, 32));
  out.bytes(raw(header.fromMember, 32));
  out.bytes(raw(header.fromDevice, 32));
  out.bytes(raw(header.frameId, 16));
  out.u48(header.expires);
  out.bytes(raw(header.keyId, 8));
  out.bytes(raw(header.bootNonce, 16));
  out.bytes(header.encapsulated);
  out.u48(header.counter);
  return out.take();
}

/** Joins the parts of a routed frame. */
export function joinRoutedFrame(
  header: Uint8Array,
  signature: Uint8Array,
  content: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(routedHeaderBytes + content.length);
  out.set(header, 0);
  out.set(signature, signedHeaderBytes);
  out.set(content, routedHeaderBytes);
  return out;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const optional = (bytes: Uint8Array): string | undefined => (isZero(bytes) ? undefined : toBase64url(bytes));

/** Reads the header; the content stays opaque. */
export function decodeRoutedFrame(bytes: Uint8Array): Decoded<RoutedFrame> {
  if (bytes.length > limits.routedFrameBytes)
    return undecodable("too_large", "a routed frame is larger than the limit");
  if (bytes.length <= routedHeaderBytes)
    return undecodable("malformed_frame", "a routed frame is shorter than its header");
  const input = new ByteReader(bytes);
  if (input.u8() !== routedFrameVersion) return undecodable("unsupported_version", "unknown version of routed frame");
  const store = input.u8();
  const suite = input.u8();
  if (store > 1 || input.u8() !== 0) return undecodable("malformed_frame", "unknown flag of a routed frame");
  if (suite !== suiteId) return undecodable("unsupported_version", "unknown ciphersuite");
  return decoded({
    store: store === 1,
    suite,
    toMember: toBase64url(input.bytes(32)),
    toDevice: optional(input.bytes(32)),
    fromMember: toBase64url(input.bytes(32)),
    fromDevice: toBase64url(input.bytes(32)),
    frameId: toBase64url(input.bytes(16)),
    expires: input.u48(),
    keyId: toBase64url(input.bytes(8)),
    bootNonce: optional(input.bytes(16)),
    encapsulated: input.bytes(32),
    counter: input.u48(),
    signature: input.bytes(signatureBytes),
    content: input.bytes(input.remaining),
  });
}

/** The bytes that a routed frame was signed over, as carried. */
export function signedPart(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, signedHeaderBytes);
}

/**
 * What a node pushes to a device as one binary WebSocket message: `kind(1) offset(6) previous(6)` and the routed frame.
 * Kind 0 is a relayed frame (both numbers 0); kind 1 comes from the mailbox: its offset, and the offset pushed before it,
 * by which a gap shows; kind 2 too, and another instance of the agent may have had it before.
 */
export interface Delivery {
  readonly mailbox: MailboxPlace | undefined;
  readonly frame: Uint8Array;
}

/** Where in the mailbox a frame lies. */
export interface MailboxPlace {
  readonly offset: number;
  /** Offset pushed before it in this session; 0 for the first. */
  readonly previous: number;
  /** Another instance may have taken it before. Default false; always there when read. */
  readonly redelivered?: boolean;
}

const deliveryHeaderBytes = 13;

export function encodeDelivery(delivery: Delivery): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(deliveryHeaderBytes + delivery.frame.length);
  out.u8(delivery.mailbox === undefined ? 0 : delivery.mailbox.redelivered === true ? 2 : 1);
  out.u48(delivery.mailbox?.offset ?? 0);
  out.u48(delivery.mailbox?.previous ?? 0);
  out.bytes(delivery.frame);
  // The writer is ours alone and just large enough: no copy.
  return out.view();
}

export function decodeDelivery(bytes: Uint8Array): Decoded<Delivery> {
  if (bytes.length <= deliveryHeaderBytes)
    return undecodable("malformed_frame", "a delivery is shorter than its header");
  const input = new ByteReader(bytes);
  const kind = input.u8();
  if (kind > 2) return undecodable("malformed_frame", "unknown kind of delivery");
  const offset = input.u48();
  const previous = input.u48();
  const mailbox = kind === 0 ? undefined : { offset, previous, redelivered: kind === 2 };
  return decoded({ mailbox, frame: input.bytes(input.remaining) });
}

/** STUN messages (RFC 8489) with what NAT behaviour discovery (RFC 5780) and TURN (RFC 8656) add to them. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** Message types: method and class in one number (RFC 8489 section 5). */
export const stunTypes = {
  bindingRequest: 0x0001,
  bindingResponse: 0x0101,
  allocateRequest: 0x0003,
  refreshRequest: 0x0004,
  createPermissionRequest: 0x0008,
  sendIndication: 0x0016,
  dataIndication: 0x0017,
} as const;

/** Attribute types. Those from 0x8000 may be ignored by who does not know them. */
export const stunAttributes = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedTransport: 0x0019,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
  otherAddress: 0x802c,
} as const;

/** Transport address: an IP address without brackets, and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface StunMessage {
  readonly type: number;
  /** 12 bytes. */
  readonly transaction: Buffer;
  /** By type; of several of one type, the first. */
  readonly attributes: ReadonlyMap<number, Buffer>;
}

const headerBytes = 20;
const attributeHeaderBytes = 4;
const integrityBytes = 20;
const magicCookie = 0x2112a442;
const fingerprintMask = 0x5354554e;
/** A datagram holds no more. */
const mostBytes = 65_507;

const padded = (length: number): number => (length + 3) & ~3;
const isResponse = (type: number): boolean => (type & 0x0100) !== 0;

export const isSuccess = ({ type }: StunMessage): boolean => (type & 0x0110) === 0x0100;

/** Writes a message; with `key` it carries MESSAGE-INTEGRITY. FINGERPRINT comes last, always. */
export function encodeStun(
  { type, transaction, attributes }: Pick<StunMessage, "type" | "transaction" | "attributes">,
  key?: Buffer,
): Buffer {
  const parts = [Buffer.alloc(headerBytes), ...[...attributes].map(([kind, value]) => encodeAttribute(kind, value))];
  const header = parts[0] ?? Buffer.alloc(headerBytes);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(magicCookie, 4);
  transaction.copy(header, 8);
  // Both hash a header whose length already counts the attribute itself.
  const declare = (more: number): Buffer => {
    header.writeUInt16BE(parts.reduce((sum, part) => sum + part.length, 0) - headerBytes + more, 2);
    return Buffer.concat(parts);
  };
  if (key !== undefined) {
    const covered = declare(attributeHeaderBytes + integrityBytes);
    parts.push(encodeAttribute(stunAttributes.messageIntegrity, createHmac("sha1", key).update(covered).digest()));
  }
  const value = Buffer.alloc(4);
  value.writeUInt32BE((crc32(declare(attributeHeaderBytes + 4)) ^ fingerprintMask) >>> 0);
  return Buffer.concat([Buffer.concat(parts), encodeAttribute(stunAttributes.fingerprint, value)]);
}

/** Reads a message; undefined when it is none, or damaged. */
export function decodeStun(bytes: Buffer): StunMessage | undefined {
  if (bytes.length < headerBytes || bytes.length > mostBytes || bytes.readUInt32BE(4) !== magicCookie) return undefined;
  const type = bytes.readUInt16BE(0);
  if (type >= 0x4000 || bytes.readUInt16BE(2) !== bytes.length - headerBytes) return undefined;
  const attributes = new Map<number, Buffer>();
  for (let at = headerBytes; at < bytes.length;) {
    if (at + attributeHeaderBytes > bytes.length) return undefined;
    const [kind, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)];
    const start = at + attributeHeaderBytes;
    if (start + padded(length) > bytes.length) return undefined;
    if (kind === stunAttributes.fingerprint && !isFingerprint(bytes, at)) return undefined;
    if (!attributes.has(kind)) attributes.set(kind, bytes.subarray(start, start + length));
    at = start + padded(length);
  }
  return { type, transaction: bytes.subarray(8, headerBytes), attributes };
}

/** Whether a message's MESSAGE-INTEGRITY was made with this key (RFC 8489 section 14.5). */
export function hasIntegrity(bytes: Buffer, key: Buffer): boolean {
  for (let at = headerBytes; at + attributeHeaderBytes <= bytes.length;) {
    const [kind, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)];
    const end = at + attributeHeaderBytes + length;
    if (kind === stunAttributes.messageIntegrity && length === integrityBytes && end <= bytes.length) {
      const covered = Buffer.from(bytes.subarray(0, at));
      covered.writeUInt16BE(end - headerBytes, 2);
      const expected = createHmac("sha1", key).update(covered).digest();
      return timingSafeEqual(expected, bytes.subarray(end - integrityBytes, end));
    }
    at += attributeHeaderBytes + padded(length);
  }
  return false;
}

/** Key of long-term credentials (RFC 8489 section 9.2.2). */
export const longTermKey = (username: string, realm: string, password: string): Buffer =>
  createHash("md5").update(`${username}:${realm}:${password}`).digest();

/** Writes an address as XOR-…-ADDRESS does (RFC 8489 section 14.2). */
export function encodeXorAddress({ address, port }: Endpoint, transaction: Buffer): Buffer {
  const ip = addressBytes(address);
  const value = Buffer.alloc(4 + ip.length);
  value.writeUInt8(ip.length === 4 ? 1 : 2, 1);
  value.writeUInt16BE(port ^ (magicCookie >>> 16), 2);
  xorWith(ip, transaction).copy(value, 4);
  return value;
}

/** Reads an address attribute; `transaction` for those that are XORed. Undefined when it is malformed. */
export function decodeAddress(value: Buffer | undefined, transaction?: Buffer): Endpoint | undefined {
  if (value === undefined || value.length < 8) return undefined;
  const family = value.readUInt8(1);
  if (!(family === 1 && value.length === 8) && !(family === 2 && value.length === 20)) return undefined;
  const [port, ip] = [value.readUInt16BE(2), value.subarray(4)];
  if (transaction === undefined) return { address: formatAddress(ip), port };
  return { address: formatAddress(xorWith(ip, transaction)), port: port ^ (magicCookie >>> 16) };
}

/** Number of an error response, for example 401; undefined when there is none. */
export function errorCodeOf({ attributes, type }: StunMessage): number | undefined {
  const value = attributes.get(stunAttributes.errorCode);
  if (!isResponse(type) || value === undefined || value.length < 4) return undefined;
  return (value.readUInt8(2) & 0x07) * 100 + value.readUInt8(3);
}

function encodeAttribute(kind: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(attributeHeaderBytes + padded(value.length));
  bytes.writeUInt16BE(kind, 0);
  bytes.writeUInt16BE(value.length, 2);
  value.copy(bytes, attributeHeaderBytes);
  return bytes;
}

function isFingerprint(bytes: Buffer, at: number): boolean {
  if (bytes.length - at !== attributeHeaderBytes + 4) return false;
  return bytes.readUInt32BE(at + attributeHeaderBytes) === (crc32(bytes.subarray(0, at)) ^ fingerprintMask) >>> 0;
}

function xorWith(ip: Buffer, transaction: Buffer): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(magicCookie, 0);
  transaction.copy(mask, 4);
  return Buffer.from(ip.map((byte, index) => byte ^ (mask[index] ?? 0)));
}

/** Bytes of an address in the usual notation: four, or sixteen. */
function addressBytes(address: string): Buffer {
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.split("::");
  const groups = (text: string): number[] => text.split(":").filter(Boolean).flatMap(groupBytes);
  const [front, back] = [groups(head), groups(tail ?? "")];
  return Buffer.from([...front, ...Array<number>(Math.max(0, 16 - front.length - back.length)).fill(0), ...back]);
}

/** Two bytes of `db8`, four of `192.0.2.1`. */
function groupBytes(group: string): number[] {
  if (group.includes(".")) return group.split(".").map(Number);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

function formatAddress(ip: Buffer): string {
  if (ip.length === 4) return ip.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ip.readUInt16BE(index * 2).toString(16));
  // The URL parser shortens it as RFC 5952 says.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

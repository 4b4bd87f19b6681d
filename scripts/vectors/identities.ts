import { importSigner, type Signer } from "@parley/core";
import { fromBase64url, toBase64url } from "@parley/protocol";

/** 2026-01-01T00:00:00Z. */
export const vectorTime = Date.UTC(2026, 0, 1);
const yearMs = 365 * 86_400_000;
export const vectorExpiry = vectorTime + yearMs;

/** PKCS #8 before the 32 bytes of a private key (RFC 8410 section 7). */
const pkcs8Heads = { ed25519: "302e020100300506032b657004220420", x25519: "302e020100300506032b656e04220420" } as const;

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** A seed of one repeated byte: short to read, never a key for anything. */
export const seedOf = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(byte);

/** A fixed private key as PKCS #8 in base64url. */
export function fixedKey(kind: keyof typeof pkcs8Heads, seed: Uint8Array): string {
  return toBase64url(Buffer.concat([Buffer.from(pkcs8Heads[kind], "hex"), seed]));
}

/** Fixed bytes in base64url. */
export const fixedId = (length: 8 | 16 | 32, byte: number): string => toBase64url(new Uint8Array(length).fill(byte));

export interface FixedSigner extends Signer {
  readonly owner: "member" | "device" | "node" | "token";
  readonly seed: string;
}

async function fixedSigner(owner: FixedSigner["owner"], byte: number): Promise<FixedSigner> {
  const seed = seedOf(byte);
  return { ...(await importSigner(owner, fixedKey("ed25519", seed))), owner, seed: hexOf(seed) };
}

/** Everybody who signs in the vectors. */
export async function fixedSigners(): Promise<{
  readonly operator: FixedSigner;
  readonly second: FixedSigner;
  readonly member: FixedSigner;
  readonly rotated: FixedSigner;
  readonly device: FixedSigner;
  readonly node: FixedSigner;
  readonly token: FixedSigner;
}> {
  return {
    operator: await fixedSigner("member", 1),
    second: await fixedSigner("member", 2),
    member: await fixedSigner("member", 3),
    rotated: await fixedSigner("member", 4),
    device: await fixedSigner("device", 5),
    node: await fixedSigner("node", 6),
    token: await fixedSigner("token", 7),
  };
}

export type FixedSigners = Awaited<ReturnType<typeof fixedSigners>>;

/** Bytes of an id, for laying out invalid frames by hand. */
export const bytesOf = (id: string): Uint8Array => fromBase64url(id) ?? new Uint8Array();

/** Sealing and opening of the parts of one piece of content, as `@parley/protocol` (`blob.ts`) describes it. */
import { sha256 } from "@noble/hashes/sha2.js";
import {
  blobContentBytes,
  blobPartCount,
  blobPartHeader,
  type BlobRef,
  fromBase64url,
  ParleyError,
  toBase64url,
} from "@parley/protocol";

type Bytes = Uint8Array<ArrayBuffer>;

const keyBits = 256;
const nonceBytes = 12;
const encoder = new TextEncoder();

/** SHA-256 of content that comes piece by piece, which WebCrypto does not do. */
export class ContentHash {
  readonly #hash = sha256.create();

  update(bytes: Bytes): void {
    this.#hash.update(bytes);
  }

  /** In base64url. Nothing can be added afterwards. */
  digest(): string {
    return toBase64url(this.#hash.digest());
  }
}

/** SHA-256 in lower-case hex: the name of a part. */
export async function hexHash(bytes: Bytes): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The key of one piece of content, in base64url: HKDF (RFC 5869) of the device's secret with the content's hash. The same
 * content gives the same key and so the same parts, which is how an upload goes on after a restart; nobody without the
 * secret can tell from the parts what the content is. Everything that the sealing depends on is in the label: two
 * different plaintexts never meet under one key and nonce.
 */
export async function contentKey(secret: Bytes, mesh: string, contentHash: string, size: number): Promise<string> {
  const input = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const salt = fromBase64url(contentHash) ?? new Uint8Array();
  const info = encoder.encode(`parley-blob-v1:${mesh}:${size}:${blobContentBytes}`);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, input, keyBits);
  return toBase64url(new Uint8Array(bits));
}

export class PartSealer {
  readonly #key: CryptoKey;
  readonly #mesh: string;
  readonly #size: number;
  readonly #count: number;

  private constructor(key: CryptoKey, mesh: string, size: number) {
    this.#key = key;
    this.#mesh = mesh;
    this.#size = size;
    this.#count = blobPartCount(size);
  }

  static async create(mesh: string, { key, size }: Pick<BlobRef, "key" | "size">): Promise<PartSealer> {
    const raw = fromBase64url(key) ?? new Uint8Array();
    const imported = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
    return new PartSealer(imported, mesh, size);
  }

  get count(): number {
    return this.#count;
  }

  async seal(part: number, content: Bytes): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.encrypt(this.#parameters(part), this.#key, content));
  }

  /** Throws `cannot_open` when it is not this part of this content. */
  async open(part: number, sealed: Bytes): Promise<Bytes> {
    try {
      return new Uint8Array(await crypto.subtle.decrypt(this.#parameters(part), this.#key, sealed));
    } catch (cause) {
      throw new ParleyError("cannot_open", {
        message: `Part ${part + 1} of ${this.#count} does not open with the attachment's key; nothing of it was kept.`,
        cause,
      });
    }
  }

  #parameters(part: number): AesGcmParams {
    const iv = new Uint8Array(nonceBytes);
    new DataView(iv.buffer).setUint32(nonceBytes - 4, part);
    return { name: "AES-GCM", iv, additionalData: blobPartHeader(this.#mesh, this.#count, part, this.#size) };
  }
}

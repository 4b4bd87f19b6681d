/**
 * WebCrypto for the simulation: the same calls, answered at once, without a thread and without strength. A signature is
 * a hash over the public key and the bytes, so a wrong one still fails; sealed bytes carry a tag, so changed ones do
 * not open, but their content can be read, which the checker uses. Never for anything else.
 */
import { hash } from "node:crypto";

import type { Random } from "@parley/core";

type KeyType = "public" | "private" | "secret";
type Source = ArrayBuffer | ArrayBufferView;
type Named = string | { readonly name: string };

const bytesOf = (source: Source): Uint8Array =>
  source instanceof ArrayBuffer
    ? new Uint8Array(source)
    : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
const nameOf = (algorithm: Named): string => (typeof algorithm === "string" ? algorithm : algorithm.name);
const encoder = new TextEncoder();

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** SHA-256, in the calling thread. */
function digestOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const digest = hash("sha256", bytes, "buffer");
  const copy = new Uint8Array(digest.length);
  copy.set(digest);
  return copy;
}

const publicLabel = encoder.encode("public");
const signLabel = encoder.encode("sign");
const sharedLabel = encoder.encode("shared");

class FakeKey {
  readonly type: KeyType;
  readonly extractable: boolean;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
  /** The seed of a private key, the raw public or secret bytes. */
  readonly material: Uint8Array;
  readonly publicBytes: Uint8Array;

  constructor(type: KeyType, name: string, material: Uint8Array, usages: readonly string[], extractable: boolean) {
    this.type = type;
    this.algorithm = { name };
    this.material = material.slice();
    this.usages = usages;
    this.extractable = extractable;
    this.publicBytes = type === "private" ? digestOf(joined([publicLabel, material])) : this.material;
  }

  get [Symbol.toStringTag](): string {
    return "CryptoKey";
  }
}

const seedBytes = 32;
/** RFC 8410 wraps a seed into 16 bytes of DER; which ones matters to nobody here. */
const pkcs8Head = 16;
const tagBytes = 16;

/** The calls of SubtleCrypto that Parley makes; keys come from the seeded generator. */
class FakeSubtle {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async generateKey(algorithm: Named, extractable: boolean, usages: readonly string[]): Promise<unknown> {
    const name = nameOf(algorithm);
    const seed = this.#random.bytes(seedBytes);
    if (name !== "Ed25519" && name !== "X25519") return new FakeKey("secret", name, seed, usages, extractable);
    const privateKey = new FakeKey("private", name, seed, usages, extractable);
    return { privateKey, publicKey: new FakeKey("public", name, privateKey.publicBytes, usages, true) };
  }

  async importKey(
    format: string,
    data: Source | JsonWebKey,
    algorithm: Named,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<FakeKey> {
    const name = nameOf(algorithm);
    const isPair = name === "Ed25519" || name === "X25519";
    if (format === "pkcs8")
      return new FakeKey("private", name, bytesOf(data as Source).subarray(pkcs8Head), usages, extractable);
    if (format === "jwk") throw new DOMException("not supported here", "NotSupportedError");
    const raw = bytesOf(data as Source);
    if (isPair && raw.length !== seedBytes) throw new DOMException("a key of another length", "DataError");
    return new FakeKey(isPair ? "public" : "secret", name, raw, usages, extractable);
  }

  async exportKey(format: string, key: FakeKey): Promise<unknown> {
    if (format === "raw") return key.publicBytes.slice().buffer;
    if (format === "pkcs8") return joined([new Uint8Array(pkcs8Head), key.material]).buffer;
    return { kty: "OKP", x: Buffer.from(key.publicBytes).toString("base64url") };
  }

  async digest(_algorithm: Named, data: Source): Promise<ArrayBuffer> {
    return digestOf(bytesOf(data)).buffer;
  }

  async sign(algorithm: Named, key: FakeKey, data: Source): Promise<ArrayBuffer> {
    const mac = digestOf(joined([signLabel, key.publicBytes, bytesOf(data)]));
    if (nameOf(algorithm) === "HMAC") return mac.buffer;
    return joined([mac, mac]).buffer as ArrayBuffer;
  }

  async verify(algorithm: Named, key: FakeKey, signature: Source, data: Source): Promise<boolean> {
    const expected = new Uint8Array(await this.sign(algorithm, key, data));
    return Buffer.compare(expected, bytesOf(signature)) === 0;
  }

  /** Both sides come to the same bytes: the hash of both public keys, in order. */
  async deriveBits(algorithm: { readonly public?: FakeKey }, key: FakeKey, length = 256): Promise<ArrayBuffer> {
    const other = algorithm.public?.publicBytes ?? new Uint8Array();
    const pair = [key.publicBytes, other].toSorted((left, right) => Buffer.compare(left, right));
    return digestOf(joined([sharedLabel, ...pair])).slice(0, length / 8).buffer;
  }

  async encrypt(algorithm: AesGcmParams, key: FakeKey, data: Source): Promise<ArrayBuffer> {
    const plain = bytesOf(data);
    return joined([plain, tagOf(algorithm, key, plain)]).buffer as ArrayBuffer;
  }

  async decrypt(algorithm: AesGcmParams, key: FakeKey, data: Source): Promise<ArrayBuffer> {
    const sealed = bytesOf(data);
    const plain = sealed.slice(0, Math.max(0, sealed.length - tagBytes));
    const tag = sealed.subarray(plain.length);
    if (Buffer.compare(tag, tagOf(algorithm, key, plain)) !== 0)
      throw new DOMException("the tag does not match", "OperationError");
    return plain.buffer;
  }
}

interface AesGcmParams {
  readonly iv: Source;
  readonly additionalData?: Source;
}

function tagOf({ iv, additionalData }: AesGcmParams, key: FakeKey, plain: Uint8Array): Uint8Array {
  const associated = additionalData === undefined ? new Uint8Array() : bytesOf(additionalData);
  return digestOf(joined([key.material, bytesOf(iv), associated, plain])).subarray(0, tagBytes);
}

/** What `FakeSubtle` sealed, as it was before. */
export function unsealed(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(0, Math.max(0, sealed.length - tagBytes));
}

/** Puts the fake in the place of WebCrypto for the rest of this process. */
export function installFakeCrypto(random: Random): void {
  const subtle = new FakeSubtle(random);
  const getRandomValues = (array: Uint8Array): Uint8Array => {
    array.set(random.bytes(array.length));
    return array;
  };
  Object.defineProperty(globalThis, "crypto", { value: { subtle, getRandomValues }, configurable: true });
}

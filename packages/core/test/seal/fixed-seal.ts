import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

export const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Bytes of hexadecimal text. */
export const fromHex = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, "hex"));

/** A private X25519 key of 32 raw bytes, with its public half. */
export async function x25519Pair(secret: Uint8Array): Promise<CryptoKeyPair> {
  const pkcs8 = fromHex(`302e020100300506032b656e04220420${Buffer.from(secret).toString("hex")}`);
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "X25519" }, true, ["deriveBits"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", privateKey);
  const publicKey = await suite.kem.deserializePublicKey(new Uint8Array(Buffer.from(x, "base64url")));
  return { privateKey, publicKey };
}

export interface FixedSeal {
  readonly mesh: string;
  readonly fromMember: string;
  readonly fromDevice: string;
  readonly toMember: string;
  readonly recipient: CryptoKeyPair;
  /** The ephemeral pair, which the product draws anew for every context. */
  readonly ephemeral: CryptoKeyPair;
}

/** What docs/protocol.md says about sealing, written a second time and with a fixed ephemeral key. */
export async function fixedFrameKey(
  seal: FixedSeal,
): Promise<{ readonly encapsulated: Uint8Array; readonly key: Uint8Array<ArrayBuffer> }> {
  const { mesh, fromMember, fromDevice, toMember, recipient, ephemeral } = seal;
  const sender = await suite.createSenderContext({
    recipientPublicKey: recipient.publicKey,
    info: utf8(`parley seal v1:${mesh}:${fromMember}:${fromDevice}:${toMember}`),
    ekm: ephemeral,
  });
  return {
    encapsulated: new Uint8Array(sender.enc),
    key: new Uint8Array(await sender.export(utf8("parley frame key v1"), 32)),
  };
}

/** Encrypts a frame's content with its header as associated data. */
export async function sealContent(
  raw: Uint8Array<ArrayBuffer>,
  counter: number,
  header: Uint8Array<ArrayBuffer>,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setBigUint64(4, BigInt(counter));
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: header }, key, content));
}

/** What the signature covers, by the document. */
export async function coveredBytes(
  mesh: string,
  header: Uint8Array,
  sealed: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", sealed));
  return new Uint8Array(Buffer.concat([utf8("parley frame v1\0"), Buffer.from(mesh, "base64url"), header, hash]));
}

/**
 * What is sealed of a task on the board. Its input is encrypted once under a content key, and that key is sealed to the members
 * that may work on it and to the asker; the result is sealed to the asker. One HPKE context per recipient key and process.
 */
import { type BoardResult, type BoardWrap, fromBase64url, ParleyError, toBase64url } from "@parley/protocol";

import type { Random } from "../ports/clock.ts";
import { type EncryptionKey, frameNonce, type SealContext, setUpRecipient, setUpSender } from "../seal/hpke.ts";

/** Whom something is sealed to: the member's current encryption key, verified. */
export interface BoardRecipient {
  readonly member: string;
  readonly encryption: { readonly kid: string; readonly key: string };
}

export interface BoardSealerOptions {
  readonly mesh: string;
  /** Own member and device. */
  readonly member: string;
  readonly device: string;
  readonly random: Random;
  /** The private key of a key id. */
  readonly keyOf: (kid: string) => EncryptionKey | Promise<EncryptionKey | undefined> | undefined;
}

interface Context {
  readonly encapsulated: string;
  readonly key: CryptoKey;
  counter: number;
}

type Sealed = Pick<BoardResult, "kid" | "encapsulated" | "counter" | "sealed">;

const mostContexts = 1024;
const keyBytes = 32;
const nonceBytes = 12;
const encoder = new TextEncoder();
/** Keeps what is sealed here from ever opening as a frame, and each sort from opening as the other. */
const use = "parley board v1";

export class BoardSealer {
  readonly #options: BoardSealerOptions;
  readonly #senders = new Map<string, Promise<Context>>();
  readonly #recipients = new Map<string, Promise<CryptoKey>>();

  constructor(options: BoardSealerOptions) {
    this.#options = options;
  }

  /** A new content key. */
  contentKey(): Uint8Array<ArrayBuffer> {
    return this.#options.random.bytes(keyBytes);
  }

  /** Encrypts an input, base64url: a nonce, and AES-256-GCM bound to the task and its skill. */
  async sealInput(
    content: Uint8Array<ArrayBuffer>,
    contentKey: Uint8Array<ArrayBuffer>,
    task: string,
    skill: string,
  ): Promise<string> {
    const nonce = this.#options.random.bytes(nonceBytes);
    const key = await aesKey(contentKey, "encrypt");
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: this.#inputData(task, skill) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, content));
    const both = new Uint8Array(nonceBytes + sealed.length);
    both.set(nonce);
    both.set(sealed, nonceBytes);
    return toBase64url(both);
  }

  /** Throws `cannot_open`. */
  async openInput(
    input: string,
    contentKey: Uint8Array<ArrayBuffer>,
    task: string,
    skill: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = fromBase64url(input) ?? new Uint8Array();
    try {
      const key = await aesKey(contentKey, "decrypt");
      const algorithm = {
        name: "AES-GCM",
        iv: bytes.subarray(0, nonceBytes),
        additionalData: this.#inputData(task, skill),
      };
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, bytes.subarray(nonceBytes)));
    } catch (cause) {
      throw new ParleyError("cannot_open", { message: "The input of a task on the board cannot be opened.", cause });
    }
  }

  /** Seals a content key. */
  async wrap(contentKey: Uint8Array<ArrayBuffer>, to: BoardRecipient): Promise<BoardWrap> {
    return { member: to.member, by: this.#options.device, ...(await this.#seal(contentKey, to, "key")) };
  }

  /** Opens a content key that a device of this asker sealed. Throws `cannot_open`. */
  unwrap(wrap: BoardWrap, asker: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#open(wrap, { member: asker, device: wrap.by }, "key");
  }

  /** Seals a result to the asker. `task`: what it is of. */
  async sealResult(content: Uint8Array<ArrayBuffer>, to: BoardRecipient, task: string): Promise<BoardResult> {
    const { member, device } = this.#options;
    return { member, device, ...(await this.#seal(content, to, `result:${task}`)) };
  }

  /** Throws `cannot_open`. */
  openResult(result: BoardResult, task: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#open(result, result, `result:${task}`);
  }

  async #seal(content: Uint8Array<ArrayBuffer>, to: BoardRecipient, what: string): Promise<Sealed> {
    const context = await this.#sender(to);
    const counter = context.counter++;
    const algorithm = { name: "AES-GCM", iv: frameNonce(counter), additionalData: dataOf(what) };
    const sealed = toBase64url(new Uint8Array(await crypto.subtle.encrypt(algorithm, context.key, content)));
    return { kid: to.encryption.kid, encapsulated: context.encapsulated, counter, sealed };
  }

  async #open(
    { kid, encapsulated, counter, sealed }: Sealed,
    from: { readonly member: string; readonly device: string },
    what: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const key = await this.#recipient(kid, encapsulated, from);
    const bytes = fromBase64url(sealed) ?? new Uint8Array();
    try {
      const algorithm = { name: "AES-GCM", iv: frameNonce(counter), additionalData: dataOf(what) };
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, bytes));
    } catch (cause) {
      throw new ParleyError("cannot_open", { message: "Something sealed on the board cannot be opened.", cause });
    }
  }

  #sender(to: BoardRecipient): Promise<Context> {
    const name = `${to.member}:${to.encryption.kid}`;
    return remembered(this.#senders, name, async () => {
      const { mesh, member, device } = this.#options;
      const between: SealContext = { mesh, fromMember: member, fromDevice: device, toMember: to.member, use };
      const { encapsulated, key } = await setUpSender(between, to.encryption.key);
      return { encapsulated: toBase64url(encapsulated), key, counter: 0 };
    });
  }

  #recipient(
    kid: string,
    encapsulated: string,
    from: { readonly member: string; readonly device: string },
  ): Promise<CryptoKey> {
    return remembered(this.#recipients, `${from.member}:${from.device}:${kid}:${encapsulated}`, async () => {
      const { mesh, member, keyOf } = this.#options;
      const own = await keyOf(kid);
      if (own === undefined) throw new ParleyError("cannot_open");
      const between: SealContext = { mesh, fromMember: from.member, fromDevice: from.device, toMember: member, use };
      return setUpRecipient(between, own, fromBase64url(encapsulated) ?? new Uint8Array());
    });
  }

  #inputData(task: string, skill: string): Uint8Array<ArrayBuffer> {
    const { mesh } = this.#options;
    return encoder.encode(`${use} input:${mesh}:${task}:${skill}`);
  }
}

const dataOf = (what: string): Uint8Array<ArrayBuffer> => encoder.encode(`${use} ${what}`);

function aesKey(raw: Uint8Array<ArrayBuffer>, usage: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", raw, "AES-GCM", false, [usage]);
}

/** Bounded; what failed is made anew the next time. */
function remembered<Value>(
  known: Map<string, Promise<Value>>,
  name: string,
  make: () => Promise<Value>,
): Promise<Value> {
  const before = known.get(name);
  if (before !== undefined) return before;
  const made = make();
  made.catch(() => known.delete(name));
  if (known.size >= mostContexts) known.delete(known.keys().next().value ?? "");
  known.set(name, made);
  return made;
}

/** Seals frames to members: one HPKE context per recipient key and process, one signature per frame. */
import { encodeRoutedHeader, joinRoutedFrame, suiteId, toBase64url } from "@parley/protocol";

import type { Random } from "../ports/clock.ts";
import { signBytes, type Signer } from "../trust/keys.ts";
import { frameNonce, type SealContext, setUpSender } from "./hpke.ts";
import { signedBytes } from "./signed-bytes.ts";

/** Contexts kept at once; the one set up first is forgotten first. */
const mostContexts = 1024;

export interface SealTo {
  readonly member: string;
  /** Undefined: any device of the member. */
  readonly device: string | undefined;
  /** The member's current encryption key, verified. */
  readonly encryption: { readonly kid: string; readonly key: string };
  /** Only for frames meant for one start of the device. */
  readonly boot: string | undefined;
  /** Keep in the mailbox. */
  readonly store: boolean;
  /** Milliseconds since 1970; 0 never. */
  readonly expires: number;
}

export interface SealedFrame {
  readonly frameId: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Context {
  readonly encapsulated: Uint8Array;
  readonly key: CryptoKey;
  counter: number;
}

export class FrameSealer {
  readonly #mesh: string;
  readonly #member: string;
  readonly #device: Signer;
  readonly #random: Random;
  readonly #contexts = new Map<string, Promise<Context>>();

  /** `device` signs; `member` is whose device it is. */
  constructor(options: { mesh: string; member: string; device: Signer; random: Random }) {
    this.#mesh = options.mesh;
    this.#member = options.member;
    this.#device = options.device;
    this.#random = options.random;
  }

  /** Seals one frame. The content is read before the first await: the caller may reuse its buffer at once. */
  async seal(frame: Uint8Array, to: SealTo): Promise<SealedFrame> {
    const content = frame.slice();
    const context = await this.#context(to);
    const counter = context.counter++;
    const frameId = toBase64url(this.#random.bytes(16));
    const header = encodeRoutedHeader({
      store: to.store,
      suite: suiteId,
      toMember: to.member,
      toDevice: to.device,
      fromMember: this.#member,
      fromDevice: this.#device.id,
      frameId,
      expires: to.expires,
      keyId: to.encryption.kid,
      bootNonce: to.boot,
      encapsulated: context.encapsulated,
      counter,
    });
    const sealed = new Uint8Array(
      await crypto.subtle.encrypt(
        { name: "AES-GCM", iv: frameNonce(counter), additionalData: header },
        context.key,
        content,
      ),
    );
    const signature = await signBytes(this.#device, await signedBytes(this.#mesh, header, sealed));
    return { frameId, bytes: joinRoutedFrame(header, signature, sealed) };
  }

  #context(to: SealTo): Promise<Context> {
    const name = `${to.member}:${to.encryption.kid}`;
    const known = this.#contexts.get(name);
    if (known !== undefined) return known;
    const between: SealContext = {
      mesh: this.#mesh,
      fromMember: this.#member,
      fromDevice: this.#device.id,
      toMember: to.member,
    };
    const made = setUpSender(between, to.encryption.key).then((context) => ({ ...context, counter: 1 }));
    made.catch(() => this.#contexts.delete(name));
    if (this.#contexts.size >= mostContexts) this.#contexts.delete(this.#contexts.keys().next().value ?? "");
    this.#contexts.set(name, made);
    return made;
  }
}

/** Opens routed frames: checks recipient, start, expiry, signature and replay, in this order, then decrypts. */
import { decodeRoutedFrame, limits, ParleyError, type RoutedFrame, signedPart, toBase64url } from "@parley/protocol";

import { verifyBytes } from "../trust/keys.ts";
import type { VerifiedMember } from "../trust/member.ts";
import { type EncryptionKey, frameNonce, setUpRecipient } from "./hpke.ts";
import { ReplayWindow } from "./replay-window.ts";
import { signedBytes } from "./signed-bytes.ts";

const mostSenders = 4096;
/** Contexts of one sending device: one for each of its starts and of the recipient's keys. A device can push out its own only. */
const mostContextsPerSender = 16;

export interface FrameOpenerOptions {
  readonly mesh: string;
  readonly member: string;
  readonly device: string;
  /** Boot nonce of this start. */
  readonly boot: string;
  /** The private key of a key id: the current one, one kept for frames still under way, or one that has yet to be fetched. */
  readonly encryptionKey: (kid: string) => EncryptionKey | undefined | Promise<EncryptionKey | undefined>;
  /** The verified record of a sender. */
  readonly sender: (member: string, device: string) => Promise<VerifiedMember>;
  /** Registry time, milliseconds since 1970. */
  readonly now: () => number;
}

export interface OpenedFrame {
  readonly sender: VerifiedMember;
  readonly device: string;
  readonly routed: RoutedFrame;
  readonly frame: Uint8Array;
}

interface Context {
  readonly key: Promise<CryptoKey>;
  readonly window: ReplayWindow;
}

const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>;

export class FrameOpener {
  readonly #options: FrameOpenerOptions;
  readonly #contexts = new Map<string, Map<string, Context>>();

  constructor(options: FrameOpenerOptions) {
    this.#options = options;
  }

  /** Throws a coded error for every frame that is not for us, not from whom it says, not now, or not for the first time. */
  async open(bytes: Uint8Array): Promise<OpenedFrame> {
    const routed = this.#addressed(bytes);
    const sender = await this.#options.sender(routed.fromMember, routed.fromDevice);
    const device = sender.devices.get(routed.fromDevice);
    if (sender.member !== routed.fromMember || device === undefined)
      throw new ParleyError("bad_signature", { message: "A frame comes from a device that its member does not list." });
    const signed = await signedBytes(this.#options.mesh, signedPart(bytes), owned(routed.content));
    if (!(await verifyBytes(device.key, owned(routed.signature), signed)))
      throw new ParleyError("bad_signature", { message: "The signature of a frame does not match." });
    const frame = await this.#decrypt(bytes, routed);
    return { sender, device: routed.fromDevice, routed, frame };
  }

  #addressed(bytes: Uint8Array): RoutedFrame {
    const routed = decodeRoutedFrame(bytes);
    if (!routed.ok) throw new ParleyError(routed.code, { message: routed.message });
    const { member, device, boot, now } = this.#options;
    const { toMember, toDevice, bootNonce, expires, store } = routed.value;
    if (toMember !== member || (toDevice !== undefined && toDevice !== device))
      throw new ParleyError("cannot_open", { message: "A frame is for somebody else." });
    if (bootNonce !== undefined && bootNonce !== boot)
      throw new ParleyError("replayed", { message: "A frame is meant for an earlier start of this device." });
    if (!store && bootNonce === undefined)
      throw new ParleyError("replayed", {
        message: "A frame that is not stored must name the start that it is meant for.",
      });
    if (expires !== 0 && expires + limits.clockSkewMs < now())
      throw new ParleyError("expired", { message: "A frame came after its expiry." });
    return routed.value;
  }

  async #decrypt(bytes: Uint8Array, routed: RoutedFrame): Promise<Uint8Array> {
    const context = this.#context(routed);
    // A stored frame may be handed out again until it is acknowledged; its stream drops what it has already.
    if (!routed.store && !context.window.take(routed.counter))
      throw new ParleyError("replayed", { message: "A frame was seen before." });
    const key = await context.key;
    try {
      const opened = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: frameNonce(routed.counter), additionalData: owned(signedPart(bytes)) },
        key,
        owned(routed.content),
      );
      return new Uint8Array(opened);
    } catch (cause) {
      throw new ParleyError("cannot_open", { cause });
    }
  }

  #context(routed: RoutedFrame): Context {
    const { mesh, encryptionKey } = this.#options;
    const contexts = this.#contextsOf(routed.fromDevice);
    const name = `${routed.keyId}:${toBase64url(routed.encapsulated)}`;
    const known = contexts.get(name);
    if (known !== undefined) return known;
    const between = { mesh, fromMember: routed.fromMember, fromDevice: routed.fromDevice, toMember: routed.toMember };
    const setUp = async (): Promise<CryptoKey> => {
      const own = await encryptionKey(routed.keyId);
      if (own === undefined) throw new ParleyError("cannot_open");
      return setUpRecipient(between, own, routed.encapsulated);
    };
    const context = { key: setUp(), window: new ReplayWindow() };
    context.key.catch(() => contexts.delete(name));
    if (contexts.size >= mostContextsPerSender) contexts.delete(contexts.keys().next().value ?? "");
    contexts.set(name, context);
    return context;
  }

  #contextsOf(device: string): Map<string, Context> {
    const known = this.#contexts.get(device);
    if (known !== undefined) return known;
    if (this.#contexts.size >= mostSenders) this.#contexts.delete(this.#contexts.keys().next().value ?? "");
    const contexts = new Map<string, Context>();
    this.#contexts.set(device, contexts);
    return contexts;
  }
}

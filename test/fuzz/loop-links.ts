import { randomBytes } from "node:crypto";

import type { Link, LinkCallbacks, LinkFactory, LinkOptions, LinkSignal } from "@parley/core";

/** Ends that wait for the other side, by the name in their offer. */
const offered = new Map<string, LoopLink>();

/** Links inside one process: what one end sends the other gets in a fresh task, and a test may say anything in its place. */
export class LoopLinks implements LinkFactory {
  readonly #links = new Set<LoopLink>();

  create(_options: LinkOptions, callbacks: LinkCallbacks): Link {
    const link = new LoopLink(callbacks);
    this.#links.add(link);
    return link;
  }

  /** Hands bytes to this side's open links as if the other end had sent them. False when none is open. */
  inject(bytes: Uint8Array): boolean {
    const open = [...this.#links].filter((link) => link.isOpen);
    for (const link of open) link.receive(bytes);
    for (const link of this.#links) if (link.isClosed) this.#links.delete(link);
    return open.length > 0;
  }

  close(): Promise<void> {
    for (const link of this.#links) link.close();
    return Promise.resolve();
  }
}

class LoopLink implements Link {
  readonly #callbacks: LinkCallbacks;
  readonly #fingerprint = randomBytes(32).toString("hex");
  readonly #name = randomBytes(8).toString("hex");
  #other: LoopLink | undefined;
  #closed = false;

  constructor(callbacks: LinkCallbacks) {
    this.#callbacks = callbacks;
  }

  readonly bufferedBytes = 0;

  get isOpen(): boolean {
    return this.#other !== undefined && !this.#closed;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get binding(): { readonly local: string; readonly remote: string } | undefined {
    return this.#other === undefined ? undefined : { local: this.#fingerprint, remote: this.#other.#fingerprint };
  }

  offer(): void {
    offered.set(this.#name, this);
    this.#callbacks.onSignal({ type: "offer", sdp: this.#name });
  }

  signal(signal: LinkSignal): void {
    if (signal.type !== "offer" || this.#other !== undefined) return;
    const other = offered.get(signal.sdp);
    offered.delete(signal.sdp);
    if (other === undefined) return;
    this.#callbacks.onSignal({ type: "answer", sdp: this.#name });
    this.#other = other;
    other.#other = this;
    for (const side of [this, other]) setImmediate(() => side.#callbacks.onOpen());
  }

  send(bytes: Uint8Array): boolean {
    const copy = bytes.slice();
    const other = this.#other;
    if (this.isOpen) setImmediate(() => other === undefined || other.receive(copy));
    return true;
  }

  receive(bytes: Uint8Array): void {
    if (!this.#closed) this.#callbacks.onMessage(bytes);
  }

  route(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): void {
    this.#end("closed");
    if (this.#other !== undefined) this.#other.#end("remote-closed");
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    offered.delete(this.#name);
    setImmediate(() => this.#callbacks.onClosed(reason));
  }
}

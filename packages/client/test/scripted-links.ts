import type { Link, LinkCallbacks, LinkFactory, LinkOptions, LinkPath, LinkRoute, LinkSignal } from "@parley/core";
import { FrameWriter } from "@parley/protocol";

/** A link whose other side is the test. */
export class ScriptedLink implements Link {
  readonly options: LinkOptions;
  readonly callbacks: LinkCallbacks;
  readonly sent: Uint8Array[] = [];
  readonly bufferedBytes = 0;
  readonly binding = { local: "a", remote: "b" };
  path: LinkPath = "direct";
  isOpen = false;
  offered = false;

  constructor(options: LinkOptions, callbacks: LinkCallbacks) {
    this.options = options;
    this.callbacks = callbacks;
  }

  offer(): void {
    this.offered = true;
    this.callbacks.onSignal({ type: "offer", sdp: "offer" });
  }

  signal(signal: LinkSignal): void {
    if (signal.type === "offer") this.callbacks.onSignal({ type: "answer", sdp: "answer" });
  }

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes.slice());
    return true;
  }

  route(): Promise<LinkRoute> {
    return Promise.resolve({ path: this.path, local: "host udp 192.0.2.1:1", remote: "host udp 192.0.2.2:2" });
  }

  close(): void {
    this.isOpen = false;
    queueMicrotask(() => this.callbacks.onClosed("closed"));
  }

  /** The channel opens by a path, and the other side says its hello if this one said its own. */
  async open(path: LinkPath): Promise<void> {
    this.path = path;
    this.isOpen = true;
    this.callbacks.onOpen();
    await turns();
    if (this.sent.length === 0) return;
    this.hello();
    await turns();
  }

  /** ICE moves to another pair. */
  moveTo(path: LinkPath): void {
    this.path = path;
    this.callbacks.onRoute?.({ path, local: "", remote: "" });
  }

  hello(): void {
    const writer = new FrameWriter();
    writer.hello("a.b.c");
    this.callbacks.onMessage(writer.finish().slice());
  }
}

/** Makes scripted links and keeps them. */
export class ScriptedLinks implements LinkFactory {
  readonly links: ScriptedLink[] = [];

  create(options: LinkOptions, callbacks: LinkCallbacks): ScriptedLink {
    const link = new ScriptedLink(options, callbacks);
    this.links.push(link);
    return link;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The newest link. */
  get newest(): ScriptedLink {
    const link = this.links.at(-1);
    if (link === undefined) throw new Error("no link was made");
    return link;
  }
}

/** Long enough for promises to settle. */
export const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A WebSocket between a device and the node: two wires, a close that each side hears of in its own time, or never. */
import type { SocketLike } from "@parley/client";
import type { Session, SessionSocket } from "@parley/registry";
import type { SeededRandom } from "@parley/testkit";

import type { Machine } from "./machine.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import { Wire } from "./wire.ts";

/** WebSocket closed without a close frame (RFC 6455, section 7.1.5). */
const abnormal = 1006;
const closeTimeoutMs = 30_000;
const frameHeadBytes = 8;

export interface ConnectionOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly device: Life;
  readonly node: Life;
  readonly deviceMachine: Machine;
  readonly nodeMachine: Machine;
  readonly delay: () => number;
  /** Buffers are counted as this many times as large, so that small messages fill them. */
  readonly bufferScale: number;
  readonly onText: (text: string, toDevice: boolean) => void;
  /** A text of the node is with the device. */
  readonly onHeard: (text: string) => void;
}

type Side = "device" | "node";
const otherSide = { device: "node", node: "device" } as const;

/** The side of the device: what the platform's WebSocket would be. */
class DeviceSocket implements SocketLike {
  readonly #connection: Connection;
  readonly #onMessage: ((event: { readonly data: unknown }) => void)[] = [];
  readonly #onClose: ((event: { readonly code: number }) => void)[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get bufferedAmount(): number {
    return this.#connection.buffered("device");
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.#connection.fromDevice(data);
  }

  close(code = 1005): void {
    this.#connection.closeFrom("device", code);
  }

  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
  addEventListener(type: string, listener: (event: never) => void): void {
    if (type === "message") this.#onMessage.push(listener as (event: { readonly data: unknown }) => void);
    if (type === "close") this.#onClose.push(listener as (event: { readonly code: number }) => void);
  }

  message(data: unknown): void {
    for (const tell of this.#onMessage) tell({ data });
  }

  closed(code: number): void {
    for (const tell of this.#onClose) tell({ code });
  }
}

/** The side of the node. */
class NodeSocket implements SessionSocket {
  readonly address = "192.0.2.1";
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get bufferedBytes(): number {
    return this.#connection.buffered("node");
  }

  sendText(text: string): void {
    this.#connection.fromNode(text);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#connection.fromNode(bytes);
  }

  ping(): void {
    this.#connection.ping();
  }

  pause(): void {
    this.#connection.up.pause();
  }

  resume(): void {
    this.#connection.up.resume();
  }

  onceDrained(run: () => void): void {
    this.#connection.down.onceDrained(run);
  }

  close(code: number): void {
    this.#connection.closeFrom("node", code);
  }

  terminate(): void {
    this.#connection.cutOff("node");
  }
}

export class Connection {
  readonly socket: DeviceSocket;
  readonly nodeSocket: NodeSocket;
  readonly up: Wire;
  readonly down: Wire;
  readonly #options: ConnectionOptions;
  /** A side that is gone hears and says nothing more. */
  readonly #over = { device: false, node: false };
  readonly #resetting = { device: false, node: false };
  #session: Session | undefined;
  /** The device reads as through a straw. */
  isSlow = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.socket = new DeviceSocket(this);
    this.nodeSocket = new NodeSocket(this);
    const { scheduler, device, node, deviceMachine: own, nodeMachine: far, delay } = options;
    this.up = new Wire({ scheduler, to: node, delay, isCut: () => own.outCut || far.inCut });
    this.down = new Wire({
      scheduler,
      to: device,
      delay: () => (this.isSlow ? 40 * delay() : delay()),
      isCut: () => own.inCut || far.outCut,
    });
  }

  get device(): Life {
    return this.#options.device;
  }

  get node(): Life {
    return this.#options.node;
  }

  get isOver(): boolean {
    return this.#over.device && this.#over.node;
  }

  get isOpen(): boolean {
    return !this.#over.device && !this.#over.node && this.#session !== undefined;
  }

  /** The node takes it: the session that it makes hears what comes. */
  accepted(accept: (socket: SessionSocket) => Session): void {
    if (this.#over.device || this.#over.node) return;
    this.#session = accept(this.nodeSocket);
  }

  /** Nobody answers. */
  refuse(): void {
    this.#over.node = true;
    this.#end("device", abnormal);
  }

  buffered(side: Side): number {
    return (side === "device" ? this.up : this.down).bufferedBytes * this.#options.bufferScale;
  }

  fromDevice(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#over.device) return;
    if (this.#over.node) return this.#reset("device");
    if (typeof data === "string") {
      this.#options.onText(data, false);
      this.up.send("up.text", data.length + frameHeadBytes, () => this.#session?.onText(data));
    } else {
      const copy = data.slice();
      this.up.send("up.frame", copy.length + frameHeadBytes, () => this.#session?.onBytes(copy));
    }
  }

  fromNode(data: string | Uint8Array): void {
    if (this.#over.node) return;
    if (this.#over.device) return this.#reset("node");
    if (typeof data === "string") {
      this.#options.onText(data, true);
      this.down.send("down.text", data.length + frameHeadBytes, () => {
        this.#options.onHeard(data);
        this.socket.message(data);
      });
    } else {
      const copy = data.slice();
      this.down.send("down.frame", copy.length + frameHeadBytes, () => this.socket.message(copy.buffer));
    }
  }

  ping(): void {
    if (this.#over.node) return;
    if (this.#over.device) return this.#reset("node");
    this.down.send("down.ping", frameHeadBytes, () =>
      this.up.send("up.pong", frameHeadBytes, () => this.#session?.onPong()),
    );
  }

  /** A close frame: the other side hears it behind everything that was sent before. */
  closeFrom(side: Side, code: number): void {
    if (this.#over[side]) return;
    const { scheduler } = this.#options;
    const wire = side === "device" ? this.up : this.down;
    const other = otherSide[side];
    if (this.#over[other]) this.#later(side, 1, () => this.#end(side, abnormal));
    else {
      wire.send(`${side}.close`, frameHeadBytes, () => {
        this.#end(other, code);
        this.#later(side, this.#options.delay(), () => this.#end(side, code));
      });
      // A side that waits in vain for the other's close gives up.
      const life = side === "device" ? this.device : this.node;
      scheduler.in(closeTimeoutMs, life, "close.timeout", () => this.#end(side, abnormal));
    }
  }

  /** One side drops the connection: the other hears of it soon if it can, else when it next sends. */
  cutOff(side: Side): void {
    this.#end(side, abnormal);
    this.#reset(otherSide[side]);
  }

  /** The network between drops it for both. What is under way is lost. */
  breakDown(): void {
    this.up.end();
    this.down.end();
    for (const side of ["device", "node"] as const)
      this.#later(side, this.#options.random.below(2000), () => this.#end(side, abnormal));
  }

  /** A process is gone. Silently: nothing tells the other side, until it sends and its packets are refused. */
  lost(side: Side, silently: boolean): void {
    if (this.#over[side]) return;
    this.#over[side] = true;
    (side === "device" ? this.down : this.up).end();
    const other = otherSide[side];
    if (silently) return;
    const wire = side === "device" ? this.up : this.down;
    // What had left before still arrives.
    wire.send("gone", 0, () => this.#end(other, abnormal));
  }

  /** Looks again whether anything can move. */
  look(): void {
    this.up.look();
    this.down.look();
  }

  #reset(side: Side): void {
    if (this.#over[side] || this.#resetting[side]) return;
    this.#resetting[side] = true;
    this.#later(side, 1 + this.#options.random.below(3000), () => {
      this.#resetting[side] = false;
      const { deviceMachine: own, nodeMachine: far } = this.#options;
      if (own.inCut || own.outCut || far.inCut || far.outCut) return this.#reset(side);
      this.#end(side, abnormal);
    });
  }

  #later(side: Side, delayMs: number, run: () => void): void {
    this.#options.scheduler.in(delayMs, side === "device" ? this.device : this.node, `${side}.end`, run);
  }

  #end(side: Side, code: number): void {
    if (this.#over[side]) return;
    this.#over[side] = true;
    if (side === "device") {
      this.down.end();
      this.socket.closed(code);
    } else {
      this.up.end();
      this.#session?.onClosed();
    }
  }
}

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

import type { LinkCallbacks, LinkSignal } from "@parley/core";

const loopback = "127.0.0.1";

/** Stands on the way of datagrams: keeps them, both ways, and passes them on. */
export class DatagramTap implements AsyncDisposable {
  readonly datagrams: Buffer[] = [];
  readonly #sockets: Socket[] = [];
  readonly #stands = new Map<number, Promise<number>>();

  /** A port that stands for another one of the loopback. */
  portFor(port: number): Promise<number> {
    const known = this.#stands.get(port);
    if (known !== undefined) return known;
    const made = this.#standFor(port);
    this.#stands.set(port, made);
    return made;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.datagrams);
  }

  /** The callbacks of a link whose candidates lead here instead. */
  tap(callbacks: LinkCallbacks): LinkCallbacks {
    return { ...callbacks, onSignal: (signal) => void this.#changed(signal).then(callbacks.onSignal) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#sockets.map((socket) => {
        const closed = once(socket, "close");
        socket.close();
        return closed;
      }),
    );
  }

  async #changed(signal: LinkSignal): Promise<LinkSignal> {
    if (signal.type === "candidate") return { ...signal, candidate: await this.#rewritten(signal.candidate) };
    const changed = await Promise.all(signal.sdp.split(/(?<=\n)/).map((line) => this.#rewritten(line)));
    return { ...signal, sdp: changed.join("") };
  }

  /** RFC 8839 section 5.1: foundation, component, transport, priority, address, port. */
  async #rewritten(candidate: string): Promise<string> {
    const match = /^((?:a=)?candidate:\S+ \d+ udp \d+ 127\.0\.0\.1 )(\d+)( [\s\S]*)$/i.exec(candidate);
    if (match === null) return candidate;
    const [, head = "", port = "", rest = ""] = match;
    return `${head}${await this.portFor(Number(port))}${rest}`;
  }

  async #standFor(port: number): Promise<number> {
    const front = await this.#bound();
    const backs = new Map<string, Promise<Socket>>();
    front.on("message", (bytes, source) => {
      this.datagrams.push(bytes);
      const name = `${source.address}:${source.port}`;
      const back = backs.get(name) ?? this.#back(front, port, source);
      backs.set(name, back);
      void back.then((socket) => socket.send(bytes, port, loopback));
    });
    return front.address().port;
  }

  /** By which the other side answers one of those who send here. */
  async #back(front: Socket, port: number, source: RemoteInfo): Promise<Socket> {
    const back = await this.#bound();
    back.on("message", (bytes, from) => {
      // Others have heard of this address, but only what stands behind the front is answered for.
      if (from.port !== port) return;
      this.datagrams.push(bytes);
      front.send(bytes, source.port, source.address);
    });
    return back;
  }

  async #bound(): Promise<Socket> {
    const socket = createSocket("udp4");
    socket.on("error", () => undefined);
    socket.bind(0, loopback);
    await once(socket, "listening");
    this.#sockets.push(socket);
    return socket;
  }
}

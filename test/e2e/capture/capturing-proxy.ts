import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { WebSocket, WebSocketServer } from "ws";

import type { Capture } from "./capture.ts";

/** Stands where the registry stands: everything that reaches the registry, or comes from it, passes here and is kept. */
export class CapturingProxy implements AsyncDisposable {
  readonly origin: string;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #upstream: string;
  readonly #capture: Capture;

  private constructor(http: Server, upstream: string, capture: Capture) {
    this.#http = http;
    this.#upstream = upstream;
    this.#capture = capture;
    this.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    http.on("request", (asked, answer) => void this.#pass(asked, answer).catch(() => answer.destroy()));
    http.on("upgrade", (asked, wire, head) => {
      this.#sockets.handleUpgrade(asked, wire, head, (socket) => this.#join(socket, asked));
    });
  }

  static async start(upstream: string, capture: Capture): Promise<CapturingProxy> {
    const http = createServer();
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return new CapturingProxy(http, upstream, capture);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = asked;
    const body = await bytesOf(asked);
    this.#capture.add("http-in", `${method} ${url}\r\n${headersOf(asked)}`);
    this.#capture.add("http-in", body);
    const passed = request(`${this.#upstream}${url}`, { method, headers: { ...asked.headers, host: this.#host } });
    passed.end(body);
    const [reply] = (await once(passed, "response")) as [IncomingMessage];
    const content = await bytesOf(reply);
    this.#capture.add("http-out", headersOf(reply));
    this.#capture.add("http-out", content);
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    answer.end(content);
  }

  #join(near: WebSocket, asked: IncomingMessage): void {
    this.#capture.add("http-in", `GET ${asked.url ?? ""}\r\n${headersOf(asked)}`);
    const protocols = near.protocol === "" ? [] : [near.protocol];
    const far = new WebSocket(`${this.#upstream.replace(/^http/, "ws")}${asked.url ?? "/"}`, protocols, {
      perMessageDeflate: false,
    });
    const early: (readonly [Buffer, boolean])[] = [];
    near.on("message", (data: Buffer, isBinary) => {
      this.#capture.add("socket-in", data);
      if (far.readyState === WebSocket.OPEN) far.send(data, { binary: isBinary });
      else early.push([data, isBinary]);
    });
    far.on("open", () => {
      for (const [data, isBinary] of early.splice(0)) far.send(data, { binary: isBinary });
    });
    far.on("message", (data: Buffer, isBinary) => {
      this.#capture.add("socket-out", data);
      near.send(data, { binary: isBinary });
    });
    near.on("close", () => far.close());
    far.on("close", (code, reason) => (code >= 4000 ? near.close(code, reason) : near.close()));
    near.on("error", () => far.terminate());
    far.on("error", () => near.terminate());
  }

  get #host(): string {
    return new URL(this.#upstream).host;
  }
}

const headersOf = ({ rawHeaders }: IncomingMessage): string => rawHeaders.join("\n");

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

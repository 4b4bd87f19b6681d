import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { type RequestType, sessionProtocol } from "@parley/protocol";
import { WebSocket, WebSocketServer } from "ws";

type Json = Record<string, unknown>;
type Data = string | Uint8Array<ArrayBuffer>;

/** Between devices and a genuine registry: sees what the registry sees, and alters what it likes. */
export class RegistryProxy implements AsyncDisposable {
  readonly origin: string;
  /** Everything that passed, both ways, as it came. */
  readonly passed: Data[] = [];
  /** Frames that the registry handed to devices, each with its delivery header. */
  readonly delivered: Uint8Array<ArrayBuffer>[] = [];
  /** Changes the first text of a session. */
  challenge: (challenge: Json) => Json = (challenge) => challenge;
  /** Changes the second. */
  welcome: (welcome: Json) => Json = (welcome) => welcome;
  /** Changes replies by the type of their request; what it returns is the new body. */
  readonly replies: Partial<Record<RequestType, (body: Json, asked: Json) => unknown>> = {};
  /** Answers in the registry's place; undefined passes the request on. */
  answer: (type: string, body: Json) => unknown = () => undefined;
  /** Changes frames on their way to a device; undefined withholds one. */
  frame: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | undefined = (bytes) => bytes;
  /** Whether a push may pass. */
  push: (type: string) => boolean = () => true;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #upstream: string;
  #device: WebSocket | undefined;

  private constructor(http: Server, upstream: string) {
    this.#http = http;
    this.#upstream = upstream.replace(/^http/, "ws");
    this.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.#sockets = new WebSocketServer({ server: http, handleProtocols: () => sessionProtocol });
    this.#sockets.on("connection", (device, request) => this.#connect(device, request.url ?? "/"));
  }

  static async start(upstream: string): Promise<RegistryProxy> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    return new RegistryProxy(http, upstream);
  }

  /** Speaks to the device that connected last. */
  inject(data: Data | Json): void {
    this.#device?.send(data instanceof Uint8Array || typeof data === "string" ? data : JSON.stringify(data));
  }

  /** Breaks the session of the device that connected last. */
  break(): void {
    this.#device?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    await new Promise<void>((resolve) => void this.#http.close(() => resolve()));
  }

  #connect(device: WebSocket, path: string): void {
    this.#device = device;
    const node = new WebSocket(`${this.#upstream}${path}`, [sessionProtocol]);
    const asked = new Map<number, { type: RequestType; body: Json }>();
    const early: Data[] = [];
    let texts = 0;
    const toNode = (data: Data): void => void (node.readyState === WebSocket.OPEN ? node.send(data) : early.push(data));
    node.on("open", () => early.splice(0).forEach(toNode));
    device.on("message", (raw: Buffer, isBinary) => {
      const data = dataOf(raw, isBinary);
      this.passed.push(data);
      if (typeof data === "string" && this.#answered(device, data, asked)) return;
      toNode(data);
    });
    node.on("message", (raw: Buffer, isBinary) => {
      const data = dataOf(raw, isBinary);
      this.passed.push(data);
      const changed = typeof data === "string" ? this.#text(data, ++texts, asked) : this.#binary(data);
      if (changed !== undefined) device.send(changed);
    });
    device.on("close", () => node.close());
    node.on("close", (code, reason) => (code >= 4000 ? device.close(code, reason) : device.close()));
    node.on("error", () => device.terminate());
    device.on("error", () => node.terminate());
  }

  #answered(device: WebSocket, text: string, asked: Map<number, { type: RequestType; body: Json }>): boolean {
    const { id, type, body } = JSON.parse(text) as { id?: number; type: RequestType; body: Json };
    if (id === undefined) return false;
    const answer = this.answer(type, body);
    if (answer === undefined) asked.set(id, { type, body });
    else device.send(JSON.stringify({ re: id, body: answer }));
    return answer !== undefined;
  }

  #text(
    text: string,
    count: number,
    asked: ReadonlyMap<number, { type: RequestType; body: Json }>,
  ): string | undefined {
    const message = JSON.parse(text) as Json;
    // The text itself passes where nothing is changed: signatures cover it as it is.
    const changed = (before: Json, after: Json): string => (before === after ? text : JSON.stringify(after));
    if (count === 1) return changed(message, this.challenge(message));
    if (count === 2) return changed(message, this.welcome(message));
    if (typeof message["type"] === "string") return this.push(message["type"]) ? text : undefined;
    const request = asked.get(message["re"] as number);
    const change = request === undefined ? undefined : this.replies[request.type];
    if (change === undefined || message["error"] !== undefined) return text;
    return JSON.stringify({ ...message, body: change(message["body"] as Json, request?.body ?? {}) });
  }

  #binary(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
    this.delivered.push(bytes);
    return this.frame(bytes);
  }
}

function dataOf(raw: Buffer, isBinary: boolean): Data {
  return isBinary ? new Uint8Array(raw) : raw.toString();
}

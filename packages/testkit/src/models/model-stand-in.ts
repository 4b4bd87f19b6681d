/**
 * A stand-in for providers of models: takes requests over a socket, checks that they are of a provider's form, and replays recorded
 * answers. What no recording fits is refused and remembered, so that a test fails by it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { anthropicWire } from "./anthropic-wire.ts";
import { chatWire } from "./chat-wire.ts";
import { geminiWire } from "./gemini-wire.ts";
import { type Exchange, misfit, type Recording, recordingSchema } from "./recording.ts";
import { responsesWire } from "./responses-wire.ts";
import type { ReadRequest, Wire, WireEvent } from "./wire.ts";

/** A request that came. */
export interface SeenRequest {
  readonly wire: Wire["name"];
  readonly path: string;
  readonly body: unknown;
  readonly request: ReadRequest;
}

const wires: readonly Wire[] = [anthropicWire, chatWire, responsesWire, geminiWire];
/** The key that is taken. */
export const standInKey = "sk-stand-in-4f1c";

export class ModelStandIn {
  readonly #server: Server;
  readonly #left: { readonly exchange: Exchange; left: number }[];
  #serial = 0;
  /** Requests that were answered, in their order. */
  readonly seen: SeenRequest[] = [];
  /** Why others were refused. */
  readonly refused: string[] = [];
  /** Answers that their reader left before they ended. */
  #abandoned = 0;

  private constructor(server: Server, recordings: readonly Recording[]) {
    this.#server = server;
    this.#left = recordings
      .flatMap((recording) => recordingSchema.parse(recording).exchanges)
      .map((exchange) => ({ exchange, left: exchange.times }));
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#take(request, response).catch((error: unknown) => {
        this.refused.push(String(error));
        response.destroy();
      });
    });
  }

  static async start(...recordings: readonly Recording[]): Promise<ModelStandIn> {
    const server = createServer();
    const standIn = new ModelStandIn(server, recordings);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return standIn;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Exchanges that nobody asked for. */
  get unasked(): number {
    return this.#left.filter(({ exchange, left }) => left === exchange.times).length;
  }

  /** Answers whose reader went away before their end. */
  get abandoned(): number {
    return this.#abandoned;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (incoming.url ?? "").replace(/\?.*$/u, "");
    const wire = wires.find(({ serves }) => serves(path));
    if (wire === undefined || incoming.method !== "POST") return this.#refuse(undefined, response, 404, `no ${path}`);
    const key = wire.keyOf(incoming.headers);
    const body = await jsonOf(incoming);
    if (key !== undefined && key !== standInKey)
      return this.#refuse(wire, response, 401, `Incorrect API key provided: ${key}.`);
    const request = readOf(wire, body, path);
    if (typeof request === "string") return this.#refuse(wire, response, 400, request);
    const why: string[] = [];
    const fitting = this.#left.find(({ exchange, left }) => {
      const misfits = left === 0 ? "it was asked already" : misfit(exchange.request, path, request);
      if (misfits !== undefined) why.push(misfits);
      return misfits === undefined;
    });
    if (fitting === undefined) return this.#refuse(wire, response, 400, `no recording fits: ${why.join("; ")}`);
    fitting.left--;
    this.seen.push({ wire: wire.name, path, body, request });
    await this.#answer(wire, fitting.exchange, request, response);
  }

  async #answer(
    wire: Wire,
    { response: said }: Exchange,
    { model }: ReadRequest,
    response: ServerResponse,
  ): Promise<void> {
    const { status, headers, events, answer = {}, body, hangsAfter } = said;
    if (status !== 200) {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body ?? wire.refuse(status, `status ${status}`)));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", ...headers });
    const all = events ?? wire.write(answer, model, ++this.#serial);
    for (const event of all.slice(0, hangsAfter)) response.write(lineOf(event));
    if (hangsAfter === undefined) {
      response.end();
      return;
    }
    await once(response, "close");
    this.#abandoned++;
  }

  #refuse(wire: Wire | undefined, response: ServerResponse, status: number, message: string): void {
    this.refused.push(message);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(wire?.refuse(status, message) ?? { error: message }));
  }
}

async function jsonOf(incoming: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8")) as unknown;
}

/** The request, or why it is not of the provider's form: among others, that a call of a tool has no result. */
function readOf(wire: Wire, body: unknown, path: string): ReadRequest | string {
  try {
    const request = wire.read(body, path);
    const open = request.results.find(({ call }) => !request.calls.includes(call));
    return open === undefined ? request : `a result is of no call: ${open.call}`;
  } catch (error) {
    return `not of the form of ${wire.name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function lineOf({ event, data }: WireEvent): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`;
}

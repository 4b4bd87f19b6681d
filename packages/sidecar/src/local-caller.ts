import type { Socket } from "node:net";

import type { DeviceApi } from "@parley/client";
import { decodeJson, issueOf, limits, ParleyError, toParleyError, type WireError } from "@parley/protocol";

import { LineConnection } from "./line-connection.ts";
import {
  callerLineSchema,
  freshMs,
  helloMs,
  helloSchema,
  idleMs,
  lineBytes,
  lineVersions,
  mostRequests,
} from "./local-lines.ts";
import { operationHandlers } from "./operation-handlers.ts";
import { endlessOperations, type OperationName, operationTable } from "./operations.ts";
import type { RequestContext } from "./request-context.ts";
import { isSocketSecret } from "./socket-secret.ts";

interface Running {
  readonly op: OperationName;
  readonly abort: AbortController;
  /** Events sent. */
  events: number;
  readonly acks: Map<number, { readonly resolve: () => void; readonly reject: (error: ParleyError) => void }>;
}

function wireError(error: unknown): WireError {
  const { code, message, data } = toParleyError(error);
  return {
    code,
    message: message.slice(0, limits.errorCharacters),
    ...(data === undefined ? {} : { data: JSON.parse(JSON.stringify(data)) as WireError["data"] & {} }),
  };
}

export interface LocalCallerOptions {
  readonly device: DeviceApi;
  /** When the holder began, ms since 1970. */
  readonly since: number;
  /** What a caller has to show. */
  readonly secret: string;
}

/** One connection of another program: handshake, then requests side by side. */
export class LocalCaller {
  readonly #connection: LineConnection;
  readonly #device: DeviceApi;
  readonly #since: number;
  readonly #secret: string;
  readonly #running = new Map<number, Running>();
  readonly #waiting = new Set<() => void>();
  readonly #freshUntil = performance.now() + freshMs;
  #greeted = false;
  /** Asked for more than how the device stands. */
  #asked = false;
  #timer: NodeJS.Timeout;

  constructor(socket: Socket, { device, since, secret }: LocalCallerOptions, onClosed: () => void) {
    this.#device = device;
    this.#since = since;
    this.#secret = secret;
    this.#timer = setTimeout(() => this.#connection.fail(new ParleyError("timeout")), helloMs);
    this.#connection = new LineConnection(socket, {
      onLine: (line) => this.#take(line),
      onClosed: () => {
        clearTimeout(this.#timer);
        const gone = new ParleyError("closed", { message: "The local program went away." });
        for (const running of this.#running.values()) this.#stop(running, gone);
        onClosed();
        this.#wake();
      },
    });
  }

  /** Its program waits for a reply, or has just come and is about to ask for one. */
  get busy(): boolean {
    if (this.#connection.isClosed) return false;
    return this.#freshForMs > 0 || [...this.#running.values()].some(({ op }) => !endlessOperations.includes(op));
  }

  /** Resolves at the next change of what runs, or after `ms`; at once when it is not busy. */
  settled(ms: number): Promise<void> {
    const mostMs = this.#freshForMs > 0 ? Math.min(ms, this.#freshForMs) : ms;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, mostMs);
      if (this.busy) this.#waiting.add(done);
      else done();
    });
  }

  get #freshForMs(): number {
    return this.#asked ? 0 : Math.max(0, this.#freshUntil - performance.now());
  }

  close(): void {
    this.#refuse(new ParleyError("closed", { message: "The process that held the device stopped." }));
  }

  #take(line: string): void {
    if (!this.#greeted) {
      this.#greet(line);
      return;
    }
    const decoded = decodeJson(callerLineSchema, line, lineBytes);
    if (!decoded.ok) {
      this.#refuse(new ParleyError(decoded.code, { message: decoded.message }));
      return;
    }
    const message = decoded.value;
    if ("cancel" in message) {
      const running = this.#running.get(message.cancel);
      if (running !== undefined) this.#stop(running, new ParleyError("canceled"));
    } else if ("ack" in message) this.#running.get(message.ack)?.acks.get(message.n)?.resolve();
    else void this.#run(message.id, message.op, message.body);
  }

  #greet(line: string): void {
    clearTimeout(this.#timer);
    const decoded = decodeJson(helloSchema, line, lineBytes);
    if (decoded.ok && !isSocketSecret(decoded.value.hello.secret ?? "", this.#secret)) {
      this.#refuse(
        new ParleyError("unauthenticated", {
          message: "This program does not know the secret of the device's socket, which lies beside it for its owner.",
        }),
      );
      return;
    }
    const version = decoded.ok
      ? lineVersions.findLast((known) => decoded.value.hello.versions.includes(known))
      : undefined;
    if (version === undefined) {
      this.#refuse(
        new ParleyError(decoded.ok ? "unsupported_version" : "invalid_argument", {
          message: `The first line is {"hello":{"versions":[${lineVersions.join()}],"program":"…","secret":"…"}}.`,
        }),
      );
      return;
    }
    this.#greeted = true;
    const { member, device, name, mesh } = this.#device;
    void this.#connection.send({ welcome: { version, member, device, name, mesh } });
    this.#idle();
  }

  async #run(id: number, op: string, body: unknown): Promise<void> {
    try {
      if (this.#running.has(id))
        throw new ParleyError("invalid_argument", { message: `A request with the id ${id} is under way.` });
      if (this.#running.size >= mostRequests)
        throw new ParleyError("limit_reached", {
          message: `A connection has at most ${mostRequests} requests under way.`,
        });
      if (!Object.hasOwn(operationTable, op))
        throw new ParleyError("unsupported_operation", { message: "There is no operation of this name." });
    } catch (error) {
      await this.#connection.send({ re: id, error: wireError(error) });
      return;
    }
    const name = op as OperationName;
    const running: Running = { op: name, abort: new AbortController(), events: 0, acks: new Map() };
    this.#running.set(id, running);
    clearTimeout(this.#timer);
    this.#asked ||= name !== "watch";
    this.#wake();
    try {
      const reply = await this.#handle(id, name, body, running);
      await this.#connection.send({ re: id, body: reply });
    } catch (error) {
      await this.#connection.send({ re: id, error: wireError(error) });
    } finally {
      this.#running.delete(id);
      this.#idle();
      this.#wake();
    }
  }

  async #handle(id: number, op: OperationName, body: unknown, running: Running): Promise<unknown> {
    const parsed = operationTable[op].body.safeParse(body);
    if (!parsed.success) throw new ParleyError("invalid_argument", { message: issueOf(parsed.error) });
    const context: RequestContext<OperationName> = {
      device: this.#device,
      body: parsed.data,
      signal: running.abort.signal,
      since: this.#since,
      emit: (event) => this.#connection.send({ re: id, n: ++running.events, event }),
      emitAcknowledged: async (event) => {
        const n = ++running.events;
        const acknowledged = new Promise<void>((resolve, reject) => running.acks.set(n, { resolve, reject }));
        // The caller may go while the event is still being written.
        acknowledged.catch(() => undefined);
        try {
          await this.#connection.send({ re: id, n, event });
          if (this.#connection.isClosed) throw new ParleyError("closed");
          await acknowledged;
        } finally {
          running.acks.delete(n);
        }
      },
    };
    // The table pairs each name with its handler, which the types of a union of names cannot say.
    const handler: (context: never) => Promise<unknown> = operationHandlers[op];
    return handler(context as never);
  }

  #stop(running: Running, error: ParleyError): void {
    running.abort.abort(error);
    for (const { reject } of running.acks.values()) reject(error);
  }

  #idle(): void {
    clearTimeout(this.#timer);
    if (this.#running.size === 0 && !this.#connection.isClosed) this.#timer = setTimeout(() => this.close(), idleMs);
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }

  #refuse(error: ParleyError): void {
    this.#connection.close({ error: wireError(error) });
  }
}

import { connect, type Socket } from "node:net";

import { listenPathOf } from "@parley/client/node";
import { decodeJson, isErrorCode, type ErrorCode, ParleyError, toParleyError } from "@parley/protocol";
import { z } from "zod";

import { leaveBodyFile, takeBodyFile } from "./body-files.ts";
import { LineConnection } from "./line-connection.ts";
import {
  bodyFileBytes,
  helloMs,
  type HolderLine,
  holderLineSchema,
  lineBytes,
  lineVersions,
  type WelcomeLine,
  welcomeLineSchema,
} from "./local-lines.ts";
import {
  acknowledgedOperations,
  type OperationBody,
  type OperationEvent,
  type OperationName,
  type OperationReply,
  operationTable,
} from "./operations.ts";
import { readSocketSecret } from "./socket-secret.ts";

export interface CallOptions<Name extends OperationName> {
  /** Events in order; the next waits for the promise, and so does the acknowledgement. */
  readonly onEvent?: (event: OperationEvent<Name>) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  /** What came, or a promise of it where it is read from a file. */
  readonly onEvent: (n: number, json: unknown) => void;
  readonly resolve: (json: unknown) => void;
  readonly reject: (error: ParleyError) => void;
}

const gone = (): ParleyError =>
  new ParleyError("closed", { message: "The process that held the device stopped; try again." });

/** The caller's side of the local socket: requests by number, their events and replies. */
export class LocalCalls {
  readonly welcome: WelcomeLine["welcome"];
  readonly #connection: LineConnection;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<ParleyError>;
  #next = 1;
  #error: ParleyError | undefined;

  private constructor(
    welcome: WelcomeLine["welcome"],
    connection: LineConnection,
    lines: { take: (line: string) => void },
    closed: Promise<ParleyError | undefined>,
  ) {
    this.welcome = welcome;
    this.#connection = connection;
    lines.take = (line) => this.#take(line);
    this.#closed = closed.then((error) => {
      this.#error ??= error ?? gone();
      for (const { reject } of this.#waiting.values()) reject(this.#error);
      this.#waiting.clear();
      return this.#error;
    });
  }

  /** Connects and greets. Throws `not_connected` when no process listens there, `unsupported_version`, `unauthenticated`. */
  static async open(path: string, program: string): Promise<LocalCalls> {
    const socket = await connectSocket(path);
    const first = Promise.withResolvers<string>();
    first.promise.catch(() => undefined);
    const ended = Promise.withResolvers<ParleyError | undefined>();
    const lines = { take: first.resolve };
    const connection = new LineConnection(socket, {
      onLine: (line) => lines.take(line),
      onClosed: (error) => {
        ended.resolve(error);
        first.reject(error ?? gone());
      },
    });
    const timer = setTimeout(
      () =>
        connection.fail(
          new ParleyError("timeout", { message: "The process that holds the device does not answer on its socket." }),
        ),
      helloMs,
    );
    try {
      // After the connection: a holder writes its secret before it listens.
      const secret = await readSocketSecret(path);
      if (secret === undefined) throw gone();
      await connection.send({ hello: { versions: lineVersions, program, secret } });
      return new LocalCalls(readWelcome(await first.promise), connection, lines, ended.promise);
    } catch (error) {
      connection.fail(gone());
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves with the reason when the connection ends. */
  get closed(): Promise<ParleyError> {
    return this.#closed;
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  async call<Name extends OperationName>(
    op: Name,
    body: OperationBody<Name>,
    options: CallOptions<Name> = {},
  ): Promise<OperationReply<Name>> {
    if (this.#error !== undefined) throw this.#error;
    if (options.signal?.aborted === true) throw new ParleyError("canceled");
    const id = this.#next++;
    const row = operationTable[op];
    let handled: Promise<void> = Promise.resolve();
    const reply = new Promise<unknown>((resolve, reject) => {
      const onEvent = (n: number, json: unknown): void => {
        handled = handled.then(async () => {
          const event = row.event.safeParse(await json);
          if (event.success) await options.onEvent?.(event.data as OperationEvent<Name>);
          if (acknowledgedOperations.includes(op)) await this.#connection.send({ ack: id, n });
        });
        handled.catch(() => void this.#connection.send({ cancel: id }));
      };
      this.#waiting.set(id, { onEvent, resolve, reject });
    });
    reply.catch(() => undefined);
    const cancelNow = (): void => void this.#connection.send({ cancel: id });
    // Leaving lets what is in hand come to its end, as in the holder's own process; its acknowledgement goes first.
    const cancel = (): void =>
      acknowledgedOperations.includes(op) ? void handled.then(cancelNow, cancelNow) : cancelNow();
    options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      await this.#ask(id, op, body);
      const json = await reply;
      await handled;
      const parsed = row.reply.safeParse(json);
      if (!parsed.success)
        throw new ParleyError("unsupported_version", {
          message: "The process that holds the device answered in another form; restart it with this version.",
        });
      return parsed.data as OperationReply<Name>;
    } finally {
      this.#waiting.delete(id);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  /** What no line can carry goes by file, where the holder takes files. */
  async #ask(id: number, op: string, body: unknown): Promise<void> {
    const { files } = this.welcome;
    try {
      await this.#connection.send({ id, op, body });
    } catch (error) {
      if (files === undefined || toParleyError(error).code !== "too_large") throw error;
      await this.#connection.send({ id, op, file: await leaveBodyFile(files, JSON.stringify(body)) });
    }
  }

  async #readFile(name: string): Promise<unknown> {
    const text = await takeBodyFile(this.welcome.files ?? "", name);
    const decoded = decodeJson(z.unknown(), text, bodyFileBytes);
    if (decoded.ok) return decoded.value;
    throw new ParleyError(decoded.code, { message: decoded.message });
  }

  close(): void {
    this.#error ??= new ParleyError("closed");
    this.#connection.close();
  }

  #take(line: string): void {
    const decoded = decodeJson(holderLineSchema, line, lineBytes);
    if (!decoded.ok) {
      this.#connection.fail(
        new ParleyError("unsupported_version", {
          message:
            "The process that holds the device speaks another form of the local lines; restart it with this version.",
        }),
      );
      return;
    }
    this.#route(decoded.value);
  }

  #route(message: HolderLine): void {
    if (!("re" in message)) {
      this.#connection.fail(toError(message.error));
      return;
    }
    const waiting = this.#waiting.get(message.re);
    if (waiting === undefined) return;
    if ("event" in message) waiting.onEvent(message.n, message.event);
    else if ("file" in message) {
      const read = this.#readFile(message.file);
      read.catch((error: unknown) => waiting.reject(toParleyError(error)));
      if ("n" in message) waiting.onEvent(message.n, read);
      else read.then(waiting.resolve, () => undefined);
    } else if ("error" in message) waiting.reject(toError(message.error));
    else waiting.resolve(message.body);
  }
}

function toError({
  code,
  message,
  data,
}: {
  code: ErrorCode;
  message: string;
  data?: Record<string, unknown> | undefined;
}): ParleyError {
  return new ParleyError(isErrorCode(code) ? code : "internal", { message, ...(data === undefined ? {} : { data }) });
}

function readWelcome(line: string): WelcomeLine["welcome"] {
  const welcome = decodeJson(welcomeLineSchema, line, lineBytes);
  if (welcome.ok) return welcome.value.welcome;
  const refusal = decodeJson(holderLineSchema, line, lineBytes);
  if (refusal.ok && "error" in refusal.value) throw toError(refusal.value.error);
  throw new ParleyError("unsupported_version", {
    message: "What listens on the device's socket does not speak Parley's local lines.",
  });
}

function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(listenPathOf(path));
    const onError = (cause: Error): void =>
      reject(new ParleyError("not_connected", { message: "No process holds this device.", cause }));
    socket.once("error", onError);
    socket.once("connect", () => {
      socket.off("error", onError);
      resolve(socket);
    });
  });
}

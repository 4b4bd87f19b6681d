/** The supervisor's side of its socket, in a folder that only its owner may enter. */
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";

import { prepareSocketFolder } from "@parley/client/node";
import { decodeJson, limits, ParleyError, toParleyError } from "@parley/protocol";
import { createSocketSecret, isSocketSecret, lineBytes, LineConnection, removeSocketSecret } from "@parley/sidecar";

import { callerLineSchema, mostCallers, requestMs, type SupervisorRequest } from "./supervisor-lines.ts";
import type { Supervisor } from "./supervisor.ts";

export interface SupervisorSocketOptions {
  readonly supervisor: Supervisor;
  readonly path: string;
  /** Somebody asked for the end of it all. */
  readonly onEnd: () => void;
}

export class SupervisorSocket {
  readonly #options: SupervisorSocketOptions;
  readonly #secret: string;
  readonly #listener: Server;
  readonly #callers = new Set<LineConnection>();

  private constructor(options: SupervisorSocketOptions, secret: string) {
    this.#options = options;
    this.#secret = secret;
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  /** Listens; whoever holds the folder's lock may, so what lies there is left over. Throws `storage_unavailable`. */
  static async open(options: SupervisorSocketOptions): Promise<SupervisorSocket> {
    await prepareSocketFolder(options.path);
    const opened = new SupervisorSocket(options, await createSocketSecret(options.path));
    await rm(options.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      opened.#listener.once("error", (cause) =>
        reject(new ParleyError("storage_unavailable", { message: `${options.path} cannot be opened.`, cause })),
      );
      opened.#listener.listen(options.path, resolve);
    });
    await chmod(options.path, 0o600);
    opened.#listener.on("error", () => undefined);
    return opened;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const caller of this.#callers) caller.close();
    await closed;
    await removeSocketSecret(this.#options.path);
    await rm(this.#options.path, { force: true });
  }

  #accept(socket: Socket): void {
    const late = setTimeout(() => connection.fail(new ParleyError("timeout")), requestMs);
    const gone = new AbortController();
    let asked = false;
    const connection: LineConnection = new LineConnection(socket, {
      onLine: (line) => {
        if (asked) return;
        asked = true;
        clearTimeout(late);
        void this.#serve(connection, line, gone.signal);
      },
      onClosed: () => {
        clearTimeout(late);
        this.#callers.delete(connection);
        gone.abort();
      },
    });
    this.#callers.add(connection);
    if (this.#callers.size > mostCallers) refuse(connection, new ParleyError("limit_reached"));
  }

  async #serve(connection: LineConnection, line: string, signal: AbortSignal): Promise<void> {
    try {
      const decoded = decodeJson(callerLineSchema, line, lineBytes);
      if (!decoded.ok) throw new ParleyError("invalid_argument", { message: decoded.message });
      if (!isSocketSecret(decoded.value.secret, this.#secret)) throw new ParleyError("unauthenticated");
      await this.#answer(connection, decoded.value.ask, signal);
    } catch (error) {
      refuse(connection, error);
    }
  }

  async #answer(connection: LineConnection, ask: SupervisorRequest, signal: AbortSignal): Promise<void> {
    const { supervisor, onEnd } = this.#options;
    if (ask.op === "restart") await supervisor.restart(ask.names);
    else if (ask.op === "stop") await supervisor.stop(ask.names);
    else if (ask.op === "end") await supervisor.stop([]);
    else if (ask.op === "logs") {
      const leave = supervisor.logs(ask.name, ask.lines, (entry) => {
        connection.send({ entry }).catch(() => undefined);
      });
      if (ask.follow) await untilGone(signal);
      leave();
    }
    await connection.send({
      answer: { pid: process.pid, since: supervisor.since, agents: supervisor.views() },
    });
    connection.close();
    if (ask.op === "end") onEnd();
  }
}

function refuse(connection: LineConnection, error: unknown): void {
  const { code, message } = toParleyError(error);
  connection.close({ error: { code, message: message.slice(0, limits.errorCharacters) } });
}

function untilGone(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

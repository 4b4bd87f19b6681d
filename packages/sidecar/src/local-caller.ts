import type { Socket } from "node:net";

import type { DeviceApi } from "@parley/client";
import { decodeJson, issueOf, ParleyError } from "@parley/protocol";
import { z } from "zod";

import { takeBodyFile, UnreadFiles } from "./body-files.ts";
import { LineConnection } from "./line-connection.ts";
import { LocalAnswers } from "./local-answers.ts";
import { localError } from "./local-error.ts";
import {
  bodyFileBytes,
  callerLineSchema,
  freshMs,
  helloMs,
  helloSchema,
  idleMs,
  lineBytes,
  lineVersions,
  mostRequests,
  versionWithFiles,
} from "./local-lines.ts";
import { operationHandlers } from "./operation-handlers.ts";
import { endlessOperations, type OperationName, operationTable } from "./operations.ts";
import type { RequestContext } from "./request-context.ts";
import { ServedTasks } from "./served-tasks.ts";
import type { SkillHost } from "./skill-host.ts";
import { isSocketSecret } from "./socket-secret.ts";

interface Running {
  readonly op: OperationName;
  readonly abort: AbortController;
  readonly answers: LocalAnswers;
}

/** What a request asks with: in its line, or in a file. */
type Asked = { readonly body: unknown } | { readonly file: string };

export interface LocalCallerOptions {
  readonly device: DeviceApi;
  /** When the holder began, ms since 1970. */
  readonly since: number;
  /** What a caller has to show. */
  readonly secret: string;
  /** Folder of larger bodies. */
  readonly folder: string;
  readonly host: SkillHost | undefined;
}

/** One connection of another program: handshake, then requests side by side. */
export class LocalCaller {
  readonly #connection: LineConnection;
  readonly #options: LocalCallerOptions;
  readonly #files: UnreadFiles;
  readonly #served = new ServedTasks();
  readonly #running = new Map<number, Running>();
  readonly #waiting = new Set<() => void>();
  readonly #freshUntil = performance.now() + freshMs;
  /** Of the lines; none before the greeting. */
  #version: number | undefined;
  #program = "";
  /** Asked for more than how the device stands. */
  #asked = false;
  #timer: NodeJS.Timeout;

  constructor(socket: Socket, options: LocalCallerOptions, onClosed: () => void) {
    this.#options = options;
    this.#files = new UnreadFiles(options.folder);
    this.#timer = setTimeout(() => this.#connection.fail(new ParleyError("timeout")), helloMs);
    this.#connection = new LineConnection(socket, {
      onLine: (line) => this.#take(line),
      onClosed: () => {
        clearTimeout(this.#timer);
        const gone = new ParleyError("closed", { message: "The local program went away." });
        for (const running of this.#running.values()) this.#stop(running, gone);
        onClosed();
        this.#wake();
        void this.#files.removeAll();
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
    if (this.#version === undefined) {
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
    } else if ("ack" in message) this.#running.get(message.ack)?.answers.onAck(message.n);
    else void this.#run(message.id, message.op, message);
  }

  #greet(line: string): void {
    clearTimeout(this.#timer);
    const decoded = decodeJson(helloSchema, line, lineBytes);
    if (decoded.ok && !isSocketSecret(decoded.value.hello.secret ?? "", this.#options.secret)) {
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
    this.#version = version;
    if (decoded.ok) this.#program = decoded.value.hello.program;
    const { folder: files } = this.#options;
    const { member, device, name, mesh } = this.#options.device;
    const newer = version >= versionWithFiles ? { lineBytes, files } : {};
    void this.#connection.send({ welcome: { version, member, device, name, mesh, ...newer } });
    this.#idle();
  }

  async #run(id: number, op: string, asked: Asked): Promise<void> {
    const files = (this.#version ?? 0) >= versionWithFiles ? this.#files : undefined;
    const answers = new LocalAnswers({ id, connection: this.#connection, files });
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
      await answers.fail(error);
      return;
    }
    const name = op as OperationName;
    const running: Running = { op: name, abort: new AbortController(), answers };
    this.#running.set(id, running);
    clearTimeout(this.#timer);
    this.#asked ||= name !== "watch";
    this.#wake();
    try {
      const reply = await this.#handle(name, await this.#bodyOf(asked), running);
      await answers.reply(reply);
    } catch (error) {
      await answers.fail(error);
    } finally {
      this.#running.delete(id);
      this.#idle();
      this.#wake();
    }
  }

  async #bodyOf(asked: Asked): Promise<unknown> {
    if ("body" in asked) return asked.body;
    const text = await takeBodyFile(this.#options.folder, asked.file);
    const decoded = decodeJson(z.unknown(), text, bodyFileBytes);
    if (decoded.ok) return decoded.value;
    throw new ParleyError(decoded.code, { message: decoded.message });
  }

  async #handle(op: OperationName, body: unknown, { abort, answers }: Running): Promise<unknown> {
    const parsed = operationTable[op].body.safeParse(body);
    if (!parsed.success) throw new ParleyError("invalid_argument", { message: issueOf(parsed.error) });
    const { device, since, host } = this.#options;
    const context: RequestContext<OperationName> = {
      device,
      host,
      since,
      program: this.#program,
      served: this.#served,
      body: parsed.data,
      signal: abort.signal,
      emit: (event) => answers.event(event),
      emitAcknowledged: (event) => answers.acknowledged(event),
    };
    // The table pairs each name with its handler, which the types of a union of names cannot say.
    const handler: (context: never) => Promise<unknown> = operationHandlers[op];
    return handler(context as never);
  }

  #stop(running: Running, error: ParleyError): void {
    running.abort.abort(error);
    running.answers.end(error);
  }

  #idle(): void {
    clearTimeout(this.#timer);
    if (this.#running.size === 0 && !this.#connection.isClosed) this.#timer = setTimeout(() => this.close(), idleMs);
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }

  #refuse(error: ParleyError): void {
    this.#connection.close({ error: localError(error) });
  }
}

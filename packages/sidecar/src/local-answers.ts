/** What one request is answered with: events, those that wait for their `ack`, and a reply; what no line can carry goes by file. */
import { isParleyError, ParleyError } from "@parley/protocol";

import type { UnreadFiles } from "./body-files.ts";
import type { LineConnection } from "./line-connection.ts";
import { localError } from "./local-error.ts";
import { mostUnacknowledged } from "./local-lines.ts";

interface Acknowledgement {
  readonly resolve: () => void;
  readonly reject: (error: ParleyError) => void;
}

export interface LocalAnswersOptions {
  readonly id: number;
  readonly connection: LineConnection;
  /** Undefined for a caller that knows of no files. */
  readonly files: UnreadFiles | undefined;
}

export class LocalAnswers {
  readonly #options: LocalAnswersOptions;
  readonly #acks = new Map<number, Acknowledgement>();
  readonly #waiting: Acknowledgement[] = [];
  #events = 0;
  #error: ParleyError | undefined;

  constructor(options: LocalAnswersOptions) {
    this.#options = options;
  }

  /** Resolves when there is room for the next. */
  event(event: unknown): Promise<void> {
    return this.#write({ n: ++this.#events }, "event", event);
  }

  /** Resolves when the caller is done with it; rejects when the caller goes first. */
  async acknowledged(event: unknown): Promise<void> {
    if (this.#acks.size >= mostUnacknowledged)
      await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    if (this.#error !== undefined) throw this.#error;
    const n = ++this.#events;
    const acknowledged = new Promise<void>((resolve, reject) => this.#acks.set(n, { resolve, reject }));
    // The caller may go while the event is still being written.
    acknowledged.catch(() => undefined);
    try {
      await this.#write({ n }, "event", event);
      if (this.#options.connection.isClosed) throw new ParleyError("closed");
      await acknowledged;
    } finally {
      this.#acks.delete(n);
      this.#waiting.shift()?.resolve();
    }
  }

  reply(body: unknown): Promise<void> {
    return this.#write({}, "body", body);
  }

  fail(error: unknown): Promise<void> {
    return this.#options.connection.send({ re: this.#options.id, error: localError(error) });
  }

  onAck(n: number): void {
    this.#acks.get(n)?.resolve();
  }

  /** Nobody acknowledges anything any more. */
  end(error: ParleyError): void {
    this.#error = error;
    for (const { reject } of [...this.#acks.values(), ...this.#waiting.splice(0)]) reject(error);
  }

  async #write(head: { readonly n?: number }, key: "event" | "body", value: unknown): Promise<void> {
    const { id, connection, files } = this.#options;
    try {
      await connection.send({ re: id, ...head, [key]: value });
    } catch (error) {
      if (files === undefined || !isParleyError(error) || error.code !== "too_large") throw error;
      await connection.send({ re: id, ...head, file: await files.leave(JSON.stringify(value)) });
    }
  }
}

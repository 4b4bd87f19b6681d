import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface, type Interface } from "node:readline";

/** A greeting with the secret of a socket, unless it is changed. */
export function helloTo(path: string, change: object = {}): object {
  const secret = readFileSync(`${path}.secret`, "utf8").trimEnd();
  return { hello: { versions: [1], program: "test", secret, ...change } };
}

/** A program that speaks the lines by hand. */
export class RawCaller {
  readonly socket: Socket;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("error", () => undefined);
    this.#reader = createInterface({ input: this.socket });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async greeted(path: string, version = 1): Promise<RawCaller> {
    const caller = new RawCaller(path);
    caller.send(helloTo(path, { versions: [version] }));
    await caller.next();
    return caller;
  }

  /** Sends a request and gives the next line. */
  async ask(id: number, op: string, body: unknown): Promise<unknown> {
    this.send({ id, op, body });
    return this.next();
  }

  send(value: unknown): void {
    this.socket.write(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
  }

  /** The next line as JSON; undefined at the end. */
  async next(): Promise<unknown> {
    const line = await this.#lines.next();
    return line.done === true ? undefined : JSON.parse(line.value);
  }
}

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
  /** Error code of its body. */
  readonly code: string | undefined;
}

/** A connection on which a test writes what no HTTP library would. */
export class RawHttp {
  readonly socket: Socket;
  /** Resolves with everything that came once the connection is closed. */
  readonly closed: Promise<string>;
  #received = "";

  private constructor(socket: Socket) {
    this.socket = socket;
    // The other side may cut it off at any moment: that is what is tested.
    socket.on("error", () => socket.destroy());
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (this.#received += text));
    this.closed = once(socket, "close").then(() => this.#received);
  }

  /** Connects from an address of the loopback, 127.0.0.1 by default. */
  static async open(port: number, localAddress = "127.0.0.1"): Promise<RawHttp> {
    const raw = new RawHttp(connect({ host: "127.0.0.1", port, localAddress }));
    await Promise.race([once(raw.socket, "connect"), raw.closed]);
    return raw;
  }

  get received(): string {
    return this.#received;
  }

  write(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  end(): void {
    this.socket.destroy();
  }

  /** Resolves with what came so far, once this is in it. */
  async until(part: string): Promise<string> {
    while (!this.#received.includes(part)) {
      if (this.socket.destroyed) throw new Error(`closed after: ${this.#received}`);
      await Promise.race([once(this.socket, "data"), this.closed]);
    }
    return this.#received;
  }

  /** The answers that came until the other side closed the connection. */
  async answers(): Promise<readonly RawAnswer[]> {
    return answersIn(await this.closed);
  }
}

function answersIn(received: string): readonly RawAnswer[] {
  return received
    .split(/(?=HTTP\/1\.1 \d{3} )/)
    .filter((part) => part !== "")
    .map((part) => {
      const [headers = "", text = ""] = part.split("\r\n\r\n");
      const [, code] = /"code":"(\w+)"/.exec(text) ?? [];
      return { status: Number(headers.slice(9, 12)), headers, text, code };
    });
}

/** A request as text, with `connection: close` unless it says otherwise. */
export function requestText(line: string, headers: Readonly<Record<string, string>> = {}, body = ""): string {
  const all = { host: "127.0.0.1", connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`${line} HTTP/1.1`, ...lines, "", body].join("\r\n");
}

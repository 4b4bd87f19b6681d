import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { PtyTerminal } from "./pty-terminal.ts";

const program = join(import.meta.dirname, "../../packages/chat/test/children/demo-chat.ts");

export interface DemoChatOptions {
  readonly columns: number;
  readonly rows: number;
  readonly mode?: "full" | "empty";
  readonly env?: Readonly<Record<string, string>>;
}

/** The chat over a device without a mesh, in a terminal, and the hand that makes things happen to it. */
export class DemoChat implements AsyncDisposable {
  readonly terminal: PtyTerminal;
  readonly #folder: string;
  readonly #server: Server;
  readonly #socket: Promise<Socket>;
  #doneBy: (() => void)[] = [];
  #marks = 0;

  private constructor(folder: string, server: Server, terminal: PtyTerminal) {
    this.#folder = folder;
    this.#server = server;
    this.terminal = terminal;
    this.#socket = once(server, "connection").then(([socket]: Socket[]) => {
      if (socket === undefined) throw new Error("no connection");
      createInterface({ input: socket }).on("line", () => this.#doneBy.shift()?.());
      socket.on("error", () => undefined);
      return socket;
    });
  }

  static async open({ columns, rows, mode = "full", env = {} }: DemoChatOptions): Promise<DemoChat> {
    const folder = mkdtempSync(join(tmpdir(), "parley-chat-"));
    const path = join(folder, "acts");
    const server = createServer().listen(path);
    await once(server, "listening");
    const terminal = new PtyTerminal({ columns, rows, env, command: [process.execPath, program, path, mode] });
    return new DemoChat(folder, server, terminal);
  }

  /** Makes something happen in the mesh; resolves when the chat's device has told of it. */
  async act(act: string, facts: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const socket = await this.#socket;
    await new Promise<void>((resolve) => {
      this.#doneBy.push(resolve);
      socket.write(`${JSON.stringify({ act, ...facts })}\n`);
    });
  }

  /** The screen, once everything that changed is on it. */
  async settled(): Promise<string> {
    this.#marks++;
    const mark = `mark ${this.#marks}`;
    await this.act("settle", { mark });
    return this.terminal.until(() => this.terminal.title === mark);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

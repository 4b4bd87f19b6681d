import { sha256 } from "@parley/core";
import type { TestIdentity } from "@parley/testkit";
import { WebSocket } from "ws";

/** A session opened by hand over `ws`, that hands over what comes as it comes. */
export class PostSession {
  readonly socket: WebSocket;
  #nextId = 1;
  readonly #replies = new Map<number, (message: { body?: unknown; error?: unknown }) => void>();
  onBatch: (bytes: Buffer) => void = () => undefined;
  onResults: (results: readonly { id: string; error?: { code: string } }[]) => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
  }

  static async open(origin: string, mesh: string, identity: TestIdentity): Promise<PostSession> {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/session`, "parley.v1", { perMessageDeflate: false });
    const session = new PostSession(socket);
    const challenge = await new Promise<string>((resolve, reject) => {
      socket.once("message", (data) => resolve((data as Buffer).toString()));
      socket.once("error", reject);
    });
    const statement = await identity.session(mesh, await sha256(challenge));
    const devices = await identity.deviceList(mesh);
    const proof = { type: "proof", statement, root: identity.root.publicKey, rotations: [], devices };
    const welcomed = new Promise<void>((resolve, reject) => {
      socket.once("message", () => resolve());
      socket.once("close", (_code, reason) => reject(new Error(reason.toString())));
    });
    socket.send(JSON.stringify(proof));
    await welcomed;
    socket.on("message", (data, isBinary) => session.#take(data as Buffer, isBinary));
    return session;
  }

  /** Asks and waits for the reply. */
  async request<Reply>(type: string, body: object): Promise<Reply> {
    const id = this.#nextId++;
    const replied = new Promise<{ body?: unknown; error?: unknown }>((resolve) => this.#replies.set(id, resolve));
    this.socket.send(JSON.stringify({ id, type, body }));
    const { body: reply, error } = await replied;
    if (error !== undefined) throw new Error(`${type}: ${JSON.stringify(error)}`);
    return reply as Reply;
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.onBatch(data);
    const message = JSON.parse(data.toString()) as {
      re?: number;
      type?: string;
      body?: { results: [] };
      error?: unknown;
    };
    if (message.re !== undefined) {
      this.#replies.get(message.re)?.(message);
      this.#replies.delete(message.re);
    } else if (message.type === "post.results") this.onResults(message.body?.results ?? []);
  }
}

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { type ClientOptions, WebSocket } from "ws";

export interface Said {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A key as agentchat's identity files hold it. */
export class PlainKey {
  readonly pubkey: string;
  readonly privkey: string;
  readonly #key: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.pubkey = publicKey.export({ type: "spki", format: "pem" }).toString();
    this.privkey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    this.#key = privateKey;
  }

  /** As agentchat computes it: over the PEM text. */
  get id(): string {
    return createHash("sha256").update(this.pubkey).digest("hex").slice(0, 8);
  }

  /** Its 32 bytes, in base64url. */
  get raw(): string {
    return createPublicKey(this.#key).export({ type: "spki", format: "der" }).subarray(-32).toString("base64url");
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#key).toString("base64");
  }
}

/** The same bytes in another spelling of base64: the last character has four bits that stand for nothing. */
export function respelled(signature: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const last = alphabet.indexOf(signature.at(-3) ?? "");
  return `${signature.slice(0, -3)}${alphabet[last + 1] ?? ""}==`;
}

/** A program at the door: sends JSON, and waits for what comes, of a type, in order. */
export class PlainClient {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  /** All that came. */
  readonly all: Said[] = [];
  #unread: Said[] = [];
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data: Buffer) => {
      const said = JSON.parse(data.toString()) as Said;
      this.all.push(said);
      this.#unread.push(said);
      for (const look of this.#waiting) look();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code: number) => {
        this.#isClosed = true;
        resolve(code);
        for (const look of this.#waiting) look();
      });
    });
    this.socket.on("error", () => undefined);
  }

  static async open(url: string, options: ClientOptions = {}): Promise<PlainClient> {
    const client = new PlainClient(url, options);
    await new Promise<void>((resolve, reject) => {
      client.socket.on("open", () => resolve());
      client.socket.on("error", reject);
    });
    return client;
  }

  /** Opens and identifies; resolves once welcomed. */
  static async come(url: string, identify: object = {}, options: ClientOptions = {}): Promise<PlainClient> {
    const client = await PlainClient.open(url, options);
    client.send({ type: "IDENTIFY", name: "tester", ...identify });
    client.id = String((await client.next("WELCOME"))["agent_id"]);
    return client;
  }

  /** With its `@`, once welcomed. */
  id = "";

  send(message: unknown): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string | Buffer): void {
    this.socket.send(text);
  }

  /** The next message of a type that was not waited for yet; others stay. Rejects when the connection ends without. */
  next(type: string, fits: (said: Said) => boolean = () => true): Promise<Said> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const at = this.#unread.findIndex((said) => said.type === type && fits(said));
        const [found] = at === -1 ? [] : this.#unread.splice(at, 1);
        if (found === undefined && !this.#isClosed) return;
        this.#waiting.delete(look);
        if (found === undefined) reject(new Error(`closed before ${type}; had ${JSON.stringify(this.all.slice(-5))}`));
        else resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The code of the next ERROR. */
  async refusal(): Promise<string> {
    return String((await this.next("ERROR"))["code"]);
  }

  /** Sends, and gives the code of the refusal. */
  refused(message: unknown): Promise<string> {
    this.send(message);
    return this.refusal();
  }

  /** All that came since the last time and nobody waited for, after a PING was answered: nothing else is under way. */
  async rest(): Promise<readonly Said[]> {
    this.send({ type: "PING" });
    await this.next("PONG");
    const rest = this.#unread;
    this.#unread = [];
    return rest;
  }

  async join(channel: string): Promise<Said> {
    this.send({ type: "JOIN", channel });
    return this.next("JOINED", (said) => said["channel"] === channel);
  }

  async bye(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

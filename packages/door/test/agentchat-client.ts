/** What agentchat 0.3's client library does on the wire, and how it waits: by the next message of a type, of any cause. */
import { EventEmitter, once } from "node:events";

import { WebSocket } from "ws";

import type { PlainKey, Said } from "./plain-client.ts";

export class AgentchatClient extends EventEmitter {
  agentId = "";
  readonly #url: string;
  readonly #name: string;
  readonly #key: PlainKey | undefined;
  #socket: WebSocket | undefined;

  constructor(url: string, name: string, key?: PlainKey) {
    super();
    this.#url = url;
    this.#name = name;
    this.#key = key;
  }

  async connect(): Promise<Said> {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const said = JSON.parse(data.toString()) as Said;
      this.emit("raw", said);
      // Types that 0.3 does not know reach nobody but "raw".
      if (known.has(said.type)) this.emit(said.type === "ERROR" ? "error" : said.type, said);
    });
    await once(socket, "open");
    this.#send({ type: "IDENTIFY", name: this.#name, pubkey: this.#key?.pubkey ?? null });
    const welcome = await this.#answer("WELCOME");
    this.agentId = String(welcome["agent_id"]);
    return welcome;
  }

  disconnect(): void {
    this.#socket?.close();
  }

  join(channel: string): Promise<Said> {
    this.#send({ type: "JOIN", channel });
    return this.#answer("JOINED");
  }

  leave(channel: string): void {
    this.#send({ type: "LEAVE", channel });
  }

  createChannel(channel: string, inviteOnly = false): Promise<Said> {
    this.#send({ type: "CREATE_CHANNEL", channel, invite_only: inviteOnly });
    return this.#answer("JOINED");
  }

  invite(channel: string, agent: string): void {
    this.#send({ type: "INVITE", channel, agent });
  }

  send(to: string, content: string): void {
    const ts = Date.now();
    const sig = this.#key?.sign(JSON.stringify({ to, content, ts }));
    this.#send(sig === undefined ? { type: "MSG", to, content } : { type: "MSG", to, content, ts, sig });
  }

  dm(agent: string, content: string): void {
    this.send(agent.startsWith("@") ? agent : `@${agent}`, content);
  }

  async listChannels(): Promise<unknown> {
    this.#send({ type: "LIST_CHANNELS" });
    return (await this.#answer("CHANNELS"))["list"];
  }

  async listAgents(channel: string): Promise<unknown> {
    this.#send({ type: "LIST_AGENTS", channel });
    return (await this.#answer("AGENTS"))["list"];
  }

  ping(): Promise<Said> {
    this.#send({ type: "PING" });
    return this.#answer("PONG");
  }

  propose(
    to: string,
    task: string,
    options: { amount?: number; currency?: string; payment_code?: string; terms?: string; expires?: number } = {},
  ): Promise<Said> {
    const { amount, currency, payment_code, expires } = options;
    const text = [to, task, amount || "", currency || "", payment_code || "", expires || ""].join("|");
    this.#send({ type: "PROPOSAL", to, task, ...options, sig: this.#key?.sign(text) });
    return this.#answer("PROPOSAL");
  }

  act(type: "ACCEPT" | "REJECT" | "COMPLETE" | "DISPUTE", id: string, field: string, text = ""): Promise<Said> {
    this.#send({ type, proposal_id: id, [field]: text || undefined, sig: this.#key?.sign(`${type}|${id}|${text}`) });
    return this.#answer(type);
  }

  /** The next one of a type. */
  heard(type: string): Promise<Said> {
    return this.#answer(type);
  }

  async #answer(type: string): Promise<Said> {
    // Rejects on "error", as the library does.
    const [said] = (await once(this, type)) as [Said];
    return said;
  }

  #send(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }
}

const known = new Set([
  "WELCOME",
  "MSG",
  "JOINED",
  "LEFT",
  "AGENT_JOINED",
  "AGENT_LEFT",
  "CHANNELS",
  "AGENTS",
  "ERROR",
  "PONG",
  "PROPOSAL",
  "ACCEPT",
  "REJECT",
  "COMPLETE",
  "DISPUTE",
]);

import { sha256, type Signer, signStatement } from "@parley/core";
import {
  challengeSchema,
  decodeDelivery,
  decodeNodeMessage,
  decodePostBatch,
  decodeRoutedFrame,
  type Delivery,
  encodePost,
  encodeRoutedHeader,
  errorCodeOfClose,
  type FrameResult,
  joinRoutedFrame,
  ParleyError,
  type PostBatch,
  postBatchKind,
  type PushBody,
  type PushType,
  type ReplyBody,
  type RequestBody,
  type RequestType,
  type RoutedHeader,
  type Statement,
  welcomeSchema,
} from "@parley/protocol";

import { randomId16, type TestIdentity } from "./test-identity.ts";
import { type SocketClose, TestSocket } from "./test-socket.ts";

export interface OpenOptions {
  /** Which of the identity's devices. Default the first. */
  readonly device?: number;
  /** Changes of the session statement. */
  readonly session?: Partial<Statement<"session">>;
  /** Device list to show instead of the first one. */
  readonly devices?: string;
  readonly rotations?: readonly string[];
}

type Welcome = ReturnType<typeof welcomeSchema.parse>;
/** What became of a post. */
export type PostResult = PushBody<"post.results">["results"][number];

/** A device that speaks the protocol by hand, one session long. It verifies nothing: that is the real one's work. */
export class TestDevice {
  readonly identity: TestIdentity;
  readonly mesh: string;
  readonly welcome: Welcome;
  readonly closed: Promise<SocketClose>;
  readonly socket: TestSocket;
  readonly #device: string;
  #nextId = 1;
  readonly #replies = new Map<
    number,
    (message: { body?: unknown; error?: { code: string; message: string } }) => void
  >();
  readonly #pushes = new Inbox<{ type: PushType; body: unknown }>();
  readonly #deliveries = new Inbox<Delivery>();
  readonly #results = new Inbox<FrameResult>();
  readonly #batches = new Inbox<PostBatch>();
  readonly #postResults = new Inbox<PostResult>();

  private constructor(identity: TestIdentity, mesh: string, device: string, socket: TestSocket, welcome: Welcome) {
    this.identity = identity;
    this.mesh = mesh;
    this.#device = device;
    this.socket = socket;
    this.welcome = welcome;
    this.closed = socket.closed;
    socket.listen((event) => {
      if ("text" in event) this.#onText(event.text);
      else if ("bytes" in event) this.#onBytes(event.bytes);
    });
    void socket.closed.then(({ code, reason }) => this.#end(code, reason));
  }

  /** Opens a session. Rejects with the coded error of the close when the registry refuses. */
  static async open(
    origin: string,
    identity: TestIdentity,
    mesh: string,
    options: OpenOptions = {},
  ): Promise<TestDevice> {
    const socket = await TestSocket.open(origin);
    try {
      const text = await socket.nextText();
      challengeSchema.parse(JSON.parse(text));
      const statement = await identity.session(mesh, await sha256(text), options.session, options.device);
      const devices = options.devices ?? (await identity.deviceList(mesh));
      socket.send(
        JSON.stringify({
          type: "proof",
          statement,
          root: identity.root.publicKey,
          rotations: options.rotations ?? [],
          devices,
        }),
      );
      const welcome = welcomeSchema.parse(JSON.parse(await socket.nextText()));
      return new TestDevice(identity, mesh, identity.device(options.device).id, socket, welcome);
    } catch (cause) {
      socket.close();
      const { code, reason } = await socket.closed;
      const error = errorCodeOfClose(code);
      throw error === undefined ? cause : new ParleyError(error, { message: reason, cause });
    }
  }

  get device(): string {
    return this.#device;
  }

  /** Asks and waits for the reply. Rejects with the coded error of the reply. */
  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> {
    const id = this.#nextId++;
    const replied = new Promise<ReplyBody<Type>>((resolve, reject) => {
      this.#replies.set(id, ({ body: reply, error }) => {
        if (error === undefined) resolve(reply as ReplyBody<Type>);
        else reject(new ParleyError(error.code as ParleyError["code"], { message: error.message }));
      });
    });
    this.socket.send(JSON.stringify({ id, type, body }));
    return replied;
  }

  /** The next push of this type; others that come before it are passed over. */
  async nextPush<Type extends PushType>(type: Type): Promise<PushBody<Type>> {
    for (;;) {
      const push = await this.#pushes.next();
      if (push.type === type) return push.body as PushBody<Type>;
    }
  }

  /** The next frame that was pushed to this device. */
  async nextDelivery(): Promise<Delivery & { readonly header: RoutedHeader; readonly content: Uint8Array }> {
    const delivery = await this.#deliveries.next();
    const frame = decodeRoutedFrame(delivery.frame);
    if (!frame.ok) throw new Error(frame.message);
    return { ...delivery, header: frame.value, content: frame.value.content };
  }

  /** Frames that were pushed and not asked for yet. */
  get waitingDeliveries(): number {
    return this.#deliveries.waiting.length;
  }

  /** Pushes of a type that came and were not asked for yet. */
  waitingPushes(type: PushType): number {
    return this.#pushes.waiting.filter((push) => push.type === type).length;
  }

  /** The next batch of posts that was pushed to this device. */
  nextBatch(): Promise<PostBatch> {
    return this.#batches.next();
  }

  /** Batches that were pushed and not asked for yet. */
  get waitingBatches(): number {
    return this.#batches.waiting.length;
  }

  /** What became of the next post that was sent. */
  nextPostResult(): Promise<PostResult> {
    return this.#postResults.next();
  }

  /** The statement of a post by this device: a text, unless it says something else. */
  makePost(channel: string, change: Partial<Statement<"post">> = {}): Promise<string> {
    const { mesh, identity } = this;
    const content = change.encrypted === undefined ? { content: { type: "text" as const, text: "hello" } } : {};
    const post = { mesh, channel, member: identity.member, id: randomId16(), iat: Date.now(), ...content, ...change };
    return signStatement("post", post, this.#signer);
  }

  /** The statement by which another member may come into an encrypted channel. */
  makeInvitation(channel: string, member: string): Promise<string> {
    const { mesh, identity } = this;
    return signStatement("invitation", { mesh, channel, member, by: identity.member, iat: Date.now() }, this.#signer);
  }

  /** Sends posts without waiting for what becomes of them. */
  sendPosts(statements: readonly string[]): void {
    for (const statement of statements) this.socket.send(encodePost(statement));
  }

  /** Posts, and answers what becomes of it once that is known. Not for several at the same time. */
  async post(channel: string, change: Partial<Statement<"post">> = {}): Promise<PostResult> {
    this.socket.send(encodePost(await this.makePost(channel, change)));
    return this.nextPostResult();
  }

  /** What became of the next frame that was sent. */
  nextResult(): Promise<FrameResult> {
    return this.#results.next();
  }

  /** Sends a frame with this content, sealed by nobody, and answers its bytes. */
  sendFrame(to: TestIdentity, content: Uint8Array, change: Partial<RoutedHeader> = {}): Uint8Array<ArrayBuffer> {
    const bytes = this.makeFrame(to, content, change);
    this.socket.send(bytes);
    return bytes;
  }

  makeFrame(to: TestIdentity, content: Uint8Array, change: Partial<RoutedHeader> = {}): Uint8Array<ArrayBuffer> {
    const store = change.store ?? false;
    const header = encodeRoutedHeader({
      store,
      suite: 1,
      toMember: to.member,
      toDevice: store ? undefined : to.device().id,
      fromMember: this.identity.member,
      fromDevice: this.#device,
      frameId: randomId16(),
      expires: 0,
      keyId: to.encryption.kid,
      bootNonce: undefined,
      encapsulated: new Uint8Array(32),
      counter: 0,
      ...change,
    });
    return joinRoutedFrame(header, new Uint8Array(64), content);
  }

  get #signer(): Signer {
    const device = this.identity.devices.find(({ id }) => id === this.#device);
    if (device === undefined) throw new Error("the device is not one of its member's");
    return device;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  #onText(text: string): void {
    const message = decodeNodeMessage(text);
    if (!message.ok) throw new Error(message.message);
    const { value } = message;
    if ("reply" in value) {
      const { re, ...reply } = value.reply;
      this.#replies.get(re)?.(reply);
      this.#replies.delete(re);
    } else if ("push" in value && value.push.type === "frame.results") {
      for (const result of value.push.body.results) this.#results.put(result);
    } else if ("push" in value && value.push.type === "post.results") {
      for (const result of value.push.body.results) this.#postResults.put(result);
    } else if ("push" in value) this.#pushes.put(value.push);
  }

  #onBytes(bytes: Uint8Array): void {
    if (bytes[0] === postBatchKind) {
      const batch = decodePostBatch(bytes);
      if (!batch.ok) throw new Error(batch.message);
      return this.#batches.put(batch.value);
    }
    const delivery = decodeDelivery(bytes);
    if (!delivery.ok) throw new Error(delivery.message);
    this.#deliveries.put(delivery.value);
  }

  #end(code: number, reason: string): void {
    for (const reply of this.#replies.values()) reply({ error: { code: "closed", message: reason } });
    this.#replies.clear();
    const error = new Error(`the session was closed with ${code} ${reason}`);
    const inboxes = [this.#pushes, this.#deliveries, this.#results, this.#batches, this.#postResults];
    for (const inbox of inboxes) inbox.end(error);
  }
}

/** What came and nobody asked for yet, or who asked and got nothing yet. */
class Inbox<Item> {
  #items: Item[] = [];
  #takers: { resolve: (item: Item) => void; reject: (error: Error) => void }[] = [];
  #error: Error | undefined;

  get waiting(): readonly Item[] {
    return this.#items;
  }

  put(item: Item): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#items.push(item);
    else taker.resolve(item);
  }

  end(error: Error): void {
    this.#error = error;
    for (const taker of this.#takers.splice(0)) taker.reject(error);
  }

  next(): Promise<Item> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }
}

import type {
  AttachOptions,
  ContentSink,
  ContentSource,
  Delivery,
  DeliveryView,
  DeliveryViews,
  DeviceApi,
  DeviceEvent,
  FoundMembers,
  IncomingMessage,
  LinkView,
  MetricSample,
  RootKeyChange,
  MemberView,
  PurgeQuery,
  Sent,
  TaskEvent,
  TaskRun,
  TransferOptions,
} from "@parley/client";
import type { DeliveryQuery } from "@parley/core";
import { type BlobRef, ParleyError } from "@parley/protocol";

import { FakeBoard } from "../../testkit/src/fake-board.ts";
import { FakeGuards } from "../../testkit/src/fake-guards.ts";
import { FakeSchedule } from "../../testkit/src/fake-schedule.ts";
import { FakeConversations } from "./fake-conversations.ts";

const id = "A".repeat(43);
const delivery = (state: Delivery["state"]): Delivery => ({
  id: "m.1",
  state,
  at: 5,
  tookMs: 1,
  path: state === "accepted" ? undefined : "relay",
  reason: state === "accepted" ? undefined : "own-links-off",
  device: state === "delivered" ? id : undefined,
  error: undefined,
});

export const remembered: DeliveryView = {
  place: 6,
  id: "in.1",
  epoch: "in",
  seq: 1,
  direction: "in",
  member: id,
  name: "bob",
  device: id,
  created: 4,
  expires: undefined,
  bytes: 5,
  pending: false,
  redelivered: true,
  state: "dead-lettered",
  facts: [
    { state: "delivered", at: 5, path: "relay" },
    { state: "dead-lettered", at: 6, code: "internal", reason: "The handler threw." },
  ],
  receipts: { delivered: "AAAA" },
  text: "hello",
};

const verified = {
  member: id,
  name: "bob",
  kind: "agent" as const,
  roles: ["member" as const],
  number: 1,
  devices: new Map([[id, { device: id, key: id, label: "desk", since: 1, seal: undefined }]]),
  devicesAt: 1,
  encryption: { kid: "AAAAAAAAAAA", key: id },
  rootKey: id,
  card: undefined,
  replaces: undefined,
  scope: undefined,
  withdrawn: new Set<string>(),
  numbers: { rotation: 0, admission: 1, devices: 1, card: 0, withdrawals: 0 },
  admissionExpires: 9,
  record: { root: id, rotations: [], admission: "a.b.c", devices: "a.b.c" },
};
export const bob: MemberView = {
  member: id,
  name: "bob",
  kind: "agent",
  roles: ["member"],
  card: undefined,
  devices: [{ device: id, state: "connected", boot: "A".repeat(22), since: 1, load: 2, consumer: "reading" }],
  availability: undefined,
  live: true,
  devicesAt: 1,
  stale: false,
  verified,
};
export const link: LinkView = {
  member: id,
  name: "bob",
  device: id,
  state: "open",
  path: "direct",
  route: { path: "direct", local: "a", remote: "b" },
  openedInMs: 3,
  reason: "direct-link",
  attempts: 1,
  lastFailure: undefined,
};

export const messageOf = (text: string): IncomingMessage => ({
  id: `in.${text}`,
  from: { member: id, name: "bob", device: id, kind: "agent", roles: ["member"], trust: "contact", verified: true },
  text,
  attachments: [],
  created: 1,
  path: "direct",
  class: "durable",
  redelivered: false,
  hops: 2,
  request: true,
  secret: true,
  answers: "in.0",
  thread: "in.0",
});

export const refOf = (name: string): BlobRef => ({
  name,
  type: "text/plain",
  size: 4,
  sha256: id,
  key: id,
  expires: 5,
  parts: [{ hash: "ab".repeat(32), bytes: 20 }],
});

/** A device without a mesh: it does what a test tells it, and remembers what it was asked. */
export class FakeDevice implements DeviceApi {
  readonly member = id;
  readonly device = id;
  readonly guards = new FakeGuards();
  readonly board = new FakeBoard();
  readonly scheduled = new FakeSchedule();
  readonly name = "ada";
  readonly mesh = id;
  readonly delegations: DeviceApi["delegations"] = {
    give: async () => [],
    list: async () => [],
    withdraw: async () => undefined,
    subAgent: () => Promise.reject(new ParleyError("unsupported_operation")),
  };
  readonly agreements: DeviceApi["agreements"] = {
    propose: () => Promise.reject(new ParleyError("unsupported_operation")),
    act: () => Promise.reject(new ParleyError("unsupported_operation")),
    list: async () => [],
    get: () => Promise.reject(new ParleyError("not_found")),
    export: () => Promise.reject(new ParleyError("not_found")),
    offers: async () => ({ offers: [], next: undefined }),
    take: () => Promise.reject(new ParleyError("not_found")),
  };
  readonly tasks: DeviceApi["tasks"] = {
    list: async () => [],
    follow: () => Promise.reject(new ParleyError("task_not_found")),
    get: () => Promise.reject(new ParleyError("task_not_found")),
    cancel: () => Promise.reject(new ParleyError("task_not_found")),
    export: () => Promise.reject(new ParleyError("task_not_found")),
  };
  readonly approvals: DeviceApi["approvals"] = {
    list: async () => [],
    answer: async () => undefined,
    reply: async () => undefined,
    ask: async () => undefined,
    question: async () => "-",
    standing: async () => [],
    endStanding: async () => undefined,
  };
  readonly asked: unknown[] = [];
  readonly #watchers = new Set<(event: DeviceEvent) => void>();
  readonly #handlers = new Set<(message: IncomingMessage) => void | Promise<void>>();
  readonly settled = Promise.withResolvers<Delivery>();
  readonly outcome = Promise.withResolvers<void>();
  taskEvents: TaskEvent[] = [];
  taskSignal: AbortSignal | undefined;
  state: DeviceApi["state"] = "connected";

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  watch(listener: (event: DeviceEvent) => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  get handlers(): number {
    return this.#handlers.size;
  }

  emit(event: DeviceEvent): void {
    for (const watcher of this.#watchers) watcher(event);
  }

  /** Hands a message to every handler; resolves when all are done. */
  async receive(message: IncomingMessage): Promise<void> {
    await Promise.all([...this.#handlers].map(async (handler) => handler(message)));
  }

  async memberOf(who: string): Promise<MemberView> {
    if (who !== "bob") throw new ParleyError("unknown_member", { message: `Nobody is called ${who}.`, data: { who } });
    return bob;
  }

  async find(query: unknown): Promise<FoundMembers> {
    this.asked.push(query);
    return { members: [bob], refused: [], next: undefined };
  }

  async request(): Promise<never> {
    return { time: 42 } as never;
  }

  async send(to: string, text: string, options: unknown) {
    this.asked.push([to, text, options]);
    return this.#sent();
  }

  #sent(): Sent {
    return {
      id: "m.1",
      accepted: delivery("accepted"),
      state: () => delivery("accepted"),
      settled: this.settled.promise,
      reaches: () => this.settled.promise,
    };
  }

  readonly conversations = new FakeConversations(() => this.#sent(), this.asked);

  stored(): void {
    this.emit({ type: "delivery", delivery: delivery("stored"), to: id });
  }

  delivered(): void {
    this.settled.resolve(delivery("delivered"));
  }

  onMessage(handler: (message: IncomingMessage) => void | Promise<void>): () => void {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  async attach(source: ContentSource, options: AttachOptions): Promise<BlobRef> {
    const { onProgress, signal: _, ...rest } = options;
    this.asked.push([source.path, rest]);
    onProgress?.({ step: "transfer", done: source.size, total: source.size });
    return refOf(options.name);
  }

  async fetchAttachment(ref: BlobRef, sink: ContentSink, options: TransferOptions = {}): Promise<void> {
    this.asked.push([ref, sink.path]);
    options.onProgress?.({ step: "transfer", done: ref.size, total: ref.size });
  }

  async attachmentsOf(message: string): Promise<readonly BlobRef[]> {
    return message === "in.1" ? [refOf("a.txt")] : [];
  }

  async deliveries(query: DeliveryQuery = {}): Promise<DeliveryViews> {
    this.asked.push(["deliveries", query]);
    return { records: [remembered], next: 7 };
  }

  async redeliver(wanted: string): Promise<string> {
    if (wanted !== remembered.id) throw new ParleyError("not_found");
    return wanted;
  }

  async purgeDeliveries(query: PurgeQuery): Promise<number> {
    this.asked.push(["purge", query]);
    return 3;
  }

  async markRead(ids: readonly string[]): Promise<void> {
    this.asked.push(["read", ids]);
  }

  async ping() {
    return { path: "direct" as const, rttMs: 1.5, device: id, route: undefined };
  }

  async connect(): Promise<LinkView> {
    return link;
  }

  metrics(): Promise<readonly MetricSample[]> {
    return Promise.resolve([{ name: "links_opened", labels: { path: "direct" }, value: 2 }]);
  }

  links(): readonly LinkView[] {
    return [link];
  }

  async delegate(_to: string | undefined, request: { signal?: AbortSignal }): Promise<TaskRun> {
    this.taskSignal = request.signal;
    const { taskEvents, outcome } = this;
    const aborted = Promise.withResolvers<never>();
    request.signal?.addEventListener("abort", () => aborted.reject(new ParleyError("canceled")));
    aborted.promise.catch(() => undefined);
    const ended = Promise.race([outcome.promise, aborted.promise]);
    ended.catch(() => undefined);
    async function* events() {
      yield* taskEvents;
      await ended;
    }
    const task = { id: "t", status: { state: "TASK_STATE_COMPLETED" as const } };
    return {
      to: messageOf("").from,
      taskId: "t",
      events: events(),
      outcome: ended.then(() => ({ task, output: undefined, text: "", path: "direct" as const, tookMs: 7 })),
      reply: async (text) => void this.asked.push({ reply: text }),
      cancel: () => undefined,
      leave: () => undefined,
    };
  }

  async replyToTask(task: string, text: string): Promise<void> {
    this.asked.push({ task, reply: text });
  }

  serve(): void {}
  async publishCard(): Promise<void> {}
  async rotateRoot(): Promise<RootKeyChange> {
    return { number: 1, rootKey: "A".repeat(43) };
  }
  async setAvailability(): Promise<void> {}
  async reportUsage(): Promise<void> {}
}

import type {
  AttachOptions,
  ContentSink,
  ContentSource,
  ConversationApi,
  GuardApi,
  DelegateRequest,
  DeliveryViews,
  DeviceApi,
  DeviceEvent,
  FindQuery,
  FoundMembers,
  IncomingMessage,
  LinkView,
  MetricSample,
  MemberView,
  PingResult,
  PurgeQuery,
  RootKeyChange,
  SendOptions,
  Sender,
  Sent,
  SelfReport,
  SessionState,
  TaskRun,
  TransferOptions,
} from "@parley/client";
import type { DeliveryQuery } from "@parley/core";
import {
  type AgentCard,
  type Availability,
  type BlobRef,
  type Path,
  ParleyError,
  type ReplyBody,
  type RequestBody,
  requestTable,
  type RequestType,
  toParleyError,
} from "@parley/protocol";

import { AttachedAgreements } from "./attached-agreements.ts";
import { AttachedApprovals } from "./attached-approvals.ts";
import { AttachedBoard } from "./attached-board.ts";
import { AttachedConversations } from "./attached-conversations.ts";
import { AttachedDelegations } from "./attached-delegations.ts";
import { AttachedGuards } from "./attached-guards.ts";
import { attachedRun } from "./attached-run.ts";
import { AttachedSchedule } from "./attached-schedule.ts";
import { attachedSent, type HolderView } from "./attached-sent.ts";
import { AttachedTasks } from "./attached-tasks.ts";
import { LocalCalls } from "./local-calls.ts";
import type { OperationBody } from "./operations.ts";

/** A device that another process of this person holds. */
export interface AttachedDevice extends DeviceApi {
  /** Resolves with the reason when the holder goes. */
  readonly closed: Promise<ParleyError>;
}

/**
 * Attaches to the process that holds the device whose socket this is. Throws `not_connected` when there is none,
 * `unsupported_version` when the two programs do not understand each other.
 */
export async function attachDevice(
  socketPath: string,
  options: { readonly program?: string } = {},
): Promise<AttachedDevice> {
  const calls = await LocalCalls.open(socketPath, options.program ?? "parley");
  const attached = new Attached(calls);
  await attached.mirror();
  return attached;
}

const pathsOf = (paths: readonly Path[] | undefined): { paths?: Path[] } =>
  paths === undefined ? {} : { paths: [...paths] };

class Attached implements AttachedDevice {
  readonly conversations: ConversationApi;
  readonly guards: GuardApi;
  readonly scheduled: AttachedSchedule;
  readonly approvals: AttachedApprovals;
  readonly agreements: AttachedAgreements;
  readonly delegations: AttachedDelegations;
  readonly board: AttachedBoard;
  readonly tasks: AttachedTasks;
  readonly #calls: LocalCalls;
  readonly #holder: HolderView;
  readonly #listeners = new Set<(event: DeviceEvent) => void>();
  readonly #links = new Map<string, LinkView>();
  #state: SessionState = "connecting";

  constructor(calls: LocalCalls) {
    this.#calls = calls;
    this.#holder = { calls, watch: (listener) => this.watch(listener) };
    this.guards = new AttachedGuards(calls);
    this.scheduled = new AttachedSchedule(calls);
    this.conversations = new AttachedConversations(this.#holder);
    this.approvals = new AttachedApprovals(calls);
    this.agreements = new AttachedAgreements(calls);
    this.delegations = new AttachedDelegations(calls);
    this.board = new AttachedBoard(calls);
    this.tasks = new AttachedTasks(calls);
  }

  get member(): string {
    return this.#calls.welcome.member;
  }

  get device(): string {
    return this.#calls.welcome.device;
  }

  get name(): string {
    return this.#calls.welcome.name;
  }

  get mesh(): string {
    return this.#calls.welcome.mesh;
  }

  get state(): SessionState {
    return this.#state;
  }

  get closed(): Promise<ParleyError> {
    return this.#calls.closed;
  }

  /** Follows the holder's state; resolves once it is known. */
  async mirror(): Promise<void> {
    const known = Promise.withResolvers<void>();
    const watching = this.#calls.call(
      "watch",
      {},
      {
        onEvent: (event) => {
          if ("event" in event) this.#follow(event.event);
          else {
            this.#state = event.state;
            for (const link of event.links) this.#links.set(link.device, link);
            known.resolve();
          }
        },
      },
    );
    watching.catch((error: unknown) => {
      known.reject(toParleyError(error));
      this.#follow({
        type: "session",
        state: "stopped",
        error: { code: "closed", message: "The process that held the device stopped." },
      });
    });
    await known.promise;
  }

  async start(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.#state === "connected") return;
    const connected = Promise.withResolvers<void>();
    const stop = this.watch((event) => {
      if (event.type !== "session") return;
      if (event.state === "connected") connected.resolve();
      if (event.state === "stopped")
        connected.reject(
          new ParleyError(
            event.error?.code ?? "closed",
            event.error === undefined ? {} : { message: event.error.message },
          ),
        );
    });
    // The holder may have gone before anybody watched.
    void this.closed.then((error) => connected.reject(error));
    const abort = (): void => connected.reject(new ParleyError("canceled"));
    options.signal?.addEventListener("abort", abort, { once: true });
    try {
      if (options.signal?.aborted === true) throw new ParleyError("canceled");
      await connected.promise;
    } finally {
      stop();
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Detaches; the holder goes on. */
  async stop(): Promise<void> {
    this.#calls.close();
  }

  watch(listener: (event: DeviceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  memberOf(who: string): Promise<MemberView> {
    return this.#calls.call("memberOf", { who });
  }

  find(query: FindQuery): Promise<FoundMembers> {
    return this.#calls.call("find", query);
  }

  async request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> {
    const reply = requestTable[type].reply.safeParse(await this.#calls.call("request", { type, body }));
    if (!reply.success) throw new ParleyError("unsupported_version");
    return reply.data as ReplyBody<Type>;
  }

  send(to: string, text: string, options: SendOptions = {}): Promise<Sent> {
    const { signal, paths, attachments, ...rest } = options;
    const attached = attachments === undefined ? {} : { attachments: [...attachments] };
    const body = { to, text, ...rest, ...attached, ...pathsOf(paths) };
    return attachedSent(this.#holder, (call) => this.#calls.call("send", body, call), signal);
  }

  onMessage(
    handler: (message: IncomingMessage) => void | Promise<void>,
    { ready }: { readonly ready?: (from: Sender) => Promise<void> | undefined } = {},
  ): () => void {
    const abort = new AbortController();
    const onEvent = async (message: IncomingMessage): Promise<void> => {
      await ready?.(message.from);
      await handler(message);
    };
    // What ends the subscription otherwise shows as the end of the connection.
    this.#calls.call("messages", {}, { onEvent, signal: abort.signal }).catch(() => undefined);
    return () => abort.abort();
  }

  async attach(source: ContentSource, options: AttachOptions): Promise<BlobRef> {
    const { signal, onProgress = () => undefined, ...rest } = options;
    return this.#calls.call("attach", { path: pathOf(source), ...rest }, { onEvent: onProgress, signal });
  }

  async fetchAttachment(ref: BlobRef, sink: ContentSink, options: TransferOptions = {}): Promise<void> {
    const { signal, onProgress = () => undefined } = options;
    await this.#calls.call("fetchAttachment", { ref, path: pathOf(sink) }, { onEvent: onProgress, signal });
  }

  async attachmentsOf(message: string): Promise<readonly BlobRef[]> {
    return (await this.#calls.call("attachmentsOf", { message })).attachments;
  }

  deliveries(query: DeliveryQuery = {}): Promise<DeliveryViews> {
    const { states, ...rest } = query;
    return this.#calls.call("deliveries", { ...rest, ...(states === undefined ? {} : { states: [...states] }) });
  }

  async redeliver(id: string): Promise<string> {
    return (await this.#calls.call("redeliver", { id })).id;
  }

  async purgeDeliveries({ states, ...rest }: PurgeQuery): Promise<number> {
    const query = { ...rest, ...(states === undefined ? {} : { states: [...states] }) };
    return (await this.#calls.call("purgeDeliveries", query)).removed;
  }

  async markRead(ids: readonly string[]): Promise<void> {
    await this.#calls.call("markRead", { ids: [...ids] });
  }

  ping(to: string, options: { paths?: readonly Path[]; timeoutMs?: number } = {}): Promise<PingResult> {
    const { paths, timeoutMs } = options;
    return this.#calls.call("ping", { to, ...pathsOf(paths), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  connect(to: string, options: { signal?: AbortSignal } = {}): Promise<LinkView> {
    return this.#calls.call("connect", { to }, { signal: options.signal });
  }

  links(): readonly LinkView[] {
    return [...this.#links.values()];
  }

  async metrics(): Promise<readonly MetricSample[]> {
    return (await this.#calls.call("metrics", {})).samples;
  }

  async delegate(to: string | undefined, request: DelegateRequest): Promise<TaskRun> {
    const { signal, paths, acting, ...rest } = request;
    if (acting !== undefined) return this.delegations.subAgent();
    const body = { ...(to === undefined ? {} : { to }), ...rest, ...pathsOf(paths) } as OperationBody<"delegate">;
    return attachedRun("delegate", body, {
      calls: this.#calls,
      signal,
      reply: (task, text) => this.replyToTask(task, text),
    });
  }

  async replyToTask(task: string, text: string): Promise<void> {
    await this.#calls.call("replyToTask", { task, text });
  }

  serve(): void {
    throw new ParleyError("unsupported_operation", { message: "Only the process that holds a device takes tasks." });
  }

  async publishCard(card: AgentCard): Promise<void> {
    await this.#calls.call("publishCard", { card });
  }

  rotateRoot(): Promise<RootKeyChange> {
    return this.#calls.call("rotateRoot", {});
  }

  async reportUsage({ tokens, money }: SelfReport): Promise<void> {
    await this.#calls.call("reportUsage", {
      ...(tokens === undefined ? {} : { tokens }),
      ...(money === undefined ? {} : { money }),
    });
  }

  async setAvailability(availability: Availability): Promise<void> {
    await this.#calls.call("setAvailability", { availability });
  }

  #follow(event: DeviceEvent): void {
    if (event.type === "session") this.#state = event.state;
    if (event.type === "link") {
      if (event.link.state === "closed") this.#links.delete(event.link.device);
      else this.#links.set(event.link.device, event.link);
    }
    for (const listener of this.#listeners) listener(event);
  }
}

/** Content stays on this machine: the holder opens the file itself, and no bytes go through the socket. */
function pathOf({ path }: { readonly path?: string }): string {
  if (path !== undefined) return path;
  throw new ParleyError("unsupported_operation", {
    message: "Through the process that holds the device only files can be transferred.",
  });
}

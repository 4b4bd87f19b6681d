/** A device: session, links, streams and calls behind one surface. */
import type { DeliveryQuery, JournalState } from "@parley/core";
import {
  type AgentCard,
  type Availability,
  type BlobRef,
  ParleyError,
  type ReplyBody,
  type RequestBody,
  type RequestType,
  type Task,
} from "@parley/protocol";

import type { AgreementApi } from "./agreements/agreement-api.ts";
import type { ApprovalApi } from "./approvals/approval-api.ts";
import type { AttachOptions, TransferOptions } from "./blobs/attachments.ts";
import type { ContentSink } from "./blobs/content-sink.ts";
import type { ContentSource } from "./blobs/content-source.ts";
import { attachmentsOf } from "./blobs/message-attachments.ts";
import type { BoardApi } from "./board/board-api.ts";
import type { ConversationApi } from "./conversations/conversation-api.ts";
import type { DelegationApi } from "./delegations/delegation-api.ts";
import type { DeliveryViews, PurgeQuery } from "./deliveries.ts";
import type { AllowedPaths, PingResult, SendOptions, Sent } from "./delivery.ts";
import type { DeviceApi, DeviceEvent, LinkView, SelfReport, SessionState } from "./device-api.ts";
import type { DeviceOptions } from "./device-options.ts";
import { DeviceParts } from "./device-parts.ts";
import type { MessageGate, MessageHandler } from "./direct-messages.ts";
import type { Exchanges } from "./exchanges.ts";
import type { GuardApi } from "./guards/guard-api.ts";
import { type KeptState, openKeptState } from "./kept-state.ts";
import { type LiveMessage, LiveStreamWriter } from "./live-stream-writer.ts";
import type { FindQuery, FoundMembers, MemberView } from "./member-view.ts";
import type { MetricSample } from "./metrics.ts";
import { linkPaths } from "./path-rules.ts";
import type { RootKeyChange } from "./root-rotation.ts";
import type { ScheduleApi } from "./scheduled/schedule-api.ts";
import { startSession } from "./session-wait.ts";
import type { TaskApi } from "./tasks/task-api.ts";
import type { DelegateRequest, ServeOptions, TaskAdmission, TaskHandler, TaskRun } from "./tasks/task-run.ts";

export class Device implements DeviceApi {
  readonly #parts: DeviceParts;
  readonly #exchanges: Exchanges;

  private constructor(options: DeviceOptions, state: JournalState, kept: KeptState) {
    this.#parts = new DeviceParts(options, state, kept, this);
    this.#exchanges = this.#parts.exchanges;
  }

  /** Loads what the journal holds. The device does nothing until `start`. */
  static async open(options: DeviceOptions): Promise<Device> {
    const state = await options.journal.load();
    const device = new Device(options, state, await openKeptState(options.journal));
    const { notices, exchanges } = device.#parts;
    exchanges.conversations.speech.recall(state.outbox).catch(notices.failed);
    return device;
  }

  get member(): string {
    return this.#parts.own.identity.member;
  }

  get device(): string {
    return this.#parts.own.identity.device.id;
  }

  get name(): string {
    return this.#parts.own.identity.name;
  }

  get mesh(): string {
    return this.#parts.trust.mesh;
  }

  get state(): SessionState {
    return this.#parts.session.state;
  }

  watch(listener: (event: DeviceEvent) => void): () => void {
    return this.#parts.notices.watch(listener);
  }

  start(options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#parts.scheduled.begin();
    return startSession(this.#parts, options.signal);
  }

  async stop(): Promise<void> {
    const { own, renewal, session, intake, peers, arrivals, ending, writes, audit } = this.#parts;
    await this.#exchanges.board.stop();
    this.#parts.scheduled.stop();
    this.#exchanges.callee.stop();
    this.#exchanges.approvals.stop();
    this.#exchanges.agreements.stop();
    intake.holder.close();
    own.stop();
    renewal.stop();
    audit.stop();
    await ending.drain();
    await this.#parts.meter.settle();
    arrivals.close();
    intake.lanes.pause();
    this.#exchanges.caller.stop();
    this.#exchanges.channels.stop();
    this.#exchanges.conversations.typing.stop();
    peers.stop();
    await ending.settled();
    intake.stop();
    this.#parts.meter.stop();
    writes.stop();
    session.stop();
  }

  memberOf(who: string): Promise<MemberView> {
    return this.#parts.directory.get(who);
  }

  find(query: FindQuery): Promise<FoundMembers> {
    return this.#parts.directory.find(query);
  }

  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> {
    return this.#parts.session.request(type, body);
  }

  send(to: string, text: string, options: SendOptions = {}): Promise<Sent> {
    return this.#exchanges.messages.send(to, text, options);
  }

  attach(source: ContentSource, options: AttachOptions): Promise<BlobRef> {
    return this.#exchanges.attachments.attach(source, options);
  }

  fetchAttachment(ref: BlobRef, sink: ContentSink, options: TransferOptions = {}): Promise<void> {
    return this.#exchanges.attachments.fetch(ref, sink, options);
  }

  attachmentsOf(message: string): Promise<readonly BlobRef[]> {
    return attachmentsOf(this.#exchanges.conversations.archive, message);
  }

  onMessage(handler: MessageHandler, options: { readonly ready?: MessageGate } = {}): () => void {
    return this.#exchanges.messages.read(handler, options.ready);
  }

  get scheduled(): ScheduleApi {
    return this.#parts.scheduled;
  }

  get guards(): GuardApi {
    return this.#parts.guards;
  }

  get delegations(): DelegationApi {
    return this.#exchanges.delegations;
  }

  get board(): BoardApi {
    return this.#exchanges.board;
  }

  get approvals(): ApprovalApi {
    return this.#exchanges.approvals.inbox;
  }

  get agreements(): AgreementApi {
    return this.#exchanges.agreements;
  }

  get conversations(): ConversationApi {
    return this.#exchanges.desk;
  }

  deliveries(query: DeliveryQuery = {}): Promise<DeliveryViews> {
    return this.#exchanges.deliveries.find(query);
  }

  redeliver(id: string): Promise<string> {
    return this.#exchanges.deliveries.redeliver(id);
  }

  purgeDeliveries(query: PurgeQuery): Promise<number> {
    return this.#exchanges.deliveries.purge(query);
  }

  markRead(ids: readonly string[]): Promise<void> {
    return this.#parts.intake.markRead(ids);
  }

  async ping(to: string, options: { paths?: AllowedPaths; timeoutMs?: number } = {}): Promise<PingResult> {
    const { recipients, opener, peers, pings } = this.#parts;
    const peer = await recipients.live(to);
    await opener.approach(peer, options.paths);
    const reason = peers.pathReason(peer, options.paths);
    const byLink = peer.link !== undefined && (options.paths ?? linkPaths).includes(peer.link.path);
    return { ...(await pings.ping(peer, !byLink, options.timeoutMs)), reason };
  }

  async connect(to: string, options: { signal?: AbortSignal } = {}): Promise<LinkView> {
    const { recipients, opener, peers } = this.#parts;
    const peer = await recipients.live(to);
    await opener.open(peer, undefined, options.signal);
    const view = peers.views().find(({ device }) => device === peer.device);
    if (view === undefined) throw new ParleyError("path_unavailable");
    return view;
  }

  links(): readonly LinkView[] {
    return this.#parts.peers.views();
  }

  metrics(): Promise<readonly MetricSample[]> {
    return Promise.resolve(this.#parts.metrics.samples());
  }

  get tasks(): TaskApi {
    return this.#exchanges.tasks;
  }

  replyToTask(task: string, text: string): Promise<void> {
    return this.#exchanges.caller.replyTo(task, text);
  }

  delegate(to: string | undefined, request: DelegateRequest): Promise<TaskRun> {
    return this.#exchanges.delegation.start(to, request);
  }

  /** A task of this member as its agent holds it. Throws `task_not_found` for another member's as for none at all. */
  async getTask(to: string, id: string): Promise<Task> {
    return this.#exchanges.caller.ask(await this.#parts.recipients.live(to), "GetTask", id);
  }

  /** Asks an agent to stop a task. Throws `task_not_found`, or `task_not_cancelable` when it has ended. */
  async cancelTask(to: string, id: string): Promise<Task> {
    return this.#exchanges.caller.ask(await this.#parts.recipients.live(to), "CancelTask", id);
  }

  serve(handler: TaskHandler, admit?: TaskAdmission, options?: ServeOptions): void {
    this.#exchanges.callee.serve(handler, admit, options);
  }

  /** A live stream of bytes to the device of a member. */
  async stream(to: string, options: { paths?: AllowedPaths } = {}): Promise<LiveStreamWriter> {
    const { recipients, opener, clock } = this.#parts;
    const peer = await recipients.live(to);
    await opener.approach(peer, options.paths);
    return new LiveStreamWriter(peer, clock, options.paths);
  }

  /** Takes the messages of other devices' live streams; one handler at a time. */
  onStream(handler: (message: LiveMessage) => void): () => void {
    return this.#exchanges.onStream(handler);
  }

  publishCard(card: AgentCard): Promise<void> {
    return this.#parts.card.publish(card);
  }

  rotateRoot(): Promise<RootKeyChange> {
    return this.#parts.own.rotateRoot();
  }

  async reportUsage(used: SelfReport): Promise<void> {
    this.#parts.meter.used(used);
    this.#parts.gate.checkBudget();
  }

  async setAvailability(availability: Availability): Promise<void> {
    await this.#parts.session.request("presence.set", { availability });
  }
}

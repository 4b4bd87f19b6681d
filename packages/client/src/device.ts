/** A device: session, links, streams and calls, put together. */
import {
  type Clock,
  type DeliveryQuery,
  FrameOpener,
  FrameSealer,
  type Journal,
  type JournalState,
  type MeshTrust,
  peekStatement,
  type Random,
  splitBody,
  systemClock,
  systemRandom,
  verifyReceipt,
} from "@parley/core";
import { signStatement } from "@parley/core";
import {
  type AgentCard,
  type Availability,
  type BlobRef,
  envelopeKinds,
  type Gossip,
  keptReceiptBytes,
  limits,
  ParleyError,
  type Path,
  type ReceiptSection,
  type ReplyBody,
  type RequestBody,
  type RequestType,
  type Task,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { Attachments, type AttachOptions, type TransferOptions } from "./blobs/attachments.ts";
import type { ContentSink } from "./blobs/content-sink.ts";
import type { ContentSource } from "./blobs/content-source.ts";
import { attachmentsOf } from "./blobs/message-attachments.ts";
import { bodyOf } from "./body.ts";
import { Deliveries, type DeliveryViews, type PurgeQuery } from "./deliveries.ts";
import type { AllowedPaths, PingResult, SendOptions, Sent } from "./delivery.ts";
import type { DeviceApi, DeviceEvent, LinkView, SessionState } from "./device-api.ts";
import type { DeviceOptions, LogLine } from "./device-options.ts";
import { DirectMessages, type MessageHandler } from "./direct-messages.ts";
import { Directory } from "./directory.ts";
import { Emitter } from "./emitter.ts";
import { HistoryTransfer } from "./history-transfer.ts";
import { InboxHolder } from "./inbox-holder.ts";
import { InboxLanes, type Waiting } from "./inbox-lanes.ts";
import { Inbox, type Source } from "./inbox.ts";
import { KnownNames } from "./known-names.ts";
import { LinkOpener } from "./link-opener.ts";
import { type LiveMessage, LiveStreamWriter } from "./live-stream-writer.ts";
import { MailboxAcks, type MailboxState } from "./mailbox-acks.ts";
import type { FindQuery, FoundMembers, MemberView } from "./member-view.ts";
import { DeviceMetrics, type MetricSample } from "./metrics.ts";
import { OwnDevices } from "./own-devices.ts";
import { OwnPresence } from "./own-presence.ts";
import { linkPaths } from "./path-rules.ts";
import type { Peer } from "./peer.ts";
import { Peers } from "./peers.ts";
import { Pings } from "./pings.ts";
import { ReceiptWriter } from "./receipt-writer.ts";
import { Relay, type RelayedFrame } from "./relay.ts";
import { type LiveEnvelope, SectionHandler } from "./section-handler.ts";
import { Session } from "./session.ts";
import { SleepWatch } from "./sleep-watch.ts";
import { checkSkillInput, checkSkillOutput } from "./tasks/card-schemas.ts";
import { TaskCallee } from "./tasks/task-callee.ts";
import { TaskCaller } from "./tasks/task-caller.ts";
import { TaskPlacement } from "./tasks/task-placement.ts";
import type { DelegateRequest, TaskAdmission, TaskHandler, TaskRun } from "./tasks/task-run.ts";
import { Traffic } from "./traffic.ts";
import { WriteAgain } from "./write-again.ts";

const defaultPingMs = 10_000;
const drainMs = 2000;
/** Longest time that an instance which was asked for the inbox takes to acknowledge what it has. */
const handOverMs = 1000;
/** Pause before the sender of a message is asked for again. */
const askAgainMs = 1000;
export class Device implements DeviceApi {
  readonly #options: DeviceOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: LogLine;
  readonly #journal: Journal;
  readonly #writes: WriteAgain;
  readonly #names: KnownNames;
  readonly #trust: MeshTrust;
  readonly #boot: string;
  readonly #sleep: SleepWatch;
  readonly #session: Session;
  readonly #directory: Directory;
  readonly #relay: Relay;
  readonly #peers: Peers;
  readonly #acks: MailboxAcks;
  readonly #inboxHolder: InboxHolder;
  readonly #deliveries: Deliveries;
  readonly #history: HistoryTransfer;
  readonly #receipts: ReceiptWriter;
  readonly #lanes: InboxLanes;
  readonly #inbox: Inbox;
  readonly #sections: SectionHandler;
  readonly #placement: TaskPlacement;
  readonly #caller: TaskCaller;
  readonly #callee: TaskCallee;
  readonly #pings: Pings;
  readonly #events: Emitter<DeviceEvent>;
  readonly #opener: LinkOpener;
  readonly #metrics = new DeviceMetrics();
  readonly #traffic = new Traffic(this.#metrics);
  readonly #messages: DirectMessages;
  readonly #attachments: Attachments;
  readonly #presence: OwnPresence;
  readonly #own: OwnDevices;
  #streamHandler: ((message: LiveMessage) => void) | undefined;
  #card: AgentCard | undefined;
  #cardNumber = 0;
  #state: SessionState = "stopped";
  #isEnding = false;

  private constructor(options: DeviceOptions, state: JournalState) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#log = options.log ?? (() => {});
    this.#journal = options.journal;
    this.#writes = new WriteAgain({
      clock: this.#clock,
      random: this.#random,
      onError: (error) => this.#onError(error),
    });
    this.#names = new KnownNames(this.#journal, this.#writes);
    this.#trust = options.trust;
    this.#own = this.#makeOwn();
    this.#boot = toBase64url(this.#random.bytes(16));
    this.#events = new Emitter((error) => this.#onError(error));
    this.#sleep = new SleepWatch({ clock: this.#clock, onSlept: (ms) => this.#onSlept(ms) });
    this.#session = this.#makeSession();
    this.#directory = new Directory({
      session: this.#session,
      trust: this.#trust,
      onRefused: (error) => this.#refused(error),
      onMember: (view) => {
        this.#own.onMember(view.verified);
        this.#peers.onDevices(view);
      },
    });
    this.#presence = new OwnPresence(this.#session, this.#clock, this.#log);
    this.#acks = new MailboxAcks({
      session: this.#session,
      clock: this.#clock,
      random: this.#random,
      again: (frame) => this.#relay.again(frame),
      onLeft: () => this.#inboxHolder.onLeft(),
      onError: (error) => this.#onError(error),
    });
    this.#relay = this.#makeRelay();
    this.#inboxHolder = this.#makeInboxHolder();
    this.#receipts = this.#makeReceipts();
    this.#lanes = this.#makeLanes();
    this.#inbox = this.#makeInbox(state);
    this.#placement = new TaskPlacement(this.#own.identity.device.id);
    this.#peers = this.#makePeers(state);
    this.#opener = new LinkOpener({
      peers: () => this.#peers,
      clock: this.#clock,
      watch: (listener) => this.watch(listener),
    });
    this.#messages = this.#makeMessages();
    this.#history = this.#makeHistory();
    this.#deliveries = new Deliveries({
      journal: this.#journal,
      lanes: this.#lanes,
      nameOf: async (member) => this.#directory.known(member)?.name ?? this.#names.of(member),
      send: async (member, body) => (await this.#messages.sendBody(member, body)).id,
    });
    this.#attachments = this.#makeAttachments();
    this.#pings = new Pings(this.#clock, this.#random);
    const send = (peer: Peer, kind: number, body: unknown, paths: AllowedPaths | undefined): Promise<void> =>
      this.#sendLive(peer, kind, body, paths);
    const shared = {
      clock: this.#clock,
      random: this.#random,
      send,
      onError: (error: unknown) => this.#onError(error),
    };
    this.#caller = new TaskCaller(shared);
    this.#callee = new TaskCallee({ ...shared, onLoad: (load) => this.#presence.set({ load }) });
    this.#sections = this.#makeSections();
  }

  /** Loads what the journal holds. The device does nothing until `start`. */
  static async open(options: DeviceOptions): Promise<Device> {
    return new Device(options, await options.journal.load());
  }

  get member(): string {
    return this.#own.identity.member;
  }

  get device(): string {
    return this.#own.identity.device.id;
  }

  get name(): string {
    return this.#own.identity.name;
  }

  get mesh(): string {
    return this.#trust.mesh;
  }

  get state(): SessionState {
    return this.#state;
  }

  watch(listener: (event: DeviceEvent) => void): () => void {
    return this.#events.on(listener);
  }

  start(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (options.signal?.aborted === true) return Promise.reject(toParleyError(options.signal.reason));
    if (this.#state === "connected") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = this.watch((event) => {
        if (event.type !== "session") return;
        if (event.state === "connected") finish(resolve);
        else if (event.state === "stopped" || (event.state === "waiting" && event.error?.code === "not_admitted"))
          finish(() => reject(errorOf(event)));
      });
      const onAbort = (): void => finish(() => reject(toParleyError(options.signal?.reason)));
      const finish = (act: () => void): void => {
        done();
        options.signal?.removeEventListener("abort", onAbort);
        act();
      };
      options.signal?.addEventListener("abort", onAbort, { once: true });
      this.#session.start();
    });
  }

  async stop(): Promise<void> {
    this.#callee.stop();
    this.#inboxHolder.close();
    this.#own.stop();
    await this.#drain();
    // What comes from here on is another start's: memory of what was taken goes now.
    this.#isEnding = true;
    this.#lanes.pause();
    this.#caller.stop();
    this.#peers.stop();
    await this.#settled();
    this.#acks.stop();
    this.#inbox.stop();
    this.#inboxHolder.stop();
    this.#writes.stop();
    this.#session.stop();
  }

  memberOf(who: string): Promise<MemberView> {
    return this.#directory.get(who);
  }

  find(query: FindQuery): Promise<FoundMembers> {
    return this.#directory.find(query);
  }

  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<ReplyBody<Type>> {
    return this.#session.request(type, body);
  }

  send(to: string, text: string, options: SendOptions = {}): Promise<Sent> {
    return this.#messages.send(to, text, options);
  }

  attach(source: ContentSource, options: AttachOptions): Promise<BlobRef> {
    return this.#attachments.attach(source, options);
  }

  fetchAttachment(ref: BlobRef, sink: ContentSink, options: TransferOptions = {}): Promise<void> {
    return this.#attachments.fetch(ref, sink, options);
  }

  attachmentsOf(message: string): Promise<readonly BlobRef[]> {
    return attachmentsOf(this.#journal, message);
  }

  onMessage(handler: MessageHandler): () => void {
    return this.#messages.read(handler);
  }

  deliveries(query: DeliveryQuery = {}): Promise<DeliveryViews> {
    return this.#deliveries.find(query);
  }

  redeliver(id: string): Promise<string> {
    return this.#deliveries.redeliver(id);
  }

  purgeDeliveries(query: PurgeQuery): Promise<number> {
    return this.#deliveries.purge(query);
  }

  async markRead(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const { records } = await this.#journal.deliveries({ id, direction: "in" });
      const [record] = records;
      if (record?.device === undefined || record.state === "read") continue;
      const { peer: sender, device, epoch, seq } = record;
      await this.#journal.noteInbox({ sender, device, epoch, seq }, { state: "read", at: this.#clock.now() });
      const source = this.#peers.existing(device);
      if (source !== undefined) this.#receipts.note(source, epoch, "read", seq);
    }
  }

  async ping(to: string, options: { paths?: AllowedPaths; timeoutMs?: number } = {}): Promise<PingResult> {
    const peer = await this.#livePeer(to);
    const timeoutMs = options.timeoutMs ?? defaultPingMs;
    await this.#opener.approach(peer, options.paths);
    const reason = this.#peers.pathReason(peer, options.paths);
    const byLink = peer.link !== undefined && (options.paths ?? linkPaths).includes(peer.link.path);
    return { ...(await this.#pings.ping(peer, !byLink, timeoutMs)), reason };
  }

  async connect(to: string, options: { signal?: AbortSignal } = {}): Promise<LinkView> {
    const peer = await this.#livePeer(to);
    await this.#opener.open(peer, undefined, options.signal);
    const view = this.#peers.views().find(({ device }) => device === peer.device);
    if (view === undefined) throw new ParleyError("path_unavailable");
    return view;
  }

  links(): readonly LinkView[] {
    return this.#peers.views();
  }

  metrics(): Promise<readonly MetricSample[]> {
    return Promise.resolve(this.#metrics.samples());
  }

  async delegate(to: string | undefined, request: DelegateRequest): Promise<TaskRun> {
    const view = to === undefined ? await this.#holder(request.skill) : await this.#offering(to, request.skill);
    const peer = this.#peers.peerOf(view);
    if (!view.live && peer.link === undefined)
      throw new ParleyError("not_connected", { message: `@${view.name} is not connected.` });
    checkSkillInput(view, request);
    const ended = this.#placement.begin(view, peer.device);
    try {
      await this.#opener.approach(peer, request.paths, request.signal);
      const run = this.#caller.start(
        peer,
        request,
        (output) => checkSkillOutput(view, request.skill, output),
        () => this.#peers.pathReason(peer, request.paths),
      );
      run.outcome.then(ended, ended);
      return run;
    } catch (error) {
      ended();
      throw error;
    }
  }

  /** A task of this member as its agent holds it. Throws `task_not_found` for another member's as for none at all. */
  async getTask(to: string, id: string): Promise<Task> {
    return this.#caller.ask(await this.#livePeer(to), "GetTask", id);
  }

  /** Asks an agent to stop a task. Throws `task_not_found`, or `task_not_cancelable` when it has ended. */
  async cancelTask(to: string, id: string): Promise<Task> {
    return this.#caller.ask(await this.#livePeer(to), "CancelTask", id);
  }

  serve(handler: TaskHandler, admit?: TaskAdmission): void {
    this.#callee.serve(handler, admit);
  }

  /** A live stream of bytes to the device of a member. */
  async stream(to: string, options: { paths?: AllowedPaths } = {}): Promise<LiveStreamWriter> {
    const peer = await this.#livePeer(to);
    await this.#opener.approach(peer, options.paths);
    return new LiveStreamWriter(peer, this.#clock, options.paths);
  }

  /** Takes the messages of other devices' live streams; one handler at a time. */
  onStream(handler: (message: LiveMessage) => void): () => void {
    this.#streamHandler = handler;
    return () => {
      if (this.#streamHandler === handler) this.#streamHandler = undefined;
    };
  }

  async publishCard(card: AgentCard): Promise<void> {
    const { root, member } = this.#own.identity;
    const published = await this.memberOf(member);
    if (JSON.stringify(published.card) !== JSON.stringify(card)) {
      if (root === undefined)
        throw new ParleyError("forbidden", {
          message:
            "The card differs from the published one, and this device does not hold the member's root key, which signs cards.",
          data: { lacks: "root key" },
        });
      this.#cardNumber = Math.max(this.#cardNumber, published.verified.numbers.card) + 1;
      const statement = await signStatement("card", { mesh: this.mesh, member, number: this.#cardNumber, card }, root);
      await this.#session.request("card.publish", { card: statement });
    }
    this.#card = card;
  }

  async setAvailability(availability: Availability): Promise<void> {
    await this.#session.request("presence.set", { availability });
  }

  #makeSession(): Session {
    return new Session({
      identity: () => this.#own.identity,
      registry: this.#options.registry,
      trust: this.#trust,
      boot: this.#boot,
      clock: this.#clock,
      random: this.#random,
      log: this.#log,
      connect: this.#options.connect,
      events: {
        onHeard: () => !this.#sleep.look(),
        onState: (state, error, retryInMs) => this.#onSessionState(state, error, retryInMs),
        onWelcome: ({ mailbox }) => this.#onWelcome(mailbox),
        onPush: (push) => {
          this.#onPush(push).catch((error: unknown) => this.#refused(toParleyError(error)));
        },
        onDelivery: (bytes) => this.#relay.receive(bytes),
      },
    });
  }

  #makeOwn(): OwnDevices {
    const { identity, keepIdentity, registry } = this.#options;
    return new OwnDevices({
      identity,
      keep: keepIdentity,
      device: this,
      trust: this.#trust,
      registry,
      directory: () => this.#directory,
      clock: this.#clock,
      random: this.#random,
      onChange: () => this.#peers.gossipToAll(),
      onError: (error) => this.#onError(error),
    });
  }

  #makeRelay(): Relay {
    const own = { mesh: this.#trust.mesh, member: this.#own.identity.member };
    return new Relay({
      session: this.#session,
      sealer: new FrameSealer({ ...own, device: this.#own.identity.device, random: this.#random }),
      opener: new FrameOpener({
        ...own,
        device: this.#own.identity.device.id,
        boot: this.#boot,
        encryptionKey: (kid) => this.#own.keyOf(kid),
        sender: (member, device) => this.#senderOf(member, device),
        now: () => this.#session.registryTime,
      }),
      acks: this.#acks,
      traffic: this.#traffic,
      onFrame: (frame) => this.#onRelayed(frame),
      onRefused: (error) => this.#refused(error),
    });
  }

  #makeInboxHolder(): InboxHolder {
    return new InboxHolder({
      session: this.#session,
      clock: this.#clock,
      kind: this.#own.identity.kind,
      listed: () => this.#own.listed,
      settle: () => this.#acknowledged(),
      onLost: () => {
        this.#acks.letGo();
        this.#lanes.handOver();
      },
      onError: (error) => this.#onError(error),
    });
  }

  #makeReceipts(): ReceiptWriter {
    const { member, device } = this.#own.identity;
    return new ReceiptWriter({
      mesh: this.#trust.mesh,
      member,
      device,
      clock: this.#clock,
      onError: (error) => this.#onError(error),
    });
  }

  #makeLanes(): InboxLanes {
    return new InboxLanes({
      journal: this.#journal,
      writes: this.#writes,
      now: () => this.#clock.now(),
      // By the clock: a process that stood still may not have heard that its lease ran out.
      handle: (entry) => this.#messages.onEntry(this.#inboxHolder.holds ? entry : { ...entry, redelivered: true }),
      onEnd: (entry, state, source) => this.#onHandled(entry, state, source),
      onError: (error) => this.#onError(error),
    });
  }

  #makeInbox(state: JournalState): Inbox {
    return new Inbox(
      {
        journal: this.#journal,
        writes: this.#writes,
        clock: this.#clock,
        registryTime: () => this.#session.registryTime,
        holdsInbox: () => this.#inboxHolder.holds,
        isShared: () => this.#own.identity.kind === "person" && this.#own.listed > 1,
        lanes: this.#lanes,
        onCommitted: (source, epoch, from, to) => this.#receipts.note(source, epoch, "delivered", from, to),
        onGap: (source, from, to) => this.#onGap(source, from, to),
        onError: (error) => this.#onError(error),
      },
      state.inbound,
    );
  }

  /** A receipt for whoever sent it; one that came in an earlier life of the process goes to the device as it is known now. */
  #onHandled(entry: Waiting, state: "handled" | "dead-lettered", source: Source | undefined): void {
    const to = source ?? this.#peers.existing(entry.device);
    if (to === undefined) return;
    this.#receipts.note(to, entry.epoch, state, entry.seq);
  }

  #onGap({ member, device }: Source, from: number, to: number): void {
    this.#metrics.count("gaps", { reason: "mailbox" }, to - from + 1);
    this.#events.emit({ type: "gap", member: member.member, name: member.name, device, from, to });
  }

  #makePeers(state: JournalState): Peers {
    return new Peers({
      identity: () => this.#own.identity,
      trust: this.#trust,
      boot: this.#boot,
      session: this.#session,
      directory: this.#directory,
      journal: this.#journal,
      writes: this.#writes,
      state,
      relay: () => this.#relay,
      clock: this.#clock,
      random: this.#random,
      links: this.#options.links,
      linkIdleMs: this.#options.linkIdleMs ?? limits.linkIdleMs,
      placement: this.#placement,
      emit: (event) => this.#events.emit(event),
      onFrame: (peer, bytes, path) => this.#onLinkFrame(peer, bytes, path),
      onLive: (peer, epoch, body) => this.#sections.live(peer, epoch, body),
      onLiveRefused: (peer, _epoch, _seq, error) => this.#refused(toParleyError(error), peer.member.name),
      onSweep: () => {
        this.#sleep.look();
        this.#inbox.answerBusy();
      },
      onRestart: (peer) => {
        this.#caller.onRestart(peer);
        this.#callee.onRestart(peer);
      },
      ping: (peer) => this.#pings.ping(peer, false, defaultPingMs),
      metrics: this.#metrics,
      traffic: this.#traffic,
      onError: (error) => this.#onError(error),
    });
  }

  #makeMessages(): DirectMessages {
    return new DirectMessages({
      clock: this.#clock,
      directory: this.#directory,
      peers: () => this.#peers,
      lanes: this.#lanes,
      opener: this.#opener,
      metrics: this.#metrics,
      traffic: this.#traffic,
      onMet: ({ member, name }) => {
        this.#names.note(member, name).catch((error: unknown) => this.#onError(error));
      },
      registryTime: () => this.#session.registryTime,
      recipient: (to) => this.#other(to),
      livePeer: (to) => this.#livePeer(to),
      nextChance: () => this.#nextChance(),
      onReading: (reading) => this.#presence.set({ consumer: reading ? "reading" : "idle" }),
      onRefused: (error, from) => this.#refused(error, from),
      onError: (error) => this.#onError(error),
    });
  }

  #makeAttachments(): Attachments {
    return new Attachments({
      mesh: this.mesh,
      registry: this.#options.registry,
      journal: this.#journal,
      clock: this.#clock,
      random: this.#random,
      fetch: this.#options.fetch ?? ((...request) => globalThis.fetch(...request)),
      askToken: () => this.#session.request("token.get", {}),
      registryTime: () => this.#session.registryTime,
    });
  }

  #makeSections(): SectionHandler {
    return new SectionHandler({
      peers: () => this.#peers,
      inbox: () => this.#inbox,
      streams: () => this.#peers.streams,
      onReceipt: (peer, receipt) => {
        this.#takeReceipt(peer, receipt).catch((error: unknown) =>
          this.#refused(toParleyError(error), peer.member.name),
        );
      },
      live: new Map<number, (envelope: LiveEnvelope) => Promise<void> | void>([
        [envelopeKinds.call, (envelope: LiveEnvelope) => this.#callee.onEnvelope(envelope)],
        [envelopeKinds.callEvent, (envelope: LiveEnvelope) => this.#caller.onEnvelope(envelope)],
        [envelopeKinds.message, (envelope: LiveEnvelope) => this.#messages.onLive(envelope)],
        [envelopeKinds.history, (envelope: LiveEnvelope) => this.#history.onEnvelope(envelope)],
        [
          envelopeKinds.data,
          (envelope: LiveEnvelope) =>
            this.#streamHandler?.({ id: envelope.id, from: envelope.peer.sender, body: envelope.body }),
        ],
      ]),
      onPong: (peer, body, path) => this.#pings.onPong(peer, body, path),
      onGossip: (peer, gossip) => {
        this.#takeGossip(peer, gossip).catch((error: unknown) => this.#refused(toParleyError(error)));
      },
      onRefused: (peer, error) => this.#refused(error, peer.member.name),
    });
  }

  #makeHistory(): HistoryTransfer {
    return new HistoryTransfer({
      journal: this.#journal,
      clock: this.#clock,
      member: this.member,
      device: this.device,
      opener: this.#opener,
      self: () => this.#directory.get(this.member),
      peer: (view, device) => {
        const peer = this.#peers.peer(view.verified, device);
        this.#peers.onPresence(view);
        return peer;
      },
      onProgress: (progress) => this.#events.emit({ type: "history", ...progress }),
      onError: (error) => this.#onError(error),
    });
  }

  /** A person's device asks the others for what it was not there to hear. */
  #beginHistory(): void {
    const { kind, root } = this.#own.identity;
    if (kind !== "person" || this.#own.listed < 2 || root !== undefined || this.#options.links === undefined) return;
    this.#history.begin().catch((error: unknown) => this.#onError(error));
  }

  #onSessionState(state: SessionState, error?: ParleyError, retryInMs?: number): void {
    this.#state = state;
    this.#log(error === undefined ? "info" : "warn", "session", {
      state,
      ...(error === undefined ? {} : { code: error.code }),
    });
    this.#events.emit({
      type: "session",
      state,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    });
  }

  #onWelcome(mailbox: MailboxState): void {
    this.#inboxHolder.onSession();
    this.#acks.onSession(mailbox);
    this.#presence.sayAgain();
    this.#own.onSession();
    this.#beginHistory();
    this.#peers.closeRevoked();
    this.#peers.onSession();
    const card = this.#card;
    if (card !== undefined) this.publishCard(card).catch((error: unknown) => this.#onError(error));
  }

  async #onPush(push: Parameters<ConstructorParameters<typeof Session>[0]["events"]["onPush"]>[0]): Promise<void> {
    switch (push.type) {
      case "presence": {
        const view = this.#directory.onPresence(push.body.member, push.body.devices);
        if (view !== undefined) this.#peers.onPresence(view);
        return;
      }
      case "member.changed":
        await this.#directory.onChanged(push.body.member, push.body.record);
        return;
      case "revocations":
        return this.#takeRevocations(push.body.revocations);
      case "operators":
        return this.#trust.acceptOperators(push.body.operators);
      case "pairing.pending":
        this.#events.emit({ type: "pairing-pending", pairing: push.body.pairing, request: push.body.request });
        return;
      case "device.pending":
        this.#events.emit({ type: "device-pending", ...push.body });
        return;
      case "mailbox.trimmed":
        this.#inbox.noteLoss();
        return this.#refused(
          new ParleyError("mailbox_full", {
            message: `Messages ${push.body.from} to ${push.body.to} of the mailbox were lost to its limits.`,
          }),
        );
      case "inbox.lease":
        return this.#inboxHolder.onLease(push.body);
      case "goodbye":
        this.#log("info", "goodbye", { code: push.body.error.code });
    }
  }

  /** A peer that has not heard the news yet is no roll-back. */
  async #takeGossip(peer: Peer, { revocations, devices }: Gossip): Promise<void> {
    if (revocations !== undefined && peekStatement("revocations", revocations).number >= this.#trust.revocationNumber)
      await this.#takeRevocations(revocations);
    if (devices !== undefined) await this.#directory.onDevices(peer.member, devices);
  }

  async #takeRevocations(compact: string): Promise<void> {
    if (!(await this.#trust.acceptRevocations(compact))) return;
    this.#peers.closeRevoked();
    this.#peers.gossipToAll();
  }

  /** Evidence counts when the device that it names signed it. */
  async #takeReceipt(peer: Peer, { signature, ...receipt }: ReceiptSection): Promise<void> {
    const { member, devices } = peer.member;
    const key = devices.get(peer.device)?.key ?? "";
    const own = this.#own.identity;
    const parties = {
      mesh: this.mesh,
      sender: own.member,
      senderDevice: own.device.id,
      recipient: member,
      device: peer.device,
    };
    if (!(await verifyReceipt(key, parties, receipt, signature))) throw new ParleyError("bad_signature");
    const { epoch, from, to, state, at } = receipt;
    this.#peers.streams
      .ofEpoch(member, epoch)
      ?.onReceipt(from, to, state, at, peer, keptReceiptBytes(parties, receipt, signature));
  }

  /** The verified record of a frame's sender; asked anew when it does not list the device. */
  async #senderOf(member: string, device: string): Promise<MemberView["verified"]> {
    const known = this.#directory.known(member);
    if (known?.verified.devices.has(device) === true && this.#peers.existing(device)?.boot !== undefined)
      return known.verified;
    const view = await this.#directory.get(member);
    if (view.verified.devices.has(device)) this.#peers.peer(view.verified, device);
    this.#peers.onPresence(view);
    this.#directory.watch(member);
    return view.verified;
  }

  #onRelayed(frame: RelayedFrame): Promise<void> | void {
    if (this.#isEnding) throw new ParleyError("closed");
    const peer = this.#peers.peer(frame.sender, frame.device);
    const path = this.#wasStored(frame) ? "mailbox" : "relay";
    this.#traffic.received(path, frame.frame.length);
    return this.#sections.frame(peer, frame.frame, {
      path,
      redelivered: frame.mailbox?.redelivered === true,
      fromMailbox: frame.mailbox !== undefined,
    });
  }

  /** What was stored before this session began waited for it; what came later only passed through. */
  #wasStored({ mailbox }: RelayedFrame): boolean {
    return mailbox !== undefined && mailbox.offset <= (this.#session.welcome?.mailbox.last ?? 0);
  }

  /** Nothing that was under way is taken: its age is unknown until the registry tells the time, and its sender sends it again. */
  #onSlept(ms: number): void {
    this.#log("info", "slept", { ms: Math.round(ms) });
    this.#inboxHolder.lapse();
    this.#peers.onSlept();
    this.#session.restart();
  }

  #onLinkFrame(peer: Peer, bytes: Uint8Array, path: Path): void {
    if (this.#sleep.look()) return;
    this.#traffic.received(path, bytes.length);
    try {
      const kept = this.#sections.frame(peer, bytes, { path, redelivered: false, fromMailbox: false });
      kept?.catch((error: unknown) => {
        const refused = toParleyError(error);
        // The sender was told, and goes another way.
        if (refused.code !== "not_holder") this.#refused(refused, peer.member.name);
      });
    } catch (error) {
      this.#refused(toParleyError(error), peer.member.name);
    }
  }

  /** Another member; one met before also while the registry is away. */
  async #other(to: string): Promise<MemberView> {
    const view = this.#session.isOpen ? await this.memberOf(to) : this.#directory.known(to);
    if (view === undefined)
      throw new ParleyError("unreachable", {
        message: "The registry is not connected, and this member was not met before.",
      });
    if (view.member === this.member) throw new ParleyError("self_call");
    return view;
  }

  /** A card that lacks the skill may have been published anew a moment ago, ahead of the push that says so: asked once more. */
  async #offering(to: string, skill: string): Promise<MemberView> {
    const view = await this.#other(to);
    if (!this.#session.isOpen || view.card?.skills.some(({ id }) => id === skill) === true) return view;
    return this.#directory.refresh(view.member);
  }

  /** The device of a member that can be talked to now: connected at the registry, or linked. */
  async #livePeer(to: string): Promise<Peer> {
    const view = await this.#other(to);
    const peer = this.#peers.peerOf(view);
    if (!view.live && peer.link === undefined)
      throw new ParleyError("not_connected", { message: `@${view.name} is not connected.` });
    return peer;
  }

  async #holder(skill: string): Promise<MemberView> {
    const holders = await this.#directory.holders(skill, this.member);
    const loads = new Map(holders.map((view) => [view, this.#placement.loadOfMember(view)]));
    const [holder] = holders.toSorted((one, other) => (loads.get(one) ?? 0) - (loads.get(other) ?? 0));
    if (holder === undefined) throw new ParleyError("no_holder", { message: `No live agent offers ${skill}.` });
    return holder;
  }

  async #sendLive(peer: Peer, kind: number, value: unknown, paths: AllowedPaths | undefined): Promise<void> {
    const head = {
      kind,
      critical: true,
      created: this.#clock.now(),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    await peer.sendLive(splitBody(head, bodyOf(value)), paths);
  }

  /** Resolves with the next session, or after a while within one. */
  #nextChance(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#session.isOpen) return void this.#clock.setTimer(askAgainMs, resolve);
      const done = this.watch((event) => {
        if (event.type !== "session" || event.state !== "connected") return;
        done();
        resolve();
      });
    });
  }

  /** Gives what is under way a moment to be acknowledged. */
  async #drain(): Promise<void> {
    const until = this.#clock.monotonic() + drainMs;
    const isBusy = (): boolean =>
      this.#peers.hasUnsettled || this.#relay.isBusy || this.#inbox.isBusy || !this.#acks.isQuiet;
    do await this.#settled();
    while (isBusy() && this.#state === "connected" && this.#clock.monotonic() < until);
    await this.#receipts.flush();
    await this.#settled();
    await this.#inboxHolder.release();
  }

  /** What was taken is on disk, and those who sent it know; undefined when nothing waits for that. */
  #acknowledged(): Promise<void> | undefined {
    const until = this.#clock.monotonic() + handOverMs;
    const isBusy = (): boolean => this.#inbox.isBusy || !this.#acks.isQuiet || this.#peers.isFlushing;
    const settle = async (): Promise<void> => {
      do await this.#settled();
      while (isBusy() && this.#session.isOpen && this.#clock.monotonic() < until);
    };
    return isBusy() ? settle() : undefined;
  }

  /** Long enough for what this tick wrote to leave. */
  #settled(): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(20, resolve));
  }

  #refused(error: ParleyError, from?: string): void {
    this.#log("warn", "refused", { code: error.code });
    this.#events.emit({
      type: "refused",
      code: error.code,
      message: error.message,
      ...(from === undefined ? {} : { from }),
    });
  }

  #onError(error: unknown): void {
    const { code, message, cause } = toParleyError(error);
    this.#log(code === "internal" ? "error" : "warn", "error", {
      code,
      message,
      ...(cause instanceof Error ? { cause: cause.stack ?? cause.message } : {}),
    });
  }
}

function errorOf(event: DeviceEvent & { type: "session" }): ParleyError {
  return event.error === undefined
    ? new ParleyError("closed")
    : new ParleyError(event.error.code, { message: event.error.message });
}

/**
 * What a program exchanges with other members: messages, attachments, tasks, streams, and between one person's devices
 * their history. A new sort of exchange is one more part here, with a row for each kind of envelope that it takes.
 */
import {
  type Clock,
  type Journal,
  type JournalState,
  type MeshTrust,
  type Random,
  splitBody,
  type VerifiedMember,
} from "@parley/core";
import { type Envelope, envelopeKinds, knownContent, ParleyError } from "@parley/protocol";

import { AgreementDesk } from "./agreements/agreement-desk.ts";
import { ApprovalDesk } from "./approvals/approval-desk.ts";
import { Attachments } from "./blobs/attachments.ts";
import { bodyOf } from "./body.ts";
import { Channels } from "./conversations/channels/channels.ts";
import { isPostRecipient } from "./conversations/channels/post-page.ts";
import type { ContactBook } from "./conversations/contact-book.ts";
import { ConversationDesk } from "./conversations/conversation-desk.ts";
import { Conversations } from "./conversations/conversations.ts";
import { EncryptedChannels } from "./conversations/encrypted/encrypted-channels.ts";
import { Delegations } from "./delegations/delegations.ts";
import { Deliveries } from "./deliveries.ts";
import type { AllowedPaths } from "./delivery.ts";
import type { DeviceOptions } from "./device-options.ts";
import { DirectMessages, type DirectMessagesOptions } from "./direct-messages.ts";
import type { Directory } from "./directory.ts";
import type { Gate } from "./gate.ts";
import type { GuardDesk } from "./guards/guard-desk.ts";
import { HistoryTransfer } from "./history-transfer.ts";
import type { Waiting } from "./inbox-lanes.ts";
import type { Intake } from "./intake.ts";
import type { KeptState } from "./kept-state.ts";
import type { KnownNames } from "./known-names.ts";
import type { LinkOpener } from "./link-opener.ts";
import type { LiveMessage } from "./live-stream-writer.ts";
import type { DeviceMetrics } from "./metrics.ts";
import type { Notices } from "./notices.ts";
import type { OwnDevices } from "./own-devices.ts";
import type { OwnPresence } from "./own-presence.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { Recipients } from "./recipients.ts";
import type { LiveEnvelope } from "./section-handler.ts";
import { nextChance } from "./session-wait.ts";
import type { Session } from "./session.ts";
import { fetchParts, leaveParts } from "./tasks/artifact-blobs.ts";
import { AskedTasks } from "./tasks/asked-tasks.ts";
import { CallChains } from "./tasks/call-chains.ts";
import { Delegation } from "./tasks/delegation.ts";
import { TaskApprovals } from "./tasks/task-approvals.ts";
import { TaskCallee } from "./tasks/task-callee.ts";
import { TaskCaller } from "./tasks/task-caller.ts";
import { TaskDesk } from "./tasks/task-desk.ts";
import type { TaskPlacement } from "./tasks/task-placement.ts";
import type { Traffic } from "./traffic.ts";
import type { UsageMeter } from "./usage-meter.ts";
import type { WriteAgain } from "./write-again.ts";

export interface ExchangesOptions {
  readonly settings: Pick<
    DeviceOptions,
    "registry" | "fetch" | "links" | "archive" | "strangers" | "tellsRead" | "groups"
  >;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly writes: WriteAgain;
  readonly names: KnownNames;
  readonly contacts: ContactBook;
  readonly trust: MeshTrust;
  readonly own: OwnDevices;
  readonly session: Session;
  readonly directory: Directory;
  readonly presence: OwnPresence;
  readonly intake: Intake;
  readonly peers: Peers;
  readonly opener: LinkOpener;
  readonly placement: TaskPlacement;
  readonly recipients: Recipients;
  readonly metrics: DeviceMetrics;
  readonly traffic: Traffic;
  readonly gate: Gate;
  readonly meter: UsageMeter;
  readonly kept: KeptState;
  readonly notices: Notices;
  readonly guards: Pick<GuardDesk, "outgoing">;
  readonly standingOf: DirectMessagesOptions["standingOf"];
}

export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly conversations: Conversations;
  readonly messages: DirectMessages;
  readonly channels: Channels;
  readonly desk: ConversationDesk;
  readonly deliveries: Deliveries;
  readonly approvals: ApprovalDesk;
  readonly agreements: AgreementDesk;
  readonly attachments: Attachments;
  readonly asked: AskedTasks;
  readonly caller: TaskCaller;
  readonly callee: TaskCallee;
  readonly tasks: TaskDesk;
  readonly delegation: Delegation;
  readonly delegations: Delegations;
  readonly chains: CallChains;
  readonly #history: HistoryTransfer;
  #streamHandler: ((message: LiveMessage) => void) | undefined;
  /** Who takes live envelopes, by kind number. */
  readonly live: ReadonlyMap<number, (envelope: LiveEnvelope) => Promise<void> | void>;

  /** `state`: what the journal held at the start. */
  constructor(options: ExchangesOptions, state: JournalState) {
    this.#options = options;
    const { clock, random, presence, notices } = options;
    this.conversations = new Conversations(options, () => this.messages);
    this.messages = this.#makeMessages();
    this.channels = this.#makeChannels(state);
    this.desk = this.#makeDesk();
    this.deliveries = this.#makeDeliveries();
    this.approvals = this.#makeApprovals();
    this.agreements = this.#makeAgreements();
    this.attachments = this.#makeAttachments();
    const { outgoing } = options.guards;
    const calls = { clock, random, send: sendLive(clock), outgoing, onError: notices.failed };
    this.asked = new AskedTasks(options.kept.asked, clock);
    this.caller = new TaskCaller({
      ...calls,
      asked: this.asked,
      fetchParts: (event, signal) => fetchParts(this.attachments, event, signal),
    });
    this.chains = new CallChains({
      trust: options.trust,
      directory: options.directory,
      gate: options.gate,
      clock,
      own: () => options.own.identity.member,
      now: () => options.session.registryTime,
    });
    this.callee = new TaskCallee({
      ...calls,
      leave: (parts, signal) => leaveParts(this.attachments, parts, signal),
      resumable: options.kept.resumable,
      writer: () => {
        const { member, device } = options.own.identity;
        return { mesh: options.trust.mesh, member, device };
      },
      gate: options.gate,
      member: options.own.identity.member,
      admits: (member) => this.conversations.contacts.admits(member),
      onTaken: (member) => options.meter.took(member),
      approvals: this.#makeTaskApprovals(),
      memberOf: (member) => options.directory.current(member),
      standingOf: options.standingOf,
      chains: this.chains,
      onLoad: (load) => presence.set({ load }),
    });
    this.delegation = new Delegation({ ...options, delegations: () => this.delegations }, this.caller);
    this.delegations = this.#makeDelegations();
    const { asked, caller, callee } = this;
    const nameOf = async (member: string): Promise<string> =>
      options.directory.known(member)?.name ?? (await options.names.of(member)) ?? member;
    this.tasks = new TaskDesk({ ...options, asked, caller, callee, nameOf });
    this.#history = this.#makeHistory();
    this.live = new Map<number, (envelope: LiveEnvelope) => Promise<void> | void>([
      [envelopeKinds.call, (envelope) => this.callee.onEnvelope(envelope)],
      [envelopeKinds.callEvent, (envelope) => this.caller.onEnvelope(envelope)],
      [envelopeKinds.message, (envelope) => this.messages.onLive(envelope)],
      [envelopeKinds.typing, (envelope) => this.conversations.typing.onEnvelope(envelope)],
      [envelopeKinds.approval, ({ peer, body }) => this.approvals.takeForwarded(peer.member, body)],
      [envelopeKinds.history, (envelope) => this.#history.onEnvelope(envelope)],
      [
        envelopeKinds.data,
        ({ id, peer, body }) => {
          this.#streamHandler?.({ id, from: peer.sender, body });
        },
      ],
    ]);
  }

  /** A committed durable envelope: resolves as `InboxLanesOptions.handle` says. */
  onEntry(entry: Waiting): ReturnType<DirectMessages["onEntry"]> {
    return this.messages.onEntry(entry);
  }

  /** A durable envelope that is for the device itself: resolves when what it changes is on disk. */
  takeNote(from: VerifiedMember, envelope: Envelope): Promise<void> {
    if (envelope.kind === envelopeKinds.sync) return this.conversations.sync.take(envelope);
    if (envelope.kind === envelopeKinds.agreement) return this.agreements.takeEnvelope(from, envelope);
    return this.approvals.take(from, envelope);
  }

  /** Whether the program is ready for it: as `InboxLanesOptions.mayHand` says. */
  mayHand(entry: Waiting): ReturnType<DirectMessages["mayHand"]> {
    return this.messages.mayHand(entry);
  }

  /** Takes the messages of other devices' live streams; one handler at a time. */
  onStream(handler: (message: LiveMessage) => void): () => void {
    this.#streamHandler = handler;
    return () => {
      if (this.#streamHandler === handler) this.#streamHandler = undefined;
    };
  }

  /** A session begins: a person's device asks the others for what it was not there to hear. */
  onSession(): void {
    this.conversations.onSession();
    this.channels.onSession();
    this.delegations.onSession();
    this.agreements.onSession();
    const { own, settings, notices } = this.#options;
    const { kind, root } = own.identity;
    if (kind !== "person" || own.listed < 2 || root !== undefined || settings.links === undefined) return;
    this.#history.begin().catch(notices.failed);
  }

  /** The other side lost its memory: calls under way are gone. */
  onRestart(peer: Peer): void {
    this.caller.onRestart(peer);
    this.callee.onRestart(peer);
  }

  #makeMessages(): DirectMessages {
    const {
      clock,
      session,
      directory,
      presence,
      intake,
      peers,
      opener,
      recipients,
      names,
      metrics,
      traffic,
      gate,
      notices,
    } = this.#options;
    return new DirectMessages({
      standingOf: this.#options.standingOf,
      clock,
      directory,
      peers: () => peers,
      lanes: intake.lanes,
      opener,
      metrics,
      traffic,
      gate,
      meter: this.#options.meter,
      onMet: ({ member, name }) => {
        names.note(member, name).catch(notices.failed);
      },
      registryTime: () => session.registryTime,
      conversations: this.conversations,
      livePeer: (view) => recipients.liveOf(view),
      nextChance: () => nextChance({ session, notices, clock }),
      onReading: (reading) => presence.set({ consumer: reading ? "reading" : "idle" }),
      onRefused: notices.refused,
      onError: notices.failed,
    });
  }

  #makeChannels(state: JournalState): Channels {
    const { clock, random, journal, writes, trust, own, session, directory, notices, guards } = this.#options;
    return new Channels({
      outgoing: guards.outgoing,
      mesh: trust.mesh,
      identity: () => own.identity,
      clock,
      random,
      journal,
      state,
      writes,
      session,
      directory,
      log: this.conversations.log,
      cipher: this.#makeCipher(),
      gate: this.#options.gate,
      approve: async (request, signal) => {
        const { requests } = this.approvals;
        const { request: id } = await requests.ask(request);
        return (await requests.outcome(id, signal)) as readonly string[];
      },
      meter: this.#options.meter,
      emit: (event) => notices.emit(event),
      onRefused: notices.refused,
      onError: notices.failed,
    });
  }

  #makeCipher(): EncryptedChannels | undefined {
    const { settings, clock, random, journal, trust, own, session, directory, notices } = this.#options;
    if (settings.groups === undefined) return undefined;
    const { member, device } = own.identity;
    return new EncryptedChannels({
      factory: settings.groups,
      mesh: trust.mesh,
      own: { member, device },
      journal,
      directory,
      session,
      clock,
      random,
      onGap: (channel, from, to) => notices.emit({ type: "channel-gap", channel, from, to, reason: "group" }),
      onError: notices.failed,
    });
  }

  #makeDesk(): ConversationDesk {
    const { recipients, settings, intake } = this.#options;
    return new ConversationDesk({
      conversations: this.conversations,
      messages: this.messages,
      channels: this.channels,
      recipients,
      tellsRead: settings.tellsRead ?? true,
      markRead: (ids) => intake.markRead(ids),
    });
  }

  #makeDeliveries(): Deliveries {
    const { journal, intake, directory, names } = this.#options;
    return new Deliveries({
      journal,
      lanes: intake.lanes,
      nameOf: async (to) =>
        isPostRecipient(to) ? this.channels.labelOf(to) : (directory.known(to)?.name ?? names.of(to)),
      send: async (member, body) => (await this.conversations.speech.again(member, body)).id,
      post: async (channel, content, via) => {
        const known = knownContent(content);
        if (known === undefined) throw new ParleyError("unsupported_kind");
        return (await this.channels.post(channel, known, { via })).id;
      },
    });
  }

  #makeDelegations(): Delegations {
    const { kept, own, trust, directory, session, random, peers, notices } = this.#options;
    return new Delegations({
      own,
      trust,
      directory,
      session,
      random,
      table: kept.delegations,
      withdrawals: kept.withdrawals,
      pass: (withdrawals) => peers.links.gossipWithdrawals(withdrawals),
      notices,
      delegate: (to, request) => this.delegation.start(to, request),
    });
  }

  #makeTaskApprovals(): TaskApprovals {
    const { kept, trust, own, random } = this.#options;
    return new TaskApprovals({
      requests: () => this.approvals.requests,
      tasks: kept.tasks,
      trust,
      own: () => own.identity.member,
      random,
    });
  }

  #makeApprovals(): ApprovalDesk {
    const { kept, own, trust, gate, directory, peers, clock, random, session, notices } = this.#options;
    return new ApprovalDesk({
      kept: kept.approvals,
      identity: () => own.identity,
      trust,
      gate,
      own: () => gate.own,
      directory,
      streams: () => peers.streams,
      clock,
      random,
      now: () => session.registryTime,
      notices,
      hasInstances: () => own.identity.kind === "agent" && own.listed > 1,
      tellOthers: async (body) => {
        const { member, device } = own.identity;
        const view = await directory.get(member);
        for (const other of view.devices)
          if (other.device !== device.id && other.state === "connected") {
            const peer = peers.peer(view.verified, other.device);
            peers.onPresence(view);
            await sendLive(clock)(peer, envelopeKinds.approval, body);
          }
      },
    });
  }

  #makeAgreements(): AgreementDesk {
    const { kept, own, trust, gate, directory, session, peers, clock, random, names, notices } = this.#options;
    return new AgreementDesk({
      kept: kept.agreements,
      own,
      trust,
      gate,
      directory,
      session,
      streams: () => peers.streams,
      clock,
      random,
      isBlocked: (member) => this.conversations.contacts.of(member)?.standing === "blocked",
      admits: (member) => this.conversations.contacts.admits(member),
      nameOf: async (member) => {
        if (member === own.identity.member) return own.identity.name;
        return directory.known(member)?.name ?? names.of(member);
      },
      notices,
    });
  }

  #makeAttachments(): Attachments {
    const { settings, trust, journal, clock, random, session } = this.#options;
    return new Attachments({
      mesh: trust.mesh,
      registry: settings.registry,
      journal,
      clock,
      random,
      fetch: settings.fetch ?? ((...request) => globalThis.fetch(...request)),
      askToken: () => session.request("token.get", {}),
      registryTime: () => session.registryTime,
    });
  }

  #makeHistory(): HistoryTransfer {
    const { own, journal, clock, directory, peers, opener, notices } = this.#options;
    const { member, device } = own.identity;
    return new HistoryTransfer({
      journal,
      clock,
      member,
      device: device.id,
      opener,
      self: () => directory.get(member),
      peer: (view, other) => {
        const peer = peers.peer(view.verified, other);
        peers.onPresence(view);
        return peer;
      },
      onProgress: (progress) => notices.emit({ type: "history", ...progress }),
      onError: notices.failed,
    });
  }
}

/** Puts a body on the live stream to a peer; waits for room. */
function sendLive(
  clock: Clock,
): (peer: Peer, kind: number, body: unknown, paths?: AllowedPaths, hops?: number) => Promise<void> {
  return async (peer, kind, body, paths, hops = 0) => {
    const created = clock.now();
    const head = { kind, critical: true, created, ttl: 0, hops, trace: undefined, origin: undefined };
    await peer.sendLive(splitBody(head, bodyOf(body)), paths);
  };
}

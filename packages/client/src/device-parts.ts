/**
 * The parts of a device, made and wired. Each part that is handed all of them names in its options those that it uses; it
 * looks them up when it is called, since some are made after it.
 */
import {
  type Clock,
  FrameOpener,
  FrameSealer,
  type Journal,
  type JournalState,
  type MeshTrust,
  type PolicyMember,
  type Random,
  systemClock,
  systemRandom,
  type VerifiedMember,
} from "@parley/core";
import { decodeRoutedFrame, limits, toBase64url } from "@parley/protocol";

import { Arrivals } from "./arrivals.ts";
import { openAuditMemory } from "./audit/audit-memory.ts";
import { AuditWatch } from "./audit/audit-watch.ts";
import { CertificateRenewal } from "./certificate-renewal.ts";
import type { ContactBook } from "./conversations/contact-book.ts";
import type { DeviceApi } from "./device-api.ts";
import { DeviceEnding } from "./device-ending.ts";
import type { DeviceOptions } from "./device-options.ts";
import { Directory } from "./directory.ts";
import { Exchanges } from "./exchanges.ts";
import { Gate } from "./gate.ts";
import { GuardDesk } from "./guards/guard-desk.ts";
import { standingOf } from "./guards/sender-trust.ts";
import { Holds } from "./holds.ts";
import { Intake } from "./intake.ts";
import type { KeptState } from "./kept-state.ts";
import { KnownNames } from "./known-names.ts";
import { LinkOpener } from "./link-opener.ts";
import { DeviceMetrics } from "./metrics.ts";
import { Notices } from "./notices.ts";
import { OwnCard } from "./own-card.ts";
import { OwnDevices } from "./own-devices.ts";
import { OwnPresence } from "./own-presence.ts";
import { Peers } from "./peers.ts";
import { Pings } from "./pings.ts";
import { ReceiptReader } from "./receipt-reader.ts";
import { Recipients } from "./recipients.ts";
import { RegistryNews } from "./registry-news.ts";
import { Relay } from "./relay.ts";
import { ScheduleDesk } from "./scheduled/schedule-desk.ts";
import { SectionHandler } from "./section-handler.ts";
import { Session } from "./session.ts";
import { SleepWatch } from "./sleep-watch.ts";
import { Standing } from "./standing.ts";
import { TaskPlacement } from "./tasks/task-placement.ts";
import { Traffic } from "./traffic.ts";
import { UsageMeter } from "./usage-meter.ts";
import { WriteAgain } from "./write-again.ts";

export class DeviceParts {
  readonly settings: DeviceOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly trust: MeshTrust;
  readonly contacts: ContactBook;
  readonly kept: KeptState;
  readonly notices: Notices;
  readonly metrics = new DeviceMetrics();
  readonly traffic = new Traffic(this.metrics);
  readonly writes: WriteAgain;
  readonly names: KnownNames;
  readonly own: OwnDevices;
  readonly sleep: SleepWatch;
  readonly session: Session;
  readonly directory: Directory;
  readonly presence: OwnPresence;
  readonly card: OwnCard;
  readonly renewal: CertificateRenewal;
  readonly intake: Intake;
  readonly relay: Relay;
  readonly placement: TaskPlacement;
  readonly peers: Peers;
  readonly pings: Pings;
  readonly opener: LinkOpener;
  readonly guards: GuardDesk;
  readonly scheduled: ScheduleDesk;
  readonly recipients: Recipients;
  readonly exchanges: Exchanges;
  readonly audit: AuditWatch;
  readonly news: RegistryNews;
  readonly holds: Holds;
  readonly meter: UsageMeter;
  readonly gate: Gate;
  readonly standing: Standing;
  readonly sections: SectionHandler;
  readonly arrivals: Arrivals;
  readonly ending: DeviceEnding;
  readonly #boot: string;
  #met: PolicyMember | undefined;

  /** What this member decided about another one. */
  readonly standingOf = (member: VerifiedMember): ReturnType<typeof standingOf> =>
    standingOf(member, this.contacts.of(member.member));

  /** `device` is the one that the parts are of; they do nothing with it before it is made. */
  constructor(settings: DeviceOptions, state: JournalState, kept: KeptState, device: DeviceApi) {
    const { clock = systemClock, random = systemRandom, journal, trust } = settings;
    this.settings = settings;
    this.clock = clock;
    this.random = random;
    this.journal = journal;
    this.trust = trust;
    this.contacts = kept.contacts;
    this.kept = kept;
    this.notices = new Notices(settings.log);
    const onError = this.notices.failed;
    this.writes = new WriteAgain({ clock, random, onError });
    this.names = new KnownNames(journal, this.writes);
    this.own = this.#makeOwn(device);
    this.#boot = toBase64url(random.bytes(16));
    this.sleep = new SleepWatch({ clock, onSlept: (ms) => this.#onSlept(ms) });
    this.holds = this.#makeHolds();
    this.meter = this.#makeMeter();
    this.gate = this.#makeGate();
    this.session = this.#makeSession();
    this.directory = new Directory({
      session: this.session,
      trust,
      onRefused: this.notices.refused,
      onMember: (view) => {
        this.own.onMember(view.verified);
        this.exchanges.chains.onMember(view.verified);
        this.exchanges.delegations.onMember(view.verified);
        this.peers.onDevices(view);
      },
    });
    this.presence = new OwnPresence(this.session, clock, this.notices.log);
    this.card = new OwnCard(this);
    this.renewal = new CertificateRenewal(this);
    this.intake = new Intake(this, state);
    this.relay = this.#makeRelay();
    this.placement = new TaskPlacement(this.own.identity.device.id);
    this.pings = new Pings(clock, random);
    this.peers = this.#makePeers(state);
    this.standing = new Standing(this);
    this.opener = new LinkOpener({
      links: () => this.peers.links,
      clock,
      watch: (listener) => this.notices.watch(listener),
    });
    this.recipients = new Recipients(this);
    this.guards = new GuardDesk(this);
    this.exchanges = new Exchanges(this, state);
    this.audit = new AuditWatch({
      device,
      identity: () => this.own.identity,
      trust,
      memory: settings.auditMemory ?? openAuditMemory(),
      clock,
      notices: this.notices,
    });
    this.news = new RegistryNews(this);
    this.sections = this.#makeSections();
    this.arrivals = new Arrivals(this);
    this.ending = new DeviceEnding(this);
    this.scheduled = new ScheduleDesk({
      kept,
      clock,
      random,
      notices: this.notices,
      send: (to, text) => device.conversations.say(to, { text }),
    });
  }

  #makeOwn(device: DeviceApi): OwnDevices {
    const { identity, keepIdentity, registry } = this.settings;
    return new OwnDevices({
      identity,
      keep: keepIdentity,
      device,
      trust: this.trust,
      registry,
      directory: () => this.directory,
      clock: this.clock,
      random: this.random,
      onChange: () => {
        this.peers.links.gossipToAll();
        this.exchanges.conversations.onOwnDevices();
        this.exchanges.delegations.onOwnDevices();
      },
      onError: this.notices.failed,
    });
  }

  #makeHolds(): Holds {
    return new Holds({
      trust: this.trust,
      node: () => {
        const { welcome } = this.session;
        return welcome === undefined ? undefined : { id: welcome.statement.node, key: welcome.nodeKey };
      },
      now: () => this.session.registryTime,
    });
  }

  #makeMeter(): UsageMeter {
    return new UsageMeter({
      identity: () => this.own.identity,
      own: () => this.#self(),
      trust: this.trust,
      session: () => this.session,
      clock: this.clock,
      now: () => this.session.registryTime,
      onOver: () => this.standing.look(),
      onError: this.notices.failed,
    });
  }

  #makeGate(): Gate {
    return new Gate({
      trust: this.trust,
      holds: this.holds,
      meter: this.meter,
      now: () => this.session.registryTime,
      own: () => this.#self(),
    });
  }

  /** This device's member as rules see it: by its newest record, else by what the registry said of it. */
  #self(): PolicyMember {
    const { member, name, kind } = this.own.identity;
    const known = this.directory.known(member)?.verified;
    if (known !== undefined) return known;
    const roles = this.session.welcome?.roles ?? [];
    // The same object for the same facts: answers are remembered by it.
    if (this.#met?.name !== name || this.#met.roles !== roles) this.#met = { member, name, kind, roles };
    return this.#met;
  }

  #makeSession(): Session {
    return new Session({
      identity: () => this.own.identity,
      registry: this.settings.registry,
      trust: this.trust,
      boot: this.#boot,
      clock: this.clock,
      random: this.random,
      log: this.notices.log,
      connect: this.settings.connect,
      isSilenced: () => this.gate.isSilenced,
      events: {
        onHeard: () => !this.sleep.look(),
        onState: (state, error, retryInMs) => this.notices.session(state, error, retryInMs),
        onWelcome: ({ mailbox, statement, nodeKey, roles }) => {
          this.news.onWelcome(mailbox);
          this.renewal.onSession();
          this.audit.onSession({ node: statement.node, nodeKey, roles });
        },
        onPush: (push) => this.news.onPush(push),
        onDelivery: (bytes) => this.relay.receive(bytes),
        onPosts: (bytes) => this.exchanges.channels.onPosts(bytes),
      },
    });
  }

  #makeRelay(): Relay {
    const { member, device } = this.own.identity;
    const own = { mesh: this.trust.mesh, member };
    return new Relay({
      session: this.session,
      sealer: new FrameSealer({ ...own, device, random: this.random }),
      opener: new FrameOpener({
        ...own,
        device: device.id,
        boot: this.#boot,
        encryptionKey: (kid) => this.own.keyOf(kid),
        sender: (sender, from) => this.arrivals.senderOf(sender, from),
        now: () => this.session.registryTime,
      }),
      acks: this.intake.acks,
      traffic: this.traffic,
      isOwn: (bytes) => {
        if (this.own.identity.kind !== "person" || this.own.listed < 2) return false;
        const frame = decodeRoutedFrame(bytes);
        return frame.ok && frame.value.fromDevice === device.id;
      },
      onFrame: (frame) => this.arrivals.onRelayed(frame),
      onRefused: this.notices.refused,
    });
  }

  #makePeers(state: JournalState): Peers {
    return new Peers({
      identity: () => this.own.identity,
      trust: this.trust,
      gate: this.gate,
      boot: this.#boot,
      session: this.session,
      directory: this.directory,
      journal: this.journal,
      writes: this.writes,
      state,
      relay: () => this.relay,
      clock: this.clock,
      random: this.random,
      links: this.settings.links,
      linkIdleMs: this.settings.linkIdleMs ?? limits.linkIdleMs,
      withdrawals: () => this.exchanges.delegations.withdrawals,
      placement: this.placement,
      emit: (event) => this.notices.emit(event),
      onFrame: (peer, bytes, path) => this.arrivals.onLinkFrame(peer, bytes, path),
      standingOf: this.standingOf,
      onLive: (peer, epoch, body) => this.sections.live(peer, epoch, body),
      onLiveRefused: (peer, _epoch, _seq, error) => this.notices.refused(error, peer.member.name),
      onSweep: () => {
        this.sleep.look();
        this.intake.inbox.answerBusy();
        this.intake.receipts.look();
        if (this.standing.mayChangeByItself) this.standing.look();
      },
      onRestart: (peer) => this.exchanges.onRestart(peer),
      ping: (peer) => this.pings.ping(peer, false),
      metrics: this.metrics,
      traffic: this.traffic,
      onError: this.notices.failed,
    });
  }

  #makeSections(): SectionHandler {
    const receipts = new ReceiptReader(this);
    return new SectionHandler({
      links: () => this.peers.links,
      inbox: () => this.intake.inbox,
      streams: () => this.peers.streams,
      live: this.exchanges.live,
      onReceipt: (peer, receipt) => receipts.onReceipt(peer, receipt),
      onPong: (peer, body, path) => this.pings.onPong(peer, body, path),
      onGossip: (peer, gossip) => this.news.onGossip(peer, gossip),
      onRefused: (peer, error) => this.notices.refused(error, peer.member.name),
    });
  }

  /** Nothing that was under way is taken: its age is unknown until the registry tells the time, and its sender sends it again. */
  #onSlept(ms: number): void {
    this.notices.log("info", "slept", { ms: Math.round(ms) });
    this.intake.holder.lapse();
    this.peers.links.onSlept();
    this.session.restart();
  }
}

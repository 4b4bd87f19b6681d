import type { Timer } from "@parley/core";
import {
  type DevicePresence,
  type ErrorCode,
  errorTable,
  limits,
  type MemberKind,
  type MemberRecord,
  ParleyError,
  postKind,
  type PushBody,
  type PushType,
  type Role,
  type Scope,
  scopeAllowsChannel,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { addressGroup } from "./address-group.ts";
import { byAddress } from "./audit/audit-trail.ts";
import { CatchUp } from "./catch-up.ts";
import type { FeedReader } from "./channels/channel-feed.ts";
import { isIn } from "./channels/channel-rules.ts";
import { PostIntake } from "./channels/post-intake.ts";
import type { DirectoryEntry } from "./directory.ts";
import { makeChallenge, type Proven, verifyProof } from "./handshake.ts";
import type { InboxCandidate, InboxGrant } from "./inbox-leases.ts";
import type { PresenceWatcher } from "./presence.ts";
import { ReadingHolds } from "./reading-holds.ts";
import { SessionFrames } from "./session-frames.ts";
import { SessionIntake } from "./session-intake.ts";
import { openMailbox, type SessionMailbox } from "./session-mailbox.ts";
import { SessionPulse } from "./session-pulse.ts";
import { SessionRequests } from "./session-requests.ts";
import type { SessionServices } from "./session-services.ts";
import type { SessionSocket } from "./session-socket.ts";
import { SessionStanding } from "./session-standing.ts";
import { makeWelcome, type Welcome } from "./welcome.ts";

/** Who a session speaks for. The roles follow the newest admission. */
export interface SessionIdentity {
  readonly member: string;
  readonly device: string;
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  /** What its admission limits it to. */
  readonly scope: Scope | undefined;
  /** Id of the session, from its welcome. */
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly admissionExpires: number;
}

/** `proof`: the challenge is out. `verifying`: the proof is in. `open`: the welcome is out. `closed`: nothing more. */
type Phase = "proof" | "verifying" | "open" | "closed";

/** Close codes of a device that leaves in order (RFC 6455 section 7.4.1); 1005 stands for a close without a code. */
const orderlyCloses: readonly number[] = [1000, 1001, 1005];

/** One device's connection to this node, from the challenge to the close. Knows no sockets. */
export class Session implements PresenceWatcher, InboxCandidate, FeedReader {
  /** What waits while its device reads too slowly. */
  readonly catchUp: CatchUp<Session>;
  readonly #socket: SessionSocket;
  readonly #services: SessionServices;
  /** Empty once it was answered. */
  #challenge: string;
  readonly #pulse: SessionPulse;
  readonly #requests: SessionRequests;
  readonly #frames: SessionFrames;
  readonly #posts: PostIntake;
  /** What its address is counted by. */
  readonly group: string;
  readonly #holds: ReadingHolds;
  /** Of an open session. */
  #intake: SessionIntake | undefined;
  readonly #standing: SessionStanding;
  #phase: Phase = "proof";
  #handshakeTimer: Timer | undefined;
  #identity: SessionIdentity | undefined;
  #mailbox: SessionMailbox | undefined;
  #generation = 0;

  constructor(socket: SessionSocket, services: SessionServices) {
    this.#socket = socket;
    this.#services = services;
    const { clock, random, bounds, mesh, nodeKey, requests, delivery, counters, posting, authority } = services;
    this.group = addressGroup(socket.address);
    this.#holds = new ReadingHolds(socket);
    this.#pulse = new SessionPulse(clock, bounds);
    this.catchUp = new CatchUp({ socket, clock, bounds, onHopeless: () => this.end("slow_reader") });
    this.#requests = new SessionRequests({
      session: this,
      table: requests,
      authority,
      clock,
      bounds,
      audit: services.audit,
      send: (reply) => this.#send(JSON.stringify(reply)),
      coded: (error, during) => this.#coded(error, during),
    });
    const onError = (error: unknown): void => this.#fail(error);
    this.#frames = new SessionFrames({
      session: this,
      socket: this.#holds,
      delivery,
      clock,
      bounds,
      counters,
      onError,
    });
    this.#posts = new PostIntake({ session: this, posting, clock, bounds, counters, onError });
    this.#standing = new SessionStanding(authority, clock);
    this.#challenge = makeChallenge(mesh.claimed?.mesh, nodeKey.id, toBase64url(random.bytes(16)), clock.now());
  }

  /** Undefined until the device has proved itself. */
  get identity(): SessionIdentity | undefined {
    return this.#identity;
  }

  get generation(): number {
    return this.#generation;
  }

  get heardAt(): number {
    return this.#pulse.heardAt;
  }

  /** Of an open session. */
  get mailbox(): SessionMailbox {
    if (this.#mailbox === undefined) throw new ParleyError("unauthenticated");
    return this.#mailbox;
  }

  /** Work that a stop waits for: requests, frames and posts that are being written. */
  get isBusy(): boolean {
    return this.#requests.isBusy || this.#frames.isBusy || this.#posts.isBusy;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes;
  }

  start(): void {
    const { clock, bounds, table } = this.#services;
    table.addUnproven(this);
    this.#handshakeTimer = clock.setTimer(bounds.handshakeMs, () => this.end("timeout"));
    this.#socket.sendText(this.#challenge);
    if (this.#services.mesh.claimed === undefined) this.end("not_admitted");
  }

  onText(text: string): void {
    if (this.#phase === "closed") return;
    this.#heard();
    if (text.length > limits.controlBytes) this.end("too_large");
    else if (this.#phase === "open") this.#intake?.take(text);
    else if (this.#phase === "proof") void this.#prove(text);
    else this.end("unauthenticated");
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#phase === "closed") return;
    this.#heard();
    if (this.#phase !== "open" || this.#identity === undefined) return this.end("unauthenticated");
    const defiance = this.#standing.defiance(this.#identity);
    if (defiance !== undefined) this.end(defiance);
    else this.#intake?.take(bytes);
  }

  onPong(): void {
    this.#heard();
  }

  /** The socket is gone. `code` is the device's close code; none when the connection broke. */
  onClosed(code?: number): void {
    if (this.#phase !== "closed") this.#leave("closed", code !== undefined && orderlyCloses.includes(code));
  }

  push<Type extends PushType>(type: Type, body: PushBody<Type>): void {
    if (this.#phase === "open") this.#send(JSON.stringify({ type, body }));
  }

  /** As `push`, of what goes to many as the same text. */
  pushText(text: string): void {
    this.#send(text);
  }

  /** Hands bytes to the device. One that does not read is closed. */
  deliver(bytes: Uint8Array): void {
    if (this.#phase !== "open") return;
    this.#socket.sendBytes(bytes);
    this.#checkBuffer();
  }

  onceDrained(run: () => void): void {
    this.#socket.onceDrained(run);
  }

  /** Whether posts of a channel may be pushed to it now. */
  mayFollow(channel: string): boolean {
    const member = this.#identity?.member;
    const known = member === undefined ? undefined : this.#services.channelTable.get(channel);
    if (member === undefined || known === undefined || this.#phase !== "open") return false;
    return isIn(known, member) && scopeAllowsChannel(this.#identity?.scope, known.record.name);
  }

  presenceChanged(member: string, devices: DevicePresence[]): void {
    if (!this.#maySee(member)) return;
    this.push("presence", { member, devices: devices.slice(0, limits.devices) });
  }

  memberChanged(member: string, record: MemberRecord): void {
    if (!this.#maySee(member)) return;
    this.push("member.changed", { member, record });
  }

  /** Says that the mailbox of this session's member has more. */
  mailboxChanged(): void {
    this.#mailbox?.changed();
  }

  /** Frames wait for this very device. */
  deviceBoxChanged(): void {
    const { deviceBoxes } = this.#services;
    if (this.#phase !== "open" || this.#identity === undefined || this.isPaused) return;
    const { member, device } = this.#identity;
    deviceBoxes
      .drain(member, device, (delivery) => this.deliver(delivery))
      .catch((error: unknown) => void this.#coded(error, "device box"));
  }

  /** Whether an operator paused its member: nothing is handed to it. */
  get isPaused(): boolean {
    return this.#identity !== undefined && this.#standing.isPaused(this.#identity);
  }

  /** The operators' orders are others than before. */
  ordered(): void {
    if (this.#phase !== "open" || this.#identity === undefined) return;
    try {
      this.#services.authority.checkBan(this.#identity);
    } catch (error) {
      return this.#fail(error);
    }
    this.#mailbox?.changed();
    this.#goOn(this.#identity);
  }

  /** What waited while its member was paused. */
  #goOn(identity: SessionIdentity): void {
    if (!this.#standing.tookPauseOff(identity)) return;
    this.#mailbox?.changed();
    this.deviceBoxChanged();
  }

  inboxGranted(grant: InboxGrant): void {
    this.push("inbox.lease", { generation: grant.generation, lifeMs: grant.lifeMs });
    this.#mailbox?.granted(grant);
  }

  inboxAsked(generation: number): void {
    this.push("inbox.lease", { generation, lifeMs: 0 });
  }

  inboxLost(generation: number): void {
    this.#mailbox?.lost();
    this.push("inbox.lease", { generation, lifeMs: 0 });
  }

  /** Newer statements of the member may bring other roles, or leave this device out. */
  follow(entry: DirectoryEntry): void {
    if (this.#identity === undefined) return;
    const { roles, scope, vouched, name, admissionExpires, devices } = entry;
    this.#identity = { ...this.#identity, roles, scope, name, admissionExpires };
    if (!devices.includes(this.#identity.device)) this.end("device_removed");
    else if (!vouched) this.end("not_admitted", "Who admitted this member is no operator any more.");
  }

  /** Pings, and notices silence. Called regularly. */
  beat(): void {
    if (this.#phase !== "open" || this.#identity === undefined) return;
    const { clock, bounds, presence, inboxes } = this.#services;
    if (this.#identity.admissionExpires <= clock.now())
      return this.end("expired", "The admission has expired; an operator has to renew it.");
    const silence = this.#pulse.check();
    if (silence === "lost") return this.#leave("timeout", false, () => this.#socket.terminate());
    if (silence === "stale") presence.heard(this.#identity.member, this.#identity.device, "stale");
    if (this.#identity.kind === "agent") inboxes.beat(this);
    this.#mailbox?.beat();
    this.#goOn(this.#identity);
    const pause = inboxes.isShared(this) ? Math.min(bounds.pingMs, bounds.inboxLeaseMs / 3) : bounds.pingMs;
    if (this.#pulse.takePing(pause)) this.#socket.ping();
  }

  /** Closes with the code of the table. */
  end(code: ErrorCode, message: string = errorTable[code].says): void {
    if (this.#phase === "closed") return;
    if (code === "slow_reader") this.#services.counters.slowReaders++;
    // A device that does not count any more holds nothing back; any other may think for a while that it holds the inbox.
    const isOut = code === "revoked" || code === "device_removed";
    // RFC 6455 section 5.5.1: the reason has at most 123 bytes.
    this.#leave(code, isOut, () =>
      this.#socket.close(errorTable[code].close, `${code}: ${message}`.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 123)),
    );
  }

  /** `gaveUp`: the device takes nothing any more, so that another may hold its agent's inbox at once. */
  #leave(why: ErrorCode, gaveUp: boolean, close: () => void = () => undefined): void {
    const { table, presence, log, inboxes, channelFeed, channelEvents, board } = this.#services;
    this.#frames.sendResults();
    this.#posts.sendResults();
    this.#posts.close();
    this.#intake?.close();
    this.#phase = "closed";
    this.#endHandshake();
    this.#mailbox?.close(why === "closed" && !gaveUp);
    this.catchUp.end(true);
    presence.unwatch(this);
    channelFeed.remove(this);
    board.left(this);
    const identity = this.#identity;
    if (identity !== undefined && table.remove(identity.member, identity.device, this)) {
      presence.disconnect(identity.member, identity.device);
      if (table.ofMember(identity.member).length === 0) channelEvents.presenceChanged(identity.member, "absent");
    }
    if (identity?.kind === "agent") inboxes.leave(this, gaveUp);
    if (identity === undefined) this.#refused(why);
    log(identity === undefined ? "debug" : "info", "session.closed", {
      code: why,
      ...(identity === undefined ? {} : { member: identity.member, device: identity.device }),
    });
    close();
  }

  /** Whoever went by itself was not refused. */
  #refused(code: ErrorCode): void {
    if (code === "closed" || code === "draining") return;
    void this.#services.audit.record({ act: "session.refused", by: byAddress(this.#socket.address), code });
  }

  /** What came, when it is its turn. */
  #read(message: string | Uint8Array): void {
    if (this.#phase !== "open") return;
    if (typeof message === "string") this.#requests.take(message);
    else (message[0] === postKind ? this.#posts : this.#frames).take(message);
  }

  #maySee(member: string): boolean {
    const { directory, authority } = this.#services;
    const other = directory.get(member);
    return this.#identity !== undefined && (other === undefined || authority.maySee(this.#identity, other));
  }

  /** The operators' orders, before anything else. */
  #sendOrders(): void {
    const { policy, restrictions } = this.#services.orders.compact;
    if (policy !== undefined) this.push("order", { type: "policy", statement: policy });
    if (restrictions !== undefined) this.push("order", { type: "restrictions", statement: restrictions });
    const { holds } = this.#services.budgets;
    if (holds !== undefined) this.push("holds", { holds });
  }

  #heard(): void {
    if (!this.#pulse.heard() || this.#identity === undefined) return;
    this.#services.presence.heard(this.#identity.member, this.#identity.device, "connected");
  }

  async #prove(text: string): Promise<void> {
    this.#phase = "verifying";
    const challenge = this.#challenge;
    this.#challenge = "";
    try {
      const proven = await verifyProof(text, challenge, this.#services);
      this.#open(proven, await makeWelcome(proven, this.#services));
    } catch (error) {
      this.#fail(error);
    }
  }

  #open(proven: Proven, { session, generation, cursor, text }: Welcome): void {
    if (this.#phase !== "verifying") return;
    const { table, presence, log, inboxes, counters, channelEvents, board } = this.#services;
    const { member, device, boot } = proven;
    const older = table.ofDevice(device);
    if (older !== undefined && older.generation > generation) return this.end("superseded");
    this.#endHandshake();
    this.#generation = generation;
    this.#identity = {
      member: member.member,
      device,
      name: member.name,
      kind: member.kind,
      roles: member.roles,
      scope: member.scope,
      session,
      admissionExpires: member.admissionExpires,
    };
    this.#phase = "open";
    this.#takeShare(member.member);
    const onError = (error: unknown): void => this.#fail(error);
    this.#mailbox = openMailbox(
      { session: this, socket: this.#socket, boot, cursor, onError },
      this.#identity,
      this.#services,
    );
    counters.sessions++;
    this.#socket.sendText(text);
    this.#sendOrders();
    const isFirst = table.ofMember(member.member).length === 0;
    table.put(member.member, device, this)?.end("superseded");
    presence.connect(member.member, device, boot);
    board.connected(this.#identity, boot);
    if (isFirst) channelEvents.presenceChanged(member.member, "present");
    if (member.kind === "agent") inboxes.consider(member.member);
    else this.#mailbox.changed();
    this.deviceBoxChanged();
    log("info", "session.opened", { member: member.member, device, generation });
  }

  #takeShare(member: string): void {
    const { shares, clock, bounds } = this.#services;
    const share = shares.of(member);
    this.#requests.share = share;
    this.#posts.share = share;
    const read = (message: string | Uint8Array): void => this.#read(message);
    this.#intake = new SessionIntake({ share, socket: this.#holds, clock, bounds, read });
  }

  /** What only the handshake needs is not kept for as long as the session lives. */
  #endHandshake(): void {
    this.#handshakeTimer?.cancel();
    this.#handshakeTimer = undefined;
    this.#services.table.removeUnproven(this);
  }

  #send(text: string): void {
    if (this.#phase !== "open") return;
    this.#socket.sendText(text);
    this.#checkBuffer();
  }

  #checkBuffer(): void {
    if (this.#socket.bufferedBytes > this.#services.bounds.sessionBufferBytes) this.end("slow_reader");
  }

  #fail(error: unknown): void {
    const coded = this.#coded(error, "session");
    this.end(coded.code, coded.message);
  }

  #coded(error: unknown, during: string): ParleyError {
    const coded = toParleyError(error);
    if (coded.code === "internal")
      this.#services.log("error", "session.failed", {
        during,
        error: error instanceof Error ? error.message : "not an error",
      });
    return coded;
  }
}

import { type Clock, type Log, type Random, type Signer, signStatement, type Timer } from "@parley/core";
import {
  decodeRequest,
  type DevicePresence,
  type ErrorCode,
  errorTable,
  type FrameResult,
  limits,
  type MemberKind,
  type MemberRecord,
  ParleyError,
  type PushBody,
  type PushType,
  type Role,
  toBase64url,
  toParleyError,
  type RequestMessage,
} from "@parley/protocol";

import { mayRequest } from "./access.ts";
import type { RegistryBounds } from "./bounds.ts";
import { CatchUp } from "./catch-up.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Delivery } from "./delivery.ts";
import type { DeviceBoxes } from "./device-boxes.ts";
import type { Directory, DirectoryEntry } from "./directory.ts";
import type { Generations } from "./generations.ts";
import { type HandshakeContext, makeChallenge, type Proven, verifyProof } from "./handshake.ts";
import type { InboxCandidate, InboxGrant, InboxLeases } from "./inbox-leases.ts";
import { issueLease } from "./lease.ts";
import type { MailboxAttempts } from "./mailbox-attempts.ts";
import type { Mailboxes } from "./mailboxes.ts";
import type { NodeCounters } from "./node-counters.ts";
import type { RegistryLog } from "./options.ts";
import type { Presence, PresenceWatcher } from "./presence.ts";
import { SessionMailbox } from "./session-mailbox.ts";
import type { SessionSocket } from "./session-socket.ts";
import type { SessionTable } from "./session-table.ts";
import { Tick } from "./tick.ts";
import { TokenBucket } from "./token-bucket.ts";
import { toWireError } from "./wire-error.ts";

/** Who a session speaks for. The roles follow the newest admission. */
export interface SessionIdentity {
  readonly member: string;
  readonly device: string;
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  /** Id of the session, from its welcome. */
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly admissionExpires: number;
}

/** What every session of a node shares. */
export interface SessionServices extends HandshakeContext {
  readonly nodeKey: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: RegistryBounds;
  readonly log: RegistryLog;
  readonly store: Log;
  readonly table: SessionTable;
  readonly directory: Directory;
  readonly presence: Presence;
  readonly mailboxes: Mailboxes;
  readonly deviceBoxes: DeviceBoxes;
  readonly deadLetters: DeadLetters;
  readonly attempts: MailboxAttempts;
  readonly inboxes: InboxLeases;
  readonly counters: NodeCounters;
  readonly generations: Generations;
  readonly delivery: Delivery;
  /** Answers one request that the session may make. */
  readonly answer: (session: Session, request: RequestMessage) => Promise<unknown>;
}

/** `proof`: the challenge is out. `verifying`: the proof is in. `open`: the welcome is out. `closed`: nothing more. */
type Phase = "proof" | "verifying" | "open" | "closed";

/** Close codes of a device that leaves in order (RFC 6455 section 7.4.1); 1005 stands for a close without a code. */
const orderlyCloses: readonly number[] = [1000, 1001, 1005];
/** Results in one push. */
const resultsPerPush = 512;

/** One device's connection to this node, from the challenge to the close. Knows no sockets. */
export class Session implements PresenceWatcher, InboxCandidate {
  /** What waits while its device reads too slowly. */
  readonly catchUp: CatchUp<Session>;
  readonly #socket: SessionSocket;
  readonly #services: SessionServices;
  readonly #challenge: string;
  readonly #bucket: TokenBucket;
  readonly #flush: Tick;
  #phase: Phase = "proof";
  #handshakeTimer: Timer | undefined;
  #identity: SessionIdentity | undefined;
  #mailbox: SessionMailbox | undefined;
  #results: FrameResult[] = [];
  #pendingRequests = 0;
  #storing = 0;
  /** Reasons for not reading the socket. */
  #holds = 0;
  #generation = 0;
  #heardAt: number;
  #pingedAt: number;
  #stale = false;

  constructor(socket: SessionSocket, services: SessionServices) {
    this.#socket = socket;
    this.#services = services;
    const { clock, random, bounds, mesh, nodeKey } = services;
    const now = clock.monotonic();
    this.#heardAt = now;
    this.#pingedAt = now;
    this.catchUp = new CatchUp({ socket, clock, bounds, onHopeless: () => this.end("slow_reader") });
    this.#flush = new Tick(
      (run) => clock.soon(run),
      () => this.#sendResults(),
    );
    this.#bucket = new TokenBucket(bounds.requestsPerSecond, bounds.requestsPerSecond * 5, now);
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
    return this.#heardAt;
  }

  /** Of an open session. */
  get mailbox(): SessionMailbox {
    if (this.#mailbox === undefined) throw new ParleyError("unauthenticated");
    return this.#mailbox;
  }

  /** Work that a stop waits for: requests and frames that are being written. */
  get isBusy(): boolean {
    return this.#pendingRequests > 0 || this.#storing > 0;
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
    else if (this.#phase === "open") this.#request(text);
    else if (this.#phase === "proof") void this.#prove(text);
    else this.end("unauthenticated");
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#phase === "closed") return;
    this.#heard();
    if (this.#phase === "open") this.#frame(bytes);
    else this.end("unauthenticated");
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

  /** Hands bytes to the device. One that does not read is closed. */
  deliver(bytes: Uint8Array): void {
    if (this.#phase !== "open") return;
    this.#socket.sendBytes(bytes);
    this.#checkBuffer();
  }

  presenceChanged(member: string, devices: DevicePresence[]): void {
    this.push("presence", { member, devices: devices.slice(0, limits.devices) });
  }

  memberChanged(member: string, record: MemberRecord): void {
    this.push("member.changed", { member, record });
  }

  /** Says that the mailbox of this session's member has more. */
  mailboxChanged(): void {
    this.#mailbox?.changed();
  }

  /** Frames wait for this very device. */
  deviceBoxChanged(): void {
    const { deviceBoxes } = this.#services;
    if (this.#phase !== "open" || this.#identity === undefined) return;
    const { member, device } = this.#identity;
    deviceBoxes
      .drain(member, device, (delivery) => this.deliver(delivery))
      .catch((error: unknown) => void this.#coded(error, "device box"));
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
    const { roles, admissionExpires, devices } = entry;
    this.#identity = { ...this.#identity, roles, admissionExpires };
    if (!devices.includes(this.#identity.device)) this.end("device_removed");
  }

  /** Pings, and notices silence. Called regularly. */
  beat(): void {
    if (this.#phase !== "open" || this.#identity === undefined) return;
    const { clock, bounds, presence, inboxes } = this.#services;
    if (this.#identity.admissionExpires <= clock.now())
      return this.end("expired", "The admission has expired; an operator has to renew it.");
    const now = clock.monotonic();
    const silence = now - this.#heardAt;
    if (silence >= bounds.lostMs) return this.#leave("timeout", false, () => this.#socket.terminate());
    if (silence >= bounds.staleMs && !this.#stale) {
      this.#stale = true;
      presence.heard(this.#identity.member, this.#identity.device, "stale");
    }
    if (this.#identity.kind === "agent") inboxes.beat(this);
    this.#mailbox?.beat();
    const pause = inboxes.isShared(this) ? Math.min(bounds.pingMs, bounds.inboxLeaseMs / 3) : bounds.pingMs;
    if (now - this.#pingedAt < pause) return;
    this.#pingedAt = now;
    this.#socket.ping();
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

  #hold(): void {
    if (this.#holds++ === 0) this.#socket.pause();
  }

  #release(): void {
    if (--this.#holds === 0) this.#socket.resume();
  }

  /** `gaveUp`: the device takes nothing any more, so that another may hold its agent's inbox at once. */
  #leave(why: ErrorCode, gaveUp: boolean, close: () => void = () => undefined): void {
    const { table, presence, log, inboxes } = this.#services;
    this.#sendResults();
    this.#phase = "closed";
    this.#handshakeTimer?.cancel();
    this.#mailbox?.close(why === "closed" && !gaveUp);
    this.catchUp.end(true);
    table.removeUnproven(this);
    presence.unwatch(this);
    const identity = this.#identity;
    if (identity !== undefined && table.remove(identity.member, identity.device, this)) {
      presence.disconnect(identity.member, identity.device);
    }
    if (identity?.kind === "agent") inboxes.leave(this, gaveUp);
    log(identity === undefined ? "debug" : "info", "session.closed", {
      code: why,
      ...(identity === undefined ? {} : { member: identity.member, device: identity.device }),
    });
    close();
  }

  #heard(): void {
    this.#heardAt = this.#services.clock.monotonic();
    if (!this.#stale || this.#identity === undefined) return;
    this.#stale = false;
    this.#services.presence.heard(this.#identity.member, this.#identity.device, "connected");
  }

  async #prove(text: string): Promise<void> {
    this.#phase = "verifying";
    try {
      const proven = await verifyProof(text, this.#challenge, this.#services);
      await this.#welcome(proven);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #welcome(proven: Proven): Promise<void> {
    const { nodeKey, clock, random, mesh, members, directory, mailboxes, generations, bounds } = this.#services;
    const claimed = mesh.require();
    const { member, device, proofHash, version, suite } = proven;
    const id = toBase64url(random.bytes(16));
    const generation = await generations.next(device, id);
    const time = clock.now();
    const [statement, lease, mailbox] = await Promise.all([
      signStatement(
        "welcome",
        { mesh: claimed.mesh, node: nodeKey.id, proof: proofHash, version, suite, session: id, generation, time },
        nodeKey,
      ),
      issueLease(
        { mesh: claimed.mesh, nodeKey, now: time, leaseMs: bounds.leaseMs },
        member.member,
        device,
        member.admissionExpires,
      ),
      mailboxes.bounds(member.member),
    ]);
    const owner = { member: member.member, kind: member.kind, devices: [...member.devices.keys()] };
    const cursor = await mailboxes.cursor(owner, device);
    // What came while this was under way has the last word: the directory is as new as the store from here on.
    await members.refresh(member.member);
    if (mesh.isRevoked(member.member)) throw new ParleyError("revoked");
    if (directory.get(member.member)?.devices.includes(device) === false) throw new ParleyError("device_removed");
    this.#open({ ...proven, session: id }, generation, cursor, {
      type: "welcome",
      statement,
      node: claimed.certificate,
      operators: [...claimed.operators.chain],
      admission: member.record.admission,
      lease,
      ...(mesh.claimed?.revocations === undefined ? {} : { revocations: mesh.claimed.revocations.compact }),
      mailbox,
    });
  }

  #open(
    proven: Proven & { readonly session: string },
    generation: number,
    cursor: number | undefined,
    welcome: object,
  ): void {
    if (this.#phase !== "verifying") return;
    const { table, presence, log, inboxes, counters } = this.#services;
    const { member, device, boot } = proven;
    const older = table.ofDevice(device);
    if (older !== undefined && older.generation > generation) return this.end("superseded");
    this.#handshakeTimer?.cancel();
    table.removeUnproven(this);
    this.#generation = generation;
    this.#identity = {
      member: member.member,
      device,
      name: member.name,
      kind: member.kind,
      roles: member.roles,
      session: proven.session,
      admissionExpires: member.admissionExpires,
    };
    this.#phase = "open";
    this.#mailbox = this.#makeMailbox(this.#identity, boot, cursor);
    counters.sessions++;
    this.#socket.sendText(JSON.stringify(welcome));
    table.put(member.member, device, this)?.end("superseded");
    presence.connect(member.member, device, boot);
    if (member.kind === "agent") inboxes.consider(member.member);
    else this.#mailbox.changed();
    this.deviceBoxChanged();
    log("info", "session.opened", { member: member.member, device, generation });
  }

  #makeMailbox(identity: SessionIdentity, boot: string, cursor: number | undefined): SessionMailbox {
    const { store, mailboxes, deadLetters, attempts, bounds, now, directory, inboxes, counters } = this.#services;
    const { member, kind, device } = identity;
    return new SessionMailbox({
      store,
      mailboxes,
      deadLetters,
      attempts,
      bounds,
      now,
      member,
      kind,
      device,
      boot,
      cursor,
      owner: () => {
        const entry = directory.get(member);
        if (entry === undefined) throw new ParleyError("unknown_member");
        return { member, kind, devices: entry.devices };
      },
      deliver: (bytes, offset) => {
        counters.delivered++;
        if (kind === "agent") inboxes.pushed(this, offset);
        this.deliver(bytes);
      },
      onDeadLetter: () => void counters.deadLetters++,
      onTrimmed: (body) => this.push("mailbox.trimmed", body),
      isFull: () => this.#socket.bufferedBytes > bounds.mailboxAheadBytes,
      onceDrained: (go) => this.#socket.onceDrained(go),
      onError: (error) => this.#fail(error),
    });
  }

  #request(text: string): void {
    const { clock, bounds } = this.#services;
    const request = decodeRequest(text);
    if (request.id === undefined) {
      if (!request.ok) this.end(request.code, request.message);
      return;
    }
    const { id } = request;
    // What makes room for more of the mailbox is bounded by what was pushed.
    const isFree =
      request.ok &&
      request.value.type === "mailbox.ack" &&
      this.#mailbox?.isProgress(request.value.body.offset) === true;
    if (!isFree && !this.#bucket.take(clock.monotonic())) return this.#refuse(id, new ParleyError("rate_limited"));
    if (!request.ok) return this.#refuse(id, new ParleyError(request.code, { message: request.message }));
    if (!mayRequest(request.value.type, this.#identity?.roles ?? []))
      return this.#refuse(id, new ParleyError("forbidden"));
    if (this.#pendingRequests >= bounds.pendingRequests) return this.#refuse(id, new ParleyError("limit_reached"));
    void this.#answer(id, request.value);
  }

  async #answer(id: number, request: RequestMessage): Promise<void> {
    this.#pendingRequests++;
    try {
      const body = await this.#services.answer(this, request);
      this.#send(JSON.stringify({ re: id, body }));
    } catch (error) {
      const coded = this.#coded(error, request.type);
      this.#refuse(id, coded);
    } finally {
      this.#pendingRequests--;
    }
  }

  #refuse(id: number, error: ParleyError): void {
    this.#send(JSON.stringify({ re: id, error: toWireError(error) }));
  }

  #frame(bytes: Uint8Array): void {
    try {
      const result = this.#services.delivery.carry(this, bytes, (late) => this.#result(late));
      if (result instanceof Promise) void this.#await(result);
      else if (result !== undefined) this.#result(result);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Frames that wait for the store hold up the socket of who sends them, once they are many. */
  async #await(result: Promise<FrameResult>): Promise<void> {
    const { storingFrames } = this.#services.bounds;
    if (++this.#storing === storingFrames) this.#hold();
    try {
      this.#result(await result);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (this.#storing-- === storingFrames) this.#release();
    }
  }

  #result(result: FrameResult): void {
    this.#services.counters.result(result);
    this.#results.push(result);
    this.#flush.schedule();
  }

  #sendResults(): void {
    const results = this.#results;
    this.#results = [];
    for (let from = 0; from < results.length; from += resultsPerPush)
      this.push("frame.results", { results: results.slice(from, from + resultsPerPush) });
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

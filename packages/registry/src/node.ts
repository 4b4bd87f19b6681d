import { type Blobs, peekStatement, systemClock, systemRandom, type Timer } from "@parley/core";
import { ParleyError, type RouteReply, toParleyError } from "@parley/protocol";

import { Attempts } from "./attempts.ts";
import { blobRoutes } from "./blob-routes.ts";
import { defaultBounds, type RegistryBounds } from "./bounds.ts";
import { ClaimSecret } from "./claim.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Delivery } from "./delivery.ts";
import { DeviceBoxes } from "./device-boxes.ts";
import { Directory, type DirectoryEntry } from "./directory.ts";
import { Enrolments } from "./enrolments.ts";
import { Generations } from "./generations.ts";
import type { RouteHandlers } from "./http-app.ts";
import { InboxLeases } from "./inbox-leases.ts";
import { Invites } from "./invites.ts";
import { MailboxAttempts } from "./mailbox-attempts.ts";
import { Mailboxes } from "./mailboxes.ts";
import { Members } from "./members.ts";
import { type ClaimedMesh, MeshState } from "./mesh-state.ts";
import { NodeCounters } from "./node-counters.ts";
import type { NodeOptions, RegistryLog } from "./options.ts";
import { Pairings } from "./pairings.ts";
import { Presence } from "./presence.ts";
import { makeRequestTable } from "./requests/request-table.ts";
import type { SessionServices } from "./session-services.ts";
import type { SessionSocket } from "./session-socket.ts";
import { SessionTable } from "./session-table.ts";
import { SessionTokens } from "./session-token.ts";
import { Session } from "./session.ts";
import { toWireError } from "./wire-error.ts";

type State = "starting" | "ready" | "draining";

/** One node of the registry without a listener: services, sessions over any socket, beats and sweeps. */
export class RegistryNode {
  readonly #bounds: RegistryBounds;
  readonly #log: RegistryLog;
  readonly #ending = new AbortController();
  readonly #table = new SessionTable();
  readonly #claim: ClaimSecret;
  readonly #claimAttempts: Attempts;
  readonly #pairAttempts: Attempts;
  readonly #enrolAttempts: Attempts;
  readonly #mesh: MeshState;
  readonly #directory: Directory;
  readonly #presence: Presence;
  readonly #members: Members;
  readonly #invites: Invites;
  readonly #pairings: Pairings;
  readonly #enrolments: Enrolments;
  readonly #mailboxes: Mailboxes;
  readonly #deviceBoxes: DeviceBoxes;
  readonly #deadLetters: DeadLetters;
  readonly #inboxes: InboxLeases;
  /** What it did so far. */
  readonly counters = new NodeCounters();
  readonly #blobs: Blobs;
  readonly #services: SessionServices;
  /** Session tokens, for whoever listens for HTTP. */
  readonly tokens: SessionTokens;
  #state: State = "starting";
  #beats: Timer | undefined;
  #sweeps: Timer | undefined;

  constructor(options: NodeOptions) {
    const { stores, nodeKey } = options;
    const { records, log: store } = stores;
    const clock = options.clock ?? systemClock;
    const random = options.random ?? systemRandom;
    const now = (): number => clock.now();
    this.#bounds = { ...defaultBounds, ...options.bounds };
    this.#log = options.log ?? (() => undefined);
    this.#claim = new ClaimSecret(random);
    const attempts = {
      perAddress: this.#bounds.pairingTriesPerMinute,
      inTotal: this.#bounds.pairingTriesTotalPerMinute,
    };
    this.#claimAttempts = new Attempts(attempts, () => clock.monotonic());
    this.#pairAttempts = new Attempts(attempts, () => clock.monotonic());
    this.#enrolAttempts = new Attempts(attempts, () => clock.monotonic());
    const onError = (error: unknown): void => this.#failed("background", error);
    this.#mesh = new MeshState({ records, nodeKey, now, onRevocations: (mesh) => this.#revoked(mesh), onError });
    this.#presence = new Presence(clock);
    this.#directory = new Directory(records, now, (entry) => this.#memberChanged(entry));
    this.#members = new Members({
      records,
      mesh: this.#mesh,
      directory: this.#directory,
      now,
      mostMembers: this.#bounds.members,
    });
    this.#invites = new Invites({ records, clock, random, bounds: this.#bounds });
    this.#pairings = new Pairings({
      records,
      mesh: this.#mesh,
      members: this.#members,
      invites: this.#invites,
      clock,
      bounds: this.#bounds,
      onPending: (pending) => this.#toOperators((session) => session.push("pairing.pending", pending)),
    });
    this.#enrolments = new Enrolments({
      records,
      clock,
      bounds: this.#bounds,
      onPending: (member, enrolment, request) => {
        for (const session of this.#table.ofMember(member)) session.push("device.pending", { enrolment, request });
      },
    });
    this.#mailboxes = new Mailboxes({ log: store, records, clock, bounds: this.#bounds });
    this.#deviceBoxes = new DeviceBoxes({ log: store, clock, mostFrames: this.#bounds.deviceBoxFrames });
    this.#deadLetters = new DeadLetters(records, clock, this.#bounds.deadLetters);
    this.#inboxes = new InboxLeases({
      records,
      log: store,
      clock,
      directory: this.#directory,
      presence: this.#presence,
      sessionsOf: (member) => this.#table.ofMember(member),
      leaseMs: this.#bounds.inboxLeaseMs,
      marginMs: this.#bounds.inboxMarginMs,
      onChange: () => void this.counters.inboxChanges++,
      onError,
    });
    this.#blobs = stores.blobs;
    this.tokens = new SessionTokens({
      mesh: this.#mesh,
      members: this.#members,
      directory: this.#directory,
      nodeKey,
      now,
      clockSkewMs: this.#bounds.clockSkewMs,
    });
    const shared = {
      mesh: this.#mesh,
      members: this.#members,
      directory: this.#directory,
      presence: this.#presence,
      pairings: this.#pairings,
      enrolments: this.#enrolments,
      mailboxes: this.#mailboxes,
      deviceBoxes: this.#deviceBoxes,
      deadLetters: this.#deadLetters,
      inboxes: this.#inboxes,
      nodeKey,
      now,
    };
    this.#services = {
      ...shared,
      clockSkewMs: this.#bounds.clockSkewMs,
      clock,
      random,
      bounds: this.#bounds,
      log: this.#log,
      store,
      table: this.#table,
      attempts: new MailboxAttempts(this.#bounds.mailboxAttempts),
      counters: this.counters,
      generations: new Generations(records),
      delivery: new Delivery({ ...shared, sessions: this.#table }),
      requests: makeRequestTable({
        ...shared,
        mailboxChanged: (member) => {
          for (const session of this.#table.ofMember(member)) session.mailboxChanged();
        },
        tokens: this.tokens,
        invites: this.#invites,
        leaseMs: this.#bounds.leaseMs,
        ice: options.ice ?? {},
      }),
    };
  }

  get claimSecret(): string | undefined {
    return this.#claim.value;
  }

  get bounds(): RegistryBounds {
    return this.#bounds;
  }

  get isClaimed(): boolean {
    return this.#mesh.claimed !== undefined;
  }

  /** Members that it knows. */
  get size(): number {
    return this.#directory.size;
  }

  /** Sessions open now. */
  get sessions(): number {
    return this.#table.size;
  }

  /** What waits in the mailboxes that are in use. */
  mailboxUsage(): Promise<{ frames: number; bytes: number }> {
    return this.#mailboxes.usage();
  }

  get health(): "ok" | "draining" | "starting" {
    return this.#state === "ready" ? "ok" : this.#state;
  }

  /** Throws `draining` while no sessions are taken. */
  checkReady(): void {
    if (this.#state !== "ready") throw new ParleyError("draining");
  }

  /** Reads what the stores hold. Throws `registry_key_mismatch` or what the stores say. */
  async open(): Promise<void> {
    const { signal } = this.#ending;
    await this.#mesh.open(signal);
    await Promise.all([this.#directory.open(signal), this.#pairings.open(signal), this.#enrolments.open(signal)]);
    if (this.#mesh.claimed === undefined) this.#claim.open();
    else await this.#finishCutShort(this.#mesh.claimed);
  }

  /** From now on sessions are taken. */
  begin(): void {
    this.#state = "ready";
    this.#beat();
    this.#sweep();
  }

  /** A device has connected: what its socket brings goes to the session that is returned. */
  accept(socket: SessionSocket): Session {
    // The oldest gives way: a device proves itself in milliseconds, so what hangs about is not one.
    while (this.#table.unprovenCount >= this.#bounds.unprovenSockets)
      this.#table.oldestUnproven()?.end("limit_reached");
    const session = new Session(socket, this.#services);
    session.start();
    return session;
  }

  /** Says goodbye to every device and finishes what is being written. False when that was done before. */
  async end(): Promise<boolean> {
    if (this.#state === "draining") return false;
    this.#state = "draining";
    this.#beats?.cancel();
    this.#sweeps?.cancel();
    const error = toWireError(new ParleyError("draining"));
    for (const session of this.#table.proven()) session.push("goodbye", { error });
    await this.#idle();
    this.#inboxes.stop();
    for (const session of this.#table.everyone()) session.end("draining");
    this.#ending.abort();
    return true;
  }

  nodeInfo(): RouteReply<"node"> {
    return this.#mesh.nodeInfo();
  }

  /** What founding a mesh, asking to join it and keeping blobs are answered by. */
  get routes(): Omit<RouteHandlers, "healthz" | "readyz" | "version" | "openapi" | "metrics" | "node"> {
    return {
      ...blobRoutes({
        blobs: this.#blobs,
        now: () => this.#services.clock.now(),
        checkReady: () => this.checkReady(),
        perMember: this.#bounds.blobTransfers,
        inTotal: this.#bounds.blobTransfersInTotal,
      }),
      claim: async ({ body, address }) => {
        this.checkReady();
        this.#claimAttempts.count(address);
        const { secret, ...statements } = body;
        // Whoever repeats its own claim, because the answer was lost, needs no secret: it changes nothing.
        if (this.#mesh.claimed?.operators.chain[0] !== statements.genesis) await this.#claim.check(secret);
        const claimed = await this.#mesh.claim({ ...statements, rotations: [] });
        await this.#finishCutShort(claimed);
        this.#claim.spend();
        this.#log("info", "mesh.claimed", { mesh: claimed.mesh });
        return this.#mesh.nodeInfo();
      },
      pair: async ({ body, address }) => {
        this.checkReady();
        this.#pairAttempts.count(address);
        const state = await this.#pairings.request(body, address);
        this.#log("info", "pairing.asked", { pairing: state.pairing, state: state.state });
        return state;
      },
      pairing: ({ param, query }) => this.#pairings.state(requireId(param("pairing")), waitMsOf(query("wait"))),
      enrol: async ({ body, address }) => {
        this.checkReady();
        this.#enrolAttempts.count(address);
        const state = await this.#enrolments.ask(body.enrolment, body.request);
        this.#log("info", "enrolment.asked", { state: state.state });
        return state;
      },
      enrolment: ({ param, query }) => this.#enrolments.state(requireId(param("enrolment")), waitMsOf(query("wait"))),
    };
  }

  /** Finishes what a stop in the middle left: the founder's record, and revocations that were listed but not carried out. */
  async #finishCutShort(claimed: ClaimedMesh): Promise<void> {
    const { member, name } = peekStatement("admission", claimed.founder.admission);
    if ((await this.#members.get(member)) === undefined) {
      await this.#members.reserveName(name, member);
      await this.#members.admit(claimed.founder);
    }
    await this.#members.revokeListed();
  }

  #memberChanged(entry: DirectoryEntry): void {
    const { member, kind, devices } = entry;
    const sessions = this.#table.ofMember(member);
    for (const session of sessions) session.follow(entry);
    if (kind === "agent" && sessions.length > 0) this.#inboxes.consider(member);
    if (kind === "person" && !entry.revoked && this.#state === "ready")
      this.#mailboxes
        .devicesChanged({ member, kind, devices })
        .catch((error: unknown) => this.#failed("mailbox", error));
    if (entry.revoked) return;
    for (const watcher of this.#presence.watchersOf(entry.member)) watcher.memberChanged(entry.member, entry.record);
  }

  /** Everybody is told first; then the revoked are shown out, and what waits for them is dropped. */
  #revoked(mesh: ClaimedMesh): void {
    if (mesh.revocations === undefined) return;
    const { compact, list } = mesh.revocations;
    for (const session of this.#table.proven()) session.push("revocations", { revocations: compact });
    for (const { member } of list.revoked) {
      for (const session of this.#table.ofMember(member)) session.end("revoked");
      Promise.all([
        this.#mailboxes.remove(member),
        this.#deviceBoxes.remove(member),
        this.#deadLetters.removeAll(member),
      ]).catch((error: unknown) => this.#failed("mailbox", error));
    }
    this.#members.revokeListed().catch((error: unknown) => this.#failed("revocations", error));
    this.#log("info", "revocations.changed", { number: list.number, revoked: list.revoked.length });
  }

  #toOperators(tell: (session: Session) => void): void {
    for (const session of this.#table.proven()) {
      if (session.identity?.roles.some((role) => role === "operator" || role === "admin") === true) tell(session);
    }
  }

  #beat(): void {
    const { clock } = this.#services;
    const { pingMs, staleMs, inboxLeaseMs } = this.#bounds;
    const every = Math.max(1, Math.min(pingMs, staleMs, inboxLeaseMs) / 3);
    this.#beats = clock.setTimer(every, () => {
      for (const session of this.#table.proven()) session.beat();
      this.#beat();
    });
  }

  #sweep(): void {
    this.#sweeps = this.#services.clock.setTimer(this.#bounds.sweepMs, () => {
      Promise.all([
        this.#sweepBlobs(),
        this.#invites.sweep(),
        this.#pairings.sweep(),
        this.#enrolments.sweep(),
        this.#mailboxes.sweep(),
        this.#deviceBoxes.sweep(),
        this.#deadLetters.sweep(),
      ])
        .catch((error: unknown) => this.#failed("sweep", error))
        .finally(() => {
          if (this.#state === "ready") this.#sweep();
        });
    });
  }

  /** One round takes so many holds away; the next goes on, until none has expired. */
  async #sweepBlobs(): Promise<void> {
    while (this.#state === "ready" && !(await this.#blobs.sweep(this.#services.clock.now())).complete);
  }

  /** Resolves when no session has work under way, or when the time for an orderly stop is over. */
  async #idle(): Promise<void> {
    const { clock, bounds } = this.#services;
    const end = clock.monotonic() + bounds.drainMs / 2;
    while (clock.monotonic() < end && this.#table.proven().some((session) => session.isBusy)) {
      await new Promise<void>((resolve) => void clock.setTimer(10, resolve));
    }
  }

  #failed(what: string, error: unknown): void {
    this.#log("error", "registry.failed", {
      what,
      code: toParleyError(error).code,
      error: error instanceof Error ? error.message : "not an error",
    });
  }
}

function waitMsOf(wait = "0"): number {
  if (/^\d{1,2}$/.test(wait)) return Number(wait) * 1000;
  throw new ParleyError("invalid_argument", { message: "wait: is not a number of seconds below 100" });
}

function requireId(text: string): string {
  if (/^[A-Za-z0-9_-]{22}$/.test(text)) return text;
  throw new ParleyError("not_found", { message: "There is no such request to join." });
}

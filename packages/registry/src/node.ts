import { peekStatement, type Timer } from "@parley/core";
import {
  type AuditFacts,
  type ErrorCode,
  ParleyError,
  type RouteReply,
  scopeAllowsChannel,
  toParleyError,
} from "@parley/protocol";

import { type AuditRecorder, byAddress } from "./audit/audit-trail.ts";
import { blobRoutes } from "./blob-routes.ts";
import type { RegistryBounds } from "./bounds.ts";
import { ClaimSecret } from "./claim.ts";
import type { Bearers } from "./credentials/bearers.ts";
import type { LiveCalls } from "./credentials/live-calls.ts";
import type { DirectoryEntry } from "./directory.ts";
import type { RouteHandlers } from "./http-app.ts";
import { joiningRoutes } from "./joining-routes.ts";
import type { MemberShares } from "./member-share.ts";
import type { ClaimedMesh } from "./mesh-state.ts";
import type { NodeCounters } from "./node-counters.ts";
import { makeNodeParts, type NodeParts } from "./node-parts.ts";
import type { StoredOrder } from "./operator-orders.ts";
import type { NodeOptions } from "./options.ts";
import { restRoutes } from "./rest-routes.ts";
import type { SessionSocket } from "./session-socket.ts";
import { Session } from "./session.ts";
import { toWireError } from "./wire-error.ts";

type State = "starting" | "ready" | "draining";

/** An edge uses its invite at once. */
const edgeInviteLifeMs = 60_000;

/** One node of the registry without a listener: services, sessions over any socket, beats and sweeps. */
export class RegistryNode {
  readonly #parts: NodeParts;
  readonly #claim: ClaimSecret;
  readonly #ending = new AbortController();
  /** What founding a mesh, asking to join it, keeping blobs and scripts are answered by. */
  readonly routes: Omit<RouteHandlers, "healthz" | "readyz" | "version" | "openapi" | "metrics" | "node">;
  #state: State = "starting";
  readonly #whenClaimed = Promise.withResolvers<void>();
  #beats: Timer | undefined;
  #sweeps: Timer | undefined;

  constructor(options: NodeOptions) {
    this.#parts = makeNodeParts(options, {
      onRevocations: (mesh) => this.#revoked(mesh),
      onOperators: (mesh) => this.#operatorsChanged(mesh),
      onOrder: (type, statement) => this.#ordered(type, statement),
      onMemberChanged: (entry) => this.#memberChanged(entry),
      onError: (error) => this.#failed("background", error),
    });
    const { random, blobs, now, bounds } = this.#parts;
    this.#claim = new ClaimSecret(random);
    const checkReady = (): void => this.checkReady();
    const finish = (claimed: ClaimedMesh): Promise<void> => this.#finishCutShort(claimed);
    this.routes = {
      ...blobRoutes({
        blobs,
        now,
        checkReady,
        perMember: bounds.blobTransfers,
        inTotal: bounds.blobTransfersInTotal,
      }),
      ...joiningRoutes({ ...this.#parts, claim: this.#claim, checkReady, finish }),
      ...restRoutes({ requests: this.#parts.requests, checkReady }),
      jwks: () => this.#parts.tokenKeys.jwks(),
    };
  }

  get certifiedUntil(): number | undefined {
    const certificate = this.#parts.mesh.claimed?.certificate;
    return certificate === undefined ? undefined : peekStatement("node", certificate).exp;
  }

  get claimSecret(): string | undefined {
    return this.#claim.value;
  }

  /** What it did so far. */
  get counters(): NodeCounters {
    return this.#parts.counters;
  }

  /** Session tokens and API keys, for whoever listens for HTTP. */
  get bearers(): Bearers {
    return this.#parts.bearers;
  }

  /** What they have under way. */
  get liveCalls(): LiveCalls {
    return this.#parts.liveCalls;
  }

  /** What each member may ask, for whoever listens for HTTP. */
  get shares(): MemberShares {
    return this.#parts.shares;
  }

  get bounds(): RegistryBounds {
    return this.#parts.bounds;
  }

  /** Resolves once the mesh is claimed. */
  get claimed(): Promise<void> {
    return this.#whenClaimed.promise;
  }

  /** An invite by this node, for one member. An operator decides about it as about every other. */
  async inviteEdge(label: string): Promise<string> {
    const { invites, nodeKey } = this.#parts;
    return (await invites.create(nodeKey.id, { kind: "link", lifeMs: edgeInviteLifeMs, label })).secret;
  }

  get isClaimed(): boolean {
    return this.#parts.mesh.claimed !== undefined;
  }

  /** Members that it knows. */
  get size(): number {
    return this.#parts.directory.size;
  }

  /** Sessions open now. */
  get sessions(): number {
    return this.#parts.table.size;
  }

  /** Channels, archived ones included. */
  get channels(): number {
    return this.#parts.channelTable.size;
  }

  /** Those who posts are pushed to, each counted for each channel. */
  get followers(): number {
    return this.#parts.channelFeed.size;
  }

  /** What waits in the mailboxes that are in use. */
  mailboxUsage(): Promise<{ frames: number; bytes: number }> {
    return this.#parts.mailboxes.usage();
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
    const { mesh, orders, directory, pairings, enrolments, agreements, blocks, channelTable, groups, channelFeed } =
      this.#parts;
    const { tokenKeys, apiKeys, audit, ledger, budgets, board, resources } = this.#parts;
    await mesh.open(signal);
    await audit.open();
    const ofChannels = [channelTable, groups, channelFeed];
    const ofMembers = [directory, pairings, enrolments, agreements, blocks];
    const projections = [...ofMembers, board, ...ofChannels, tokenKeys, apiKeys, resources];
    await Promise.all(projections.map((part) => part.open(signal)));
    await orders.open(signal);
    await ledger.open();
    if (mesh.claimed !== undefined) budgets.look();
    if (mesh.claimed === undefined) this.#claim.open();
    else await this.#finishCutShort(mesh.claimed);
  }

  /** From now on sessions are taken. `facts`: how it can be reached. */
  begin(facts: AuditFacts = {}): void {
    this.#state = "ready";
    const { audit, nodeKey } = this.#parts;
    void audit.record({ act: "registry.started", by: { node: nodeKey.id }, facts });
    this.#beat();
    this.#sweep();
  }

  /** Somebody was turned away for its number, the first time in a minute. */
  turnedAway(address: string, why: string): void {
    const { audit } = this.#parts;
    void audit.record({ act: "address.turned-away", by: byAddress(address), code: "rate_limited", facts: { why } });
  }

  /** A device has connected: what its socket brings goes to the session that is returned. */
  accept(socket: SessionSocket): Session {
    const { table, bounds } = this.#parts;
    const session = new Session(socket, this.#parts);
    // A device proves itself in milliseconds, so what hangs about is not one.
    for (;;) {
      const older = table.inTheWay(session.group, bounds.unprovenPerAddress, bounds.unprovenSockets);
      if (older === undefined) break;
      older.end("limit_reached");
    }
    session.start();
    return session;
  }

  /** Says goodbye to every device and finishes what is being written. False when that was done before. */
  async end(): Promise<boolean> {
    if (this.#state === "draining") return false;
    this.#state = "draining";
    this.#beats?.cancel();
    this.#sweeps?.cancel();
    const { table, inboxes, channelEvents, apiKeys, budgets, ledger, board } = this.#parts;
    const error = toWireError(new ParleyError("draining"));
    for (const session of table.proven()) session.push("goodbye", { error });
    await this.#idle();
    inboxes.stop();
    for (const session of table.everyone()) session.end("draining");
    channelEvents.stop();
    board.stop();
    budgets.stop();
    await ledger.flush().catch((error: unknown) => this.#failed("usage", error));
    await apiKeys.flush().catch((error: unknown) => this.#failed("api-keys", error));
    await this.#endAudit();
    this.#ending.abort();
    return true;
  }

  /** The last entry; a store that does not answer does not hold up the end. */
  async #endAudit(): Promise<void> {
    const { audit, nodeKey, clock, bounds } = this.#parts;
    void audit.record({ act: "registry.stopped", by: { node: nodeKey.id } });
    const late = Promise.withResolvers<void>();
    const timer = clock.setTimer(bounds.drainMs / 4, late.resolve);
    await Promise.race([audit.close(), late.promise]);
    timer.cancel();
  }

  /** A device got no session: one at an address that proved nothing. */
  sessionRefused(address: string, code: ErrorCode): void {
    if (code !== "draining") void this.#parts.audit.record({ act: "session.refused", by: byAddress(address), code });
  }

  /** Where acts are written down. */
  get audit(): AuditRecorder {
    return this.#parts.audit;
  }

  nodeInfo(): RouteReply<"node"> {
    return this.#parts.mesh.nodeInfo();
  }

  /** Finishes what a stop in the middle left: the founder's record, the first channels, and revocations that were listed but not carried out. */
  async #finishCutShort(claimed: ClaimedMesh): Promise<void> {
    const { members, channels } = this.#parts;
    const { member, name } = peekStatement("admission", claimed.founder.admission);
    if ((await members.get(member)) === undefined) {
      await members.reserveName(name, member);
      await members.admit(claimed.founder);
    }
    await channels.openFirst(claimed.mesh);
    await channels.remove(await members.revokeListed());
    this.#whenClaimed.resolve();
  }

  #memberChanged(entry: DirectoryEntry): void {
    const { table, inboxes, mailboxes, presence, liveCalls } = this.#parts;
    liveCalls.follow(entry);
    const { member, kind, devices, record, revoked } = entry;
    const sessions = table.ofMember(member);
    for (const session of sessions) session.follow(entry);
    this.#unfollowOutOfScope(entry);
    if (kind === "agent" && sessions.length > 0) inboxes.consider(member);
    if (this.#state === "ready") this.#parts.tellGroupsOf(member);
    if (revoked) return;
    if (kind === "person" && this.#state === "ready")
      mailboxes.devicesChanged({ member, kind, devices }).catch((error: unknown) => this.#failed("mailbox", error));
    for (const watcher of presence.watchersOf(member)) watcher.memberChanged(member, record);
  }

  /** A narrower scope than before ends what a member follows, and not only what it begins to. */
  #unfollowOutOfScope({ member, scope }: DirectoryEntry): void {
    if (scope?.channels === undefined) return;
    const { table, channelTable, channelFeed } = this.#parts;
    for (const id of channelTable.ofMember(member))
      if (!scopeAllowsChannel(scope, channelTable.get(id)?.record.name ?? ""))
        for (const session of table.ofMember(member)) channelFeed.unfollow(session, id);
  }

  /** Everybody is told first; then the revoked are shown out, and what waits for them is dropped. */
  #revoked(mesh: ClaimedMesh): void {
    if (mesh.revocations === undefined) return;
    const { compact, list } = mesh.revocations;
    const { table, members, mailboxes, deviceBoxes, deadLetters, channels, blocks, log } = this.#parts;
    const { liveCalls, apiKeys, board } = this.#parts;
    for (const session of table.proven()) session.push("order", { type: "revocations", statement: compact });
    for (const { member } of list.revoked) {
      for (const session of table.ofMember(member)) session.end("revoked");
      liveCalls.end(member);
      Promise.all([
        mailboxes.remove(member),
        deviceBoxes.remove(member),
        deadLetters.removeAll(member),
        blocks.remove(member),
        apiKeys.removeAll(member),
        board.removeMember(member),
      ]).catch((error: unknown) => this.#failed("mailbox", error));
    }
    members
      .revokeListed()
      .then((revoked) => channels.remove(revoked))
      .catch((error: unknown) => this.#failed("revocations", error));
    log("info", "revocations.changed", { number: list.number, revoked: list.revoked.length });
  }

  /** Everybody is told first; then the directory and the sessions follow. */
  #operatorsChanged({ operators, certificate }: ClaimedMesh): void {
    const { table, directory, log } = this.#parts;
    for (const session of table.proven()) session.push("operators", { operators: [...operators.chain], certificate });
    directory.operatorsChanged();
    log("info", "operators.changed", { number: operators.number, operators: operators.keys.size });
  }

  /** Everybody is told; then those whom it puts out go, and those it lets on go on. */
  #ordered(type: StoredOrder, statement: string): void {
    const { table, liveCalls, authority, budgets, board, log } = this.#parts;
    for (const session of table.proven()) session.push("order", { type, statement });
    for (const session of table.proven()) session.ordered();
    liveCalls.endWhere((member) => authority.isBanned(member));
    if (type === "policy") budgets.look();
    board.consider();
    log("info", `${type}.changed`, { number: peekStatement(type, statement).number });
  }

  #beat(): void {
    const { clock, table, bounds } = this.#parts;
    const { pingMs, staleMs, inboxLeaseMs } = bounds;
    const every = Math.max(1, Math.min(pingMs, staleMs, inboxLeaseMs) / 3);
    this.#beats = clock.setTimer(every, () => {
      for (const session of table.proven()) session.beat();
      this.#beat();
    });
  }

  #sweep(): void {
    this.#sweeps = this.#parts.clock.setTimer(this.#parts.bounds.sweepMs, () => {
      const { invites, pairings, proposals, enrolments, mailboxes, deviceBoxes, deadLetters, audit } = this.#parts;
      const { channels, channelRetention, channelFeed, shares, table } = this.#parts;
      const { tokenKeys, apiKeys, ledger, agreements, board, resources } = this.#parts;
      shares.sweep((member) => table.ofMember(member).length > 0);
      const waiting = [invites, pairings, proposals, enrolments];
      const kept = [
        ledger,
        agreements,
        resources,
        ...waiting,
        mailboxes,
        deviceBoxes,
        deadLetters,
        tokenKeys,
        apiKeys,
        audit,
        board,
      ];
      const inChannels = [channels, channelRetention, channelFeed];
      Promise.all([this.#sweepBlobs(), ...[...kept, ...inChannels].map((part) => part.sweep())])
        .catch((error: unknown) => this.#failed("sweep", error))
        .finally(() => {
          if (this.#state === "ready") this.#sweep();
        });
    });
  }

  /** One round takes so many holds away; the next goes on, until none has expired. */
  async #sweepBlobs(): Promise<void> {
    while (this.#state === "ready" && !(await this.#parts.blobs.sweep(this.#parts.clock.now())).complete);
  }

  /** Resolves when no session has work under way, or when the time for an orderly stop is over. */
  async #idle(): Promise<void> {
    const { clock, bounds, table } = this.#parts;
    const end = clock.monotonic() + bounds.drainMs / 2;
    while (clock.monotonic() < end && table.proven().some((session) => session.isBusy)) {
      await new Promise<void>((resolve) => void clock.setTimer(10, resolve));
    }
  }

  #failed(what: string, error: unknown): void {
    this.#parts.log("error", "registry.failed", {
      what,
      code: toParleyError(error).code,
      error: error instanceof Error ? error.message : "not an error",
    });
  }
}

import { type Blobs, systemClock, systemRandom } from "@parley/core";

import { Agreements } from "./agreements.ts";
import { AuditTrail } from "./audit/audit-trail.ts";
import { AuditWitnesses } from "./audit/audit-witnesses.ts";
import { Authority } from "./authority.ts";
import { Blocks } from "./blocks.ts";
import { Board } from "./board/board.ts";
import { type RegistryBounds, defaultBounds } from "./bounds.ts";
import { Budgets } from "./budgets/budgets.ts";
import { UsageLedger } from "./budgets/usage-ledger.ts";
import { type ChannelParts, makeChannelParts } from "./channels/channel-parts.ts";
import { type CredentialParts, makeCredentialParts } from "./credentials/credential-parts.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Delivery } from "./delivery.ts";
import { DeviceBoxes } from "./device-boxes.ts";
import { Directory, type DirectoryEntry } from "./directory.ts";
import { Enrolments } from "./enrolments.ts";
import { Generations } from "./generations.ts";
import { InboxLeases } from "./inbox-leases.ts";
import { Invites } from "./invites.ts";
import { MailboxAttempts } from "./mailbox-attempts.ts";
import { Mailboxes } from "./mailboxes.ts";
import { MemberShares } from "./member-share.ts";
import { Members } from "./members.ts";
import { type ClaimedMesh, MeshState } from "./mesh-state.ts";
import { NodeCounters } from "./node-counters.ts";
import { OperatorOrders, type StoredOrder } from "./operator-orders.ts";
import { OperatorProposals } from "./operator-proposals.ts";
import type { NodeOptions } from "./options.ts";
import { Pairings } from "./pairings.ts";
import { Presence } from "./presence.ts";
import { makeRequestTable } from "./requests/request-table.ts";
import { ResourceLeases } from "./resource-leases.ts";
import type { SessionServices } from "./session-services.ts";
import { SessionTable } from "./session-table.ts";

/** What a node is made of: all that its sessions share, and what HTTP asks besides. */
export interface NodeParts extends SessionServices, ChannelParts, CredentialParts {
  readonly invites: Invites;
  readonly proposals: OperatorProposals;
  readonly enrolments: Enrolments;
  readonly agreements: Agreements;
  readonly blobs: Blobs;
  readonly blocks: Blocks;
  readonly budgets: Budgets;
  readonly ledger: UsageLedger;
  readonly audit: AuditTrail;
  readonly resources: ResourceLeases;
}

/** What the parts tell their node. */
export interface NodeEvents {
  readonly onRevocations: (mesh: ClaimedMesh) => void;
  readonly onOperators: (mesh: ClaimedMesh) => void;
  readonly onOrder: (type: StoredOrder, statement: string) => void;
  readonly onMemberChanged: (entry: DirectoryEntry) => void;
  readonly onError: (error: unknown) => void;
}

/** Makes the parts of a node, each of those before it. */
export function makeNodeParts(
  options: NodeOptions,
  { onRevocations, onOperators, onOrder, onMemberChanged, onError }: NodeEvents,
): NodeParts {
  const { stores, nodeKey, clock = systemClock, random = systemRandom, log = () => undefined } = options;
  const { records, log: store, blobs } = stores;
  const bounds: RegistryBounds = { ...defaultBounds, ...options.bounds };
  const { clockSkewMs } = bounds;
  const now = (): number => clock.now();
  const counters = new NodeCounters();
  const table = new SessionTable();
  const mesh = new MeshState({ records, nodeKey, now, onRevocations, onOperators, onError });
  const meshId = (): string | undefined => mesh.claimed?.mesh;
  const audit = new AuditTrail({
    log: store,
    records,
    nodeKey,
    clock,
    mesh: meshId,
    bounds,
    onHead: (head) => {
      for (const session of table.ofOperators()) session.push("audit.head", { head });
    },
    report: log,
  });
  const witnesses = new AuditWitnesses({ records, log: audit.log, node: nodeKey.id, mesh: meshId });
  const orders = new OperatorOrders({ records, mesh, now, onOrder, onError });
  const presence = new Presence(clock);
  const directory = new Directory(records, now, () => mesh.claimed?.operators, onMemberChanged);
  const members = new Members({ records, mesh, directory, now, mostMembers: bounds.members, audit });
  const byNode = { node: nodeKey.id };
  const invites = new Invites({
    records,
    clock,
    random,
    bounds,
    onLocked: () => void audit.record({ act: "code.locked", by: byNode }),
  });
  const pairings = new Pairings({
    records,
    mesh,
    members,
    invites,
    audit,
    clock,
    bounds,
    onPending: (pending) => {
      for (const session of table.ofOperators()) session.push("pairing.pending", pending);
    },
  });
  const proposals = new OperatorProposals({
    records,
    mesh,
    clock,
    random,
    bounds,
    onProposed: (proposal) => {
      for (const session of table.ofOperators()) session.push("operators.proposed", proposal);
    },
  });
  const enrolments = new Enrolments({
    records,
    clock,
    bounds,
    onPending: (member, enrolment, request) => {
      for (const session of table.ofMember(member)) session.push("device.pending", { enrolment, request });
    },
  });
  const agreements = new Agreements({
    records,
    clock,
    bounds,
    hasSkill: (member, skill) => directory.hasSkill(member, skill),
  });
  const mailboxes = new Mailboxes({ log: store, records, clock, bounds });
  const deviceBoxes = new DeviceBoxes({ log: store, clock, mostFrames: bounds.deviceBoxFrames });
  const deadLetters = new DeadLetters(records, clock, bounds.deadLetters);
  const inboxes = new InboxLeases({
    records,
    log: store,
    clock,
    directory,
    presence,
    sessionsOf: (member) => table.ofMember(member),
    leaseMs: bounds.inboxLeaseMs,
    marginMs: bounds.inboxMarginMs,
    onChange: () => void counters.inboxChanges++,
    onError,
  });
  const blocks = new Blocks(records);
  const ledger = new UsageLedger({ records, clock, node: nodeKey.id, mostMembers: bounds.members, onError });
  const budgets = new Budgets({
    ledger,
    policy: () => orders.policy,
    directory,
    mesh,
    nodeKey,
    clock,
    onHolds: (holds) => {
      for (const session of table.proven()) session.push("holds", { holds });
    },
    onHeld: (member, until) => void audit.record({ act: "member.held", by: byNode, subject: member, facts: { until } }),
    onReleased: (member) => void audit.record({ act: "member.released", by: byNode, subject: member }),
    onError,
  });
  const authority = new Authority({
    orders,
    directory,
    channels: () => channelParts.channelTable,
    heldFor: (member) => budgets.heldFor(member),
    now,
  });
  const credentials = makeCredentialParts({
    records,
    mesh,
    members,
    directory,
    authority,
    nodeKey,
    clock,
    random,
    bounds,
    keptTokenKeys: options.tokenKeys,
    audit,
  });
  const delivery = new Delivery({
    sessions: table,
    directory,
    members,
    mailboxes,
    deviceBoxes,
    inboxes,
    blocks,
    authority,
    now,
  });
  const board = new Board({
    records,
    clock,
    random,
    directory,
    authority,
    blocks,
    presence,
    sessionsOf: (member) => table.ofMember(member),
    bounds,
    onError,
  });
  const channelParts = makeChannelParts({
    authority,
    budgets,
    stores,
    clock,
    random,
    bounds,
    counters,
    table,
    mesh,
    directory,
    node: nodeKey.id,
    mayVouch: options.mayVouch ?? (() => false),
    onError,
  });
  const resources = new ResourceLeases({
    records,
    clock,
    bounds,
    nameOf: (member) => directory.get(member)?.name,
    sessions: () => table.proven(),
    onError,
  });
  const requests = makeRequestTable({
    ...channelParts,
    board,
    resources,
    audit,
    witnesses,
    blocks,
    budgets,
    ledger,
    orders,
    authority,
    mesh,
    members,
    directory,
    presence,
    invites,
    pairings,
    proposals,
    enrolments,
    agreements,
    mailboxes,
    inboxes,
    deadLetters,
    mailboxChanged: (member) => {
      for (const session of table.ofMember(member)) session.mailboxChanged();
    },
    table,
    ...credentials,
    nodeKey,
    now,
    leaseMs: bounds.leaseMs,
    ice: options.ice ?? {},
  });
  return {
    ...channelParts,
    board,
    resources,
    audit,
    blocks,
    budgets,
    ledger,
    orders,
    authority,
    nodeKey,
    clock,
    random,
    now,
    bounds,
    clockSkewMs,
    log,
    store,
    blobs,
    counters,
    shares: new MemberShares(clock, bounds),
    table,
    mesh,
    presence,
    directory,
    members,
    ...credentials,
    invites,
    pairings,
    proposals,
    enrolments,
    agreements,
    mailboxes,
    deviceBoxes,
    deadLetters,
    attempts: new MailboxAttempts(bounds.mailboxAttempts),
    inboxes,
    generations: new Generations(records),
    delivery,
    requests,
  };
}

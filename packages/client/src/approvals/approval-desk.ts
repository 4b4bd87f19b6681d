/** Approvals of a device: what it asks of others, what others ask of it, and the envelopes between. */
import type { Clock, Journal, MeshTrust, PolicyMember, Random, VerifiedMember } from "@parley/core";
import {
  type ApprovalBody,
  approvalBodySchema,
  decodeJson,
  type Envelope,
  envelopeKinds,
  limits,
  ParleyError,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";
import type { Directory } from "../directory.ts";
import type { DurableStreams } from "../durable-streams.ts";
import type { ApprovalObject, Gate } from "../gate.ts";
import type { Identity } from "../identity.ts";
import { KeptTable } from "../kept-table.ts";
import type { Notices } from "../notices.ts";
import { ApprovalInbox, keptAskSchema, type KeptAsk } from "./approval-inbox.ts";
import { ApprovalRequests } from "./approval-requests.ts";
import { type KeptRequest, keptRequestSchema } from "./kept-request.ts";
import { type KeptStanding, keptStandingSchema, StandingApprovals } from "./standing-approvals.ts";
import { type KeptStray, keptStraySchema, mostStrays, StrayAnswers } from "./stray-answers.ts";

/** What of approvals outlives a start. */
export interface KeptApprovals {
  readonly asked: KeptTable<KeptAsk>;
  readonly requests: KeptTable<KeptRequest>;
  readonly standing: KeptTable<KeptStanding>;
  readonly strays: KeptTable<KeptStray>;
}

/** Reads what an earlier start left. */
export async function openApprovals(journal: Journal): Promise<KeptApprovals> {
  const most = limits.approvalsOpen;
  const [asked, requests, standing, strays] = await Promise.all([
    KeptTable.open<KeptAsk>({ journal, name: "approval-asked", schema: keptAskSchema, most }),
    KeptTable.open<KeptRequest>({ journal, name: "approval-requests", schema: keptRequestSchema, most }),
    KeptTable.open<KeptStanding>({
      journal,
      name: "approval-standing",
      schema: keptStandingSchema,
      most: limits.standingApprovals,
    }),
    KeptTable.open<KeptStray>({ journal, name: "approval-strays", schema: keptStraySchema, most: mostStrays }),
  ]);
  return { asked, requests, standing, strays };
}

export interface ApprovalDeskOptions {
  readonly kept: KeptApprovals;
  readonly identity: () => Identity;
  readonly trust: MeshTrust;
  readonly gate: Gate;
  readonly own: () => PolicyMember;
  readonly directory: Directory;
  readonly streams: () => DurableStreams;
  readonly clock: Clock;
  readonly random: Random;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly notices: Notices;
  /** Whether this member is an agent with other instances, any of which may have asked. */
  readonly hasInstances: () => boolean;
  /** Sends live to every other device of this member that is connected. */
  readonly tellOthers: (body: ApprovalBody) => Promise<void>;
}

/** Pages of the directory that are looked through for those who may approve. */
const mostPages = 20;

export class ApprovalDesk {
  readonly #options: ApprovalDeskOptions;
  readonly requests: ApprovalRequests;
  readonly inbox: ApprovalInbox;
  readonly #standing: StandingApprovals;
  readonly #strays: StrayAnswers;

  constructor(options: ApprovalDeskOptions) {
    this.#options = options;
    const { kept, trust, own, notices } = options;
    const send = (member: string, body: ApprovalBody, expires: number): Promise<void> =>
      this.#send(member, body, expires);
    this.#standing = new StandingApprovals({ trust, own, now: options.now, table: kept.standing });
    const standing = this.#standing;
    this.#strays = new StrayAnswers({ ...options, table: kept.strays, onError: notices.failed });
    this.requests = new ApprovalRequests({
      ...options,
      table: kept.requests,
      standing,
      approvers: (object) => this.#approvers(object),
      memberOf: (member) => options.directory.current(member),
      send,
      onRefused: notices.refused,
    });
    this.inbox = new ApprovalInbox({
      ...options,
      requests: this.requests,
      standing,
      table: kept.asked,
      send,
      emit: (event) => notices.emit(event),
      onRefused: notices.refused,
    });
  }

  /** Takes an envelope before it is acknowledged; resolves when what it changes is on disk. What cannot be read is of a later version. */
  async take(from: VerifiedMember, { body }: Envelope): Promise<void> {
    const said = decodeJson(approvalBodySchema, textOf(body), limits.envelopeBytes);
    if (!said.ok)
      return this.#options.notices.refused(new ParleyError(said.code, { message: said.message }), from.name);
    switch (said.value.type) {
      case "ask":
      case "question":
        return this.inbox.take(from, said.value);
      case "answer":
      case "reply":
      case "closed":
        return this.#isStray(said.value.request)
          ? this.#strays.pass(from.member, said.value)
          : this.#takeWord(from, said.value);
      case "forward":
        return;
    }
  }

  /** Takes what another instance of this agent passes on: the word of a member, checked as if it had come here. */
  async takeForwarded(device: VerifiedMember, bytes: Uint8Array): Promise<void> {
    const { own, directory } = this.#options;
    const said = decodeJson(approvalBodySchema, textOf(bytes), limits.envelopeBytes);
    if (device.member !== own().member || !said.ok || said.value.type !== "forward") throw new ParleyError("forbidden");
    const { from, body } = said.value;
    // The others have it, too: it is for the one that asked.
    if (!this.#isStray(body.request)) await this.#takeWord(await directory.current(from), body);
  }

  stop(): void {
    this.requests.stop();
    this.#strays.stop();
  }

  async #takeWord(from: VerifiedMember, body: KeptStray["body"]): Promise<void> {
    if (body.type !== "closed") return this.requests.takeAnswer(from, body);
    await this.#standing.end(body.request, from.member);
    return this.inbox.takeClosed(from.member, body.request, body.state);
  }

  #isStray(request: string): boolean {
    const isKnown = this.requests.has(request) || this.inbox.has(request) || this.#standing.has(request);
    return !isKnown && this.#options.hasInstances();
  }

  async #send(member: string, body: ApprovalBody, expires: number): Promise<void> {
    const { streams, now } = this.#options;
    const created = Math.round(now());
    const head = {
      kind: envelopeKinds.approval,
      critical: true,
      created,
      ttl: Math.max(1, Math.round(expires) - created),
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    const stream = await streams().to(member, undefined);
    await stream.accept(head, bodyOf(body));
  }

  /** Those whom the policy lets approve, whoever is connected first. */
  async #approvers(object: ApprovalObject): Promise<readonly VerifiedMember[]> {
    const { directory, trust, own } = this.#options;
    const to = own();
    const found: VerifiedMember[] = [];
    let after: string | undefined;
    for (let page = 0; page < mostPages && found.length < limits.approvers; page++) {
      const { members, next } = await directory.find({
        limit: limits.pageSize,
        ...(after === undefined ? {} : { after }),
      });
      for (const { verified } of members)
        if (trust.policy.decide({ action: "approve", who: verified, to, ...object }).allowed) found.push(verified);
      if (next === undefined) break;
      after = next;
    }
    return found.slice(0, limits.approvers);
  }
}

/** What an operator signs: admissions and orders. The registry only carries them. */
import {
  type Clock,
  comparisonWords,
  idOfKey,
  peekStatement,
  type Random,
  systemClock,
  systemRandom,
  verifyStatement,
} from "@parley/core";
import {
  type Asks,
  type Invite,
  limits,
  type MemberKind,
  ParleyError,
  parseName,
  type Pending,
  type Role,
  type Scope,
} from "@parley/protocol";

import { type OperatorOptions } from "./operator-acts.ts";
import { type AdmissionChange, type AdmissionView, changeAdmission, signAdmission } from "./operator-admissions.ts";
import {
  type ApprovedInviteRequest,
  type CreatedInvite,
  type InviteRequest,
  openApprovedInvite,
  openInvite,
} from "./operator-invites.ts";
import { OperatorOrders } from "./operator-orders.ts";
import { openRoot } from "./operator-root.ts";
import { OperatorSetActs } from "./operator-set.ts";
import { type OrderPublisherOptions, publishNext } from "./order-publisher.ts";
import { statementLifeMs } from "./pairing.ts";

/** Somebody who waits for approval; verified to have signed the request. */
export interface PendingMember {
  readonly pairing: string;
  readonly member: string;
  readonly name: string;
  readonly kind: MemberKind;
  readonly label: string;
  readonly address: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** What the asking side shows too. */
  readonly words: string;
  /** What it would like to have; an operator decides. */
  readonly asks: Asks | undefined;
  /** What the invite that it used is for. */
  readonly inviteLabel: string | undefined;
}

export interface ApproveOptions {
  /** Default `["member"]`. */
  readonly roles?: readonly Role[];
  /** Default one year. */
  readonly lifeMs?: number;
  /** What it may call and where it may take part. Default: no limit. */
  readonly scope?: Scope;
  /** `@name` or id of a member that lost its key: it is revoked, and its name goes to who waits. */
  readonly replaces?: string;
}

const mostPages = Math.ceil(limits.pendingPairings / limits.pageSize);

/** An operator's acts over a connected device. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Who the operators are. */
  readonly operators: OperatorSetActs;

  constructor(options: OperatorOptions, random: Random = systemRandom) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = random;
    this.operators = new OperatorSetActs(options, this.#clock);
  }

  /** Opens an invite. A link pins the operator set that this operator holds. */
  createInvite(request: InviteRequest): Promise<CreatedInvite> {
    return openInvite(this.#options, request);
  }

  /** Opens a link by which members come in without a further word, as what it says. */
  createApprovedInvite(request: ApprovedInviteRequest): Promise<CreatedInvite> {
    return openApprovedInvite(this.#options, request, { clock: this.#clock, random: this.#random });
  }

  /** Publishes another admission of a member that is in. */
  change(who: string, change: AdmissionChange): Promise<AdmissionView> {
    return changeAdmission(this.#options, this.#clock, who, change);
  }

  /** Lets a member in for another while, with the roles and the scope that it has. Default one year. */
  renew(who: string, lifeMs = statementLifeMs): Promise<AdmissionView> {
    return this.change(who, { lifeMs });
  }

  async invites(): Promise<readonly Invite[]> {
    const { invites } = await this.#options.device.request("invite.list", { limit: limits.pageSize });
    return invites;
  }

  async cancelInvite(invite: string): Promise<void> {
    await this.#options.device.request("invite.cancel", { invite });
  }

  /** Everyone who waits, oldest first. Requests whose signature does not hold are left out. */
  async pending(): Promise<readonly PendingMember[]> {
    const found: PendingMember[] = [];
    let after: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const { pending, next } = await this.#options.device.request("pairing.list", {
        limit: limits.pageSize,
        ...(after === undefined ? {} : { after }),
      });
      for (const entry of pending) {
        const member = await this.#verifyPending(entry).catch(() => undefined);
        if (member !== undefined) found.push(member);
      }
      if (next === undefined) break;
      after = next;
    }
    return found.sort((a, b) => a.since - b.since);
  }

  /** The one pending request with this name, pairing id or member id. Throws `not_found`, or `conflict` when a name asks twice. */
  async pendingOf(who: string): Promise<PendingMember> {
    const name = parseName(who);
    const fitting = (await this.pending()).filter(
      (entry) => entry.pairing === who || entry.member === who || entry.name === name,
    );
    const [one] = fitting;
    if (one === undefined)
      throw new ParleyError("not_found", {
        message: `Nobody called ${who} waits for approval; see \`parley member list --pending\`.`,
      });
    if (fitting.length > 1)
      throw new ParleyError("conflict", {
        message: `${fitting.length} requests ask for the name ${who}; name one by its id, see \`parley member list --pending\`.`,
      });
    return one;
  }

  /**
   * Lets a pending member in, under the name that it signed, or that of the member that it replaces. Returns the admission. Throws
   * `conflict` when that one is an operator still.
   */
  async approve(who: PendingMember, options: ApproveOptions = {}): Promise<string> {
    const { member, kind } = who;
    const { roles = ["member"], lifeMs, scope } = options;
    await openRoot(this.#options.root);
    const before = options.replaces === undefined ? undefined : await this.#replaced(options.replaces);
    const name = before?.name ?? who.name;
    const wanted = { member, name, kind, roles, scope, replaces: before?.member, lifeMs };
    const admission = await signAdmission(this.#options, this.#clock, wanted);
    await this.#options.device.request("pairing.approve", { pairing: who.pairing, admission });
    return admission;
  }

  /** Revokes a member whose name is taken over. One that is revoked already is named by its id, and keeps no name. */
  async #replaced(who: string): Promise<{ readonly member: string; readonly name: string | undefined }> {
    const trust = await this.#options.trust();
    if (trust.isRevoked(who)) return { member: who, name: undefined };
    const { member, name } = await this.#options.device.memberOf(who);
    if (trust.operators.keys.has(member))
      throw new ParleyError("conflict", {
        message: `@${name} is an operator; take it out of the set first: parley operator remove @${name}`,
      });
    await this.revoke(member, "replaced by a new key");
    return { member, name };
  }

  async reject(who: PendingMember, reason?: string): Promise<void> {
    await this.#options.device.request("pairing.reject", {
      pairing: who.pairing,
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** Revokes a member by name or id: the next list is the last one and this entry. Reads the list again when another operator was faster. */
  async revoke(who: string, reason?: string): Promise<{ readonly member: string; readonly number: number }> {
    const member = await this.#memberId(who);
    const number = await publishNext(
      "revocations",
      (trust) => {
        if (trust.isRevoked(member)) return undefined;
        const entry = { member, at: this.#clock.now(), ...(reason === undefined ? {} : { reason }) };
        return { revoked: [...(trust.revocationList?.revoked ?? []), entry] };
      },
      this.#publishing,
    );
    return { member, number };
  }

  /** Policy and restrictions. */
  get orders(): OperatorOrders {
    return new OperatorOrders(this.#publishing);
  }

  get #publishing(): OrderPublisherOptions {
    const { device, root, trust } = this.#options;
    return { device, root, trust, now: () => this.#clock.now() };
  }

  async #memberId(who: string): Promise<string> {
    const { device } = this.#options;
    if (parseName(who) === undefined) return who;
    const { member } = await device.memberOf(who);
    if (member === device.member)
      throw new ParleyError("self_call", { message: "An operator does not revoke itself; another operator has to." });
    return member;
  }

  async #verifyPending(entry: Pending): Promise<PendingMember> {
    const { mesh, operators } = await this.#options.trust();
    const { root } = peekStatement("pairing", entry.request);
    const request = await verifyStatement("pairing", entry.request, root);
    if (request.mesh !== mesh) throw new ParleyError("wrong_mesh");
    const member = await idOfKey("member", root);
    const { name, kind, label, asks } = request;
    return {
      pairing: entry.pairing,
      member,
      name,
      kind,
      label,
      address: entry.address,
      since: entry.since,
      words: await comparisonWords(mesh, operators.hash, member),
      asks,
      inviteLabel: entry.inviteLabel,
    };
  }
}

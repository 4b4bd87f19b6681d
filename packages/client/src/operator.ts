/** What an operator signs: admissions and orders. The registry only carries them. */
import {
  type Clock,
  comparisonWords,
  idOfKey,
  type MeshTrust,
  peekStatement,
  signStatement,
  type Signer,
  systemClock,
  verifyStatement,
} from "@parley/core";
import {
  formatInviteLink,
  type Invite,
  isParleyError,
  limits,
  type MemberKind,
  ParleyError,
  parseName,
  type Pending,
  type Role,
} from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import { OperatorOrders } from "./operator-orders.ts";
import { keyMissing, type OrderPublisherOptions, publishNext } from "./order-publisher.ts";
import { statementLifeMs } from "./pairing.ts";

export interface OperatorOptions {
  readonly device: DeviceApi;
  /** The operator's root key. */
  readonly root: Signer | undefined;
  /** The newest pins, read again after a conflict. */
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
  /** Origin of the registry, for links. */
  readonly registry: string;
  /** Default: the platform's. */
  readonly clock?: Clock;
}

export interface InviteRequest {
  readonly kind: "code" | "link";
  /** Default: five minutes for a code, one day for a link. */
  readonly lifeMs?: number;
  /** Default 1. */
  readonly uses?: number;
  readonly label?: string;
}

export interface CreatedInvite {
  readonly invite: Invite;
  /** What to hand over, once: a code or a whole link. */
  readonly text: string;
}

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
}

export interface ApproveOptions {
  /** Default `["member"]`. */
  readonly roles?: readonly Role[];
  /** Default one year. */
  readonly lifeMs?: number;
}

const mostPages = Math.ceil(limits.pendingPairings / limits.pageSize);

/** An operator's acts over a connected device. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Opens an invite. A link pins the operator set that this operator holds. */
  async createInvite(request: InviteRequest): Promise<CreatedInvite> {
    const { device, registry } = this.#options;
    const { invite, secret } = await device.request("invite.create", { ...request });
    if (request.kind === "code") return { invite, text: secret };
    const { operators, mesh } = await this.#options.trust();
    const pinned = { number: operators.number, hash: operators.hash };
    return {
      invite,
      text: formatInviteLink({ registry, payload: { v: 1, kind: "invite", secret, mesh, operators: pinned } }),
    };
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

  /** Lets a pending member in, under the name that it signed. Returns the admission. */
  async approve(who: PendingMember, options: ApproveOptions = {}): Promise<string> {
    const root = this.#root();
    const { mesh } = await this.#options.trust();
    const now = this.#clock.now();
    const number = await this.#nextAdmission(who.member);
    const { member, name, kind } = who;
    const roles: Role[] = [...(options.roles ?? (["member"] as const))];
    const admission = await signStatement(
      "admission",
      { mesh, member, name, kind, roles, number, iat: now, exp: now + (options.lifeMs ?? statementLifeMs) },
      root,
    );
    await this.#options.device.request("pairing.approve", { pairing: who.pairing, admission });
    return admission;
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
    const { name, kind, label } = request;
    return {
      pairing: entry.pairing,
      member,
      name,
      kind,
      label,
      address: entry.address,
      since: entry.since,
      words: await comparisonWords(mesh, operators.hash, member),
    };
  }

  /** One above the number of the admission that the member has, if any. */
  async #nextAdmission(member: string): Promise<number> {
    try {
      const known = await this.#options.device.memberOf(member);
      return known.verified.numbers.admission + 1;
    } catch (error) {
      if (isParleyError(error) && (error.code === "unknown_member" || error.code === "not_found")) return 1;
      throw error;
    }
  }

  #root(): Signer {
    const { root } = this.#options;
    if (root === undefined) throw keyMissing();
    return root;
  }
}

/** Who the operators are: seen, changed, and proposed where one operator alone does not decide. */
import {
  admittedBy,
  approveOperators,
  type Clock,
  type MeshTrust,
  operatorQuorum,
  operatorsDigest,
  type OperatorSet,
  peekStatement,
  sameOperators,
  signStatement,
  verifyApproval,
  verifyByOperator,
  verifyOperators,
} from "@parley/core";
import {
  limits,
  type ListedOperator,
  type OperatorProposal,
  type OrderType,
  ParleyError,
  type Role,
} from "@parley/protocol";

import { type OperatorOptions, requestOfMany } from "./operator-acts.ts";
import { changeAdmission, signAgain } from "./operator-admissions.ts";
import { openRoot } from "./operator-root.ts";
import { publishNext } from "./order-publisher.ts";
import { fetchNode, statementLifeMs } from "./pairing.ts";

export interface OperatorView {
  readonly member: string;
  /** Undefined when the registry does not know it any more. */
  readonly name: string | undefined;
  readonly admin: boolean;
  readonly self: boolean;
}

/** What became of a wish to change the set. */
export type SetChange =
  | { readonly state: "changed"; readonly number: number }
  | { readonly state: "proposed"; readonly proposal: OperatorProposal };

const mostPages = Math.ceil(limits.members / limits.pageSize);

export class OperatorSetActs {
  readonly #options: OperatorOptions;
  readonly #clock: Clock;

  constructor(options: OperatorOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The operators of now, by the pinned set. */
  async list(): Promise<readonly OperatorView[]> {
    const { operators } = await this.#options.trust();
    return this.#named(listOf(operators));
  }

  /** Makes a member an operator, with `admin` one that may change the set; or changes that of one that is an operator. */
  async add(who: string, admin: boolean): Promise<SetChange> {
    const { operators } = await this.#options.trust();
    const { member, name, verified } = await this.#options.device.memberOf(who);
    const before = listOf(operators);
    if (!operators.keys.has(member) && before.length >= limits.operators)
      throw new ParleyError("limit_reached", { message: `A mesh has at most ${limits.operators} operators.` });
    const own: ListedOperator = { member, key: verified.rootKey, ...(admin ? { admin: true } : {}) };
    const known = before.findIndex((operator) => operator.member === member);
    const list = known < 0 ? [...before, own] : before.with(known, own);
    if (sameOperators(before, list)) {
      await this.#settle(operators, [...verified.roles], name);
      return { state: "changed", number: operators.number };
    }
    return this.#change(list);
  }

  /** Takes a member out of the set. What it signed is signed again first, so that nobody falls out with it. */
  async remove(who: string): Promise<SetChange> {
    const { device, trust } = this.#options;
    const { operators } = await trust();
    const member = operators.keys.has(who) ? who : (await device.memberOf(who)).member;
    if (member === device.member)
      throw new ParleyError("self_call", { message: "An operator does not take itself out; another one has to." });
    if (!operators.keys.has(member)) throw new ParleyError("not_found", { message: `${who} is no operator.` });
    return this.#change(listOf(operators).filter((operator) => operator.member !== member));
  }

  /** Open proposals, with what each would change by the pinned set. */
  async proposals(): Promise<readonly ProposalView[]> {
    const { operators } = await this.#options.trust();
    const { proposals } = await this.#options.device.request("operators.proposals", {});
    const following = proposals.filter(({ previous }) => previous === operators.hash);
    return Promise.all(following.map((proposal) => this.#viewOf(proposal, operators)));
  }

  /** Agrees to a proposal. When enough have, and this operator may, the set is published. Throws `not_found`. */
  async approve(id: string): Promise<SetChange> {
    const trust = await this.#options.trust();
    const proposal = await this.#proposal(id);
    const approval = await this.#approvalOf(proposal, trust);
    const answer = await this.#options.device.request("operators.approve", { proposal: proposal.proposal, approval });
    return this.#finish(proposal, answer.approvals, trust);
  }

  /** Publishes a proposal that enough operators agreed to. Throws `needs_quorum` when they did not. */
  async apply(id: string): Promise<SetChange> {
    const trust = await this.#options.trust();
    const proposal = await this.#proposal(id);
    const { approvals } = await this.#options.device.request("operators.approve", { proposal: proposal.proposal });
    const done = await this.#finish(proposal, approvals, trust);
    if (done.state === "proposed") throw new ParleyError("needs_quorum");
    return done;
  }

  async withdraw(id: string): Promise<void> {
    await this.#options.device.request("operators.withdraw", { proposal: (await this.#proposal(id)).proposal });
  }

  /** Signs the node's certificate anew; it lasts a year. The node has to hold the key that is certified now. */
  async certify(): Promise<number> {
    const trust = await this.#options.trust();
    const { node, key, certificate } = await fetchNode(this.#options.registry);
    const held = certificate === undefined ? undefined : peekStatement("node", certificate);
    if (certificate === undefined || held?.node !== node || held.key !== key)
      throw new ParleyError("registry_key_mismatch");
    await verifyByOperator("node", certificate, trust.operators);
    const iat = this.#clock.now();
    const exp = iat + statementLifeMs;
    const next = await signStatement(
      "node",
      { mesh: trust.mesh, node, key, iat, exp },
      await openRoot(this.#options.root),
    );
    await this.#options.device.request("node.certify", { certificate: next });
    return exp;
  }

  async #change(operators: readonly ListedOperator[]): Promise<SetChange> {
    const trust = await this.#options.trust();
    this.#requireAdmin(trust.operators);
    if (!operators.some(({ admin }) => admin === true))
      throw new ParleyError("conflict", { message: "Nobody would be left who may change the operators." });
    const next = followingOf(trust, operators);
    if (operatorQuorum(trust.operators) === 1) return this.#publish(next.operators, [], trust);
    const approval = await this.#approvalOf(next, trust);
    const { proposal } = await this.#options.device.request("operators.propose", {
      operators: next.operators,
      approval,
    });
    return { state: "proposed", proposal };
  }

  async #finish(proposal: OperatorProposal, approvals: readonly string[], trust: MeshTrust): Promise<SetChange> {
    const good = await this.#goodApprovals(proposal, approvals, trust);
    const { operators } = trust;
    const agreed = new Set([...good.keys(), this.#options.device.member]);
    const isDone = agreed.size >= operatorQuorum(operators) && operators.admins.has(this.#options.device.member);
    if (isDone) return this.#publish(proposal.operators, [...good.values()], trust);
    return { state: "proposed", proposal: { ...proposal, approved: [...good.keys()] } };
  }

  /** Approvals that hold, one for each operator: one that does not would spoil the set. */
  async #goodApprovals(
    proposal: OperatorProposal,
    approvals: readonly string[],
    { mesh, operators }: MeshTrust,
  ): Promise<ReadonlyMap<string, string>> {
    const digest = await operatorsDigest({ ...proposal, mesh });
    const good = new Map<string, string>();
    for (const compact of approvals) {
      const { by } = peekStatement("approval", compact);
      const key = operators.keys.get(by);
      if (key === undefined) continue;
      const holds = await verifyApproval(compact, digest, { mesh, by, key }, this.#clock.now()).then(
        () => true,
        () => false,
      );
      if (holds) good.set(by, compact);
    }
    return good;
  }

  /** Signs and publishes the next set: first whatever those who leave had signed is signed again, last the admissions follow. */
  async #publish(list: readonly ListedOperator[], approvals: string[], trust: MeshTrust): Promise<SetChange> {
    this.#requireAdmin(trust.operators);
    const { previous, number, operators } = followingOf(trust, list);
    const leaving = [...trust.operators.keys.keys()].filter((one) => !operators.some(({ member }) => member === one));
    await this.#signAgain(new Set(leaving));
    const compact = await signStatement(
      "operators",
      {
        mesh: trust.mesh,
        number,
        previous,
        operators,
        ...(approvals.length === 0 ? {} : { approvals }),
        iat: this.#clock.now(),
      },
      await openRoot(this.#options.root),
    );
    const next = await verifyOperators([...trust.operators.chain, compact]);
    await this.#options.device.request("operators.publish", { operators: compact });
    await trust.acceptOperators(next.chain);
    for (const { member } of operators) {
      const known = await this.#options.device.memberOf(member).catch(() => undefined);
      if (known !== undefined) await this.#settle(next, rolesIn(known.verified.record.admission), member);
    }
    return { state: "changed", number };
  }

  /** Makes the roles of an operator's admission those of the set. */
  async #settle(set: OperatorSet, roles: readonly Role[], who: string): Promise<void> {
    const { member } = await this.#options.device.memberOf(who);
    const wanted = operatorRoles(set.admins.has(member));
    const has = (role: Role): boolean => roles.includes(role);
    if (has("operator") && has("admin") === wanted.includes("admin")) return;
    await changeAdmission(this.#options, this.#clock, member, { roles: wanted });
  }

  async #signAgain(leaving: ReadonlySet<string>): Promise<void> {
    if (leaving.size === 0) return;
    const { device } = this.#options;
    let after: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const query = { limit: limits.pageSize, ...(after === undefined ? {} : { after }) };
      const { members, next } = await requestOfMany(device, this.#clock, "directory.find", query);
      for (const { record } of members) {
        const { member } = peekStatement("admission", record.admission);
        const isLeaving = leaving.has(member);
        if (isLeaving) await signAgain(this.#options, this.#clock, record, ["member"]);
        else if (leaving.has(admittedBy(record.admission))) await signAgain(this.#options, this.#clock, record);
      }
      if (next === undefined) break;
      after = next;
    }
    const { certificate = "" } = await fetchNode(this.#options.registry);
    if (leaving.has(peekStatement("node", certificate).signer)) await this.certify();
    await this.#orderAgain(leaving);
  }

  /** The orders that hold, as the next ones of this operator, where one who leaves had signed them. */
  async #orderAgain(leaving: ReadonlySet<string>): Promise<void> {
    const { device, root, trust } = this.#options;
    const publishing = { device, root, trust, now: () => this.#clock.now() };
    const held = <Type extends OrderType>(type: Type, compact: string | undefined) => {
      const order = compact === undefined ? undefined : peekStatement(type, compact);
      return order === undefined || !leaving.has(order.signer) ? undefined : order;
    };
    await publishNext(
      "revocations",
      ({ orders }) => {
        const order = held("revocations", orders.revocations);
        return order === undefined ? undefined : { revoked: order.revoked };
      },
      publishing,
    );
    await publishNext(
      "policy",
      ({ orders }) => {
        const order = held("policy", orders.policy);
        return order === undefined ? undefined : { policy: order.policy };
      },
      publishing,
    );
    await publishNext(
      "restrictions",
      ({ orders }) => {
        const order = held("restrictions", orders.restrictions);
        return order === undefined ? undefined : { restrictions: order.restrictions };
      },
      publishing,
    );
  }

  /** This operator's word for a set, as it is shown here; who joins has to have the root key that its own statements show. */
  async #approvalOf(
    { number, previous, operators }: Pick<OperatorProposal, "number" | "previous" | "operators">,
    trust: MeshTrust,
  ): Promise<string> {
    for (const { member, key } of operators) {
      if (trust.operators.keys.get(member) === key) continue;
      const { verified } = await this.#options.device.memberOf(member);
      if (verified.rootKey !== key)
        throw new ParleyError("bad_signature", { message: "The proposal names another key than its member has." });
    }
    const change = { mesh: trust.mesh, number, previous, operators };
    const now = this.#clock.now();
    const { member } = this.#options.device;
    return approveOperators(
      change,
      await openRoot(this.#options.root),
      member,
      now,
      now + limits.operatorProposalLifeMs,
    );
  }

  async #proposal(id: string): Promise<OperatorProposal> {
    const { operators } = await this.#options.trust();
    const { proposals } = await this.#options.device.request("operators.proposals", {});
    const fitting = proposals.filter(
      ({ proposal, previous }) => proposal.startsWith(id) && previous === operators.hash,
    );
    const [one] = fitting;
    if (one === undefined || fitting.length > 1)
      throw new ParleyError("not_found", { message: "No such proposal is open; see `parley operator proposals`." });
    return one;
  }

  async #viewOf(proposal: OperatorProposal, set: OperatorSet): Promise<ProposalView> {
    const before = listOf(set);
    const isIn = (list: readonly ListedOperator[], { member, admin }: ListedOperator): boolean =>
      list.some((other) => other.member === member && other.admin === admin);
    const joining = proposal.operators.filter((operator) => !isIn(before, operator));
    const leaving = before.filter(({ member }) => !proposal.operators.some((other) => other.member === member));
    const [added, removed, by] = await Promise.all([
      this.#named(joining),
      this.#named(leaving),
      this.#named([{ member: proposal.by, key: "" }]),
    ]);
    return { ...proposal, added, removed, byName: by[0]?.name };
  }

  async #named(list: readonly ListedOperator[]): Promise<readonly OperatorView[]> {
    const { device } = this.#options;
    return Promise.all(
      list.map(async ({ member, admin }) => ({
        member,
        name: await device.memberOf(member).then(
          ({ name }) => name,
          () => undefined,
        ),
        admin: admin === true,
        self: member === device.member,
      })),
    );
  }

  #requireAdmin({ admins }: OperatorSet): void {
    if (!admins.has(this.#options.device.member))
      throw new ParleyError("forbidden", { message: "Only an operator with the role admin changes the operators." });
  }
}

/** A proposal as people read it. */
export interface ProposalView extends OperatorProposal {
  readonly byName: string | undefined;
  /** Who would come in, or have `admin` or have it no more. */
  readonly added: readonly OperatorView[];
  readonly removed: readonly OperatorView[];
}

const operatorRoles = (admin: boolean): readonly Role[] => (admin ? ["operator", "admin"] : ["operator"]);
const rolesIn = (admission: string): readonly Role[] => peekStatement("admission", admission).roles;

function listOf({ keys, admins }: OperatorSet): ListedOperator[] {
  return [...keys].map(([member, key]) => ({ member, key, ...(admins.has(member) ? { admin: true as const } : {}) }));
}

function followingOf({ mesh, operators: { number, hash } }: MeshTrust, list: readonly ListedOperator[]) {
  return { mesh, number: number + 1, previous: hash, operators: [...list] };
}

/** Delegations that this member gives and takes back; what others gave it comes with their tasks. */
import {
  checkFollows,
  createSigner,
  peekStatement,
  type Random,
  signStatement,
  type Signer,
  type VerifiedMember,
} from "@parley/core";
import { limits, ParleyError, type Statement, toBase64url } from "@parley/protocol";

import type { KeptTable } from "../kept-table.ts";
import type { Notices } from "../notices.ts";
import type { DelegateRequest, TaskRun } from "../tasks/task-run.ts";
import type { DelegationApi, DelegationTerms, GivenDelegation, SubAgent } from "./delegation-api.ts";
import type { KeptDelegation } from "./kept-delegations.ts";
import { hasEnded, Withdrawals, type WithdrawalsOptions, type Withdrawn } from "./withdrawals.ts";

export interface DelegationsOptions extends Omit<WithdrawalsOptions, "table"> {
  readonly random: Random;
  readonly table: KeptTable<KeptDelegation>;
  readonly withdrawals: WithdrawalsOptions["table"];
  readonly notices: Notices;
  readonly delegate: (to: string | undefined, request: DelegateRequest) => Promise<TaskRun>;
}

const defaultLifeMs = 3_600_000;

export class Delegations implements DelegationApi {
  readonly #options: DelegationsOptions;
  readonly #withdrawals: Withdrawals;
  #isSaying = false;
  #mustSay = false;

  constructor(options: DelegationsOptions) {
    this.#options = options;
    this.#withdrawals = new Withdrawals({ ...options, table: options.withdrawals });
  }

  /** This member's newest list of delegations that it took back, as a statement. */
  get withdrawals(): string | undefined {
    return this.#withdrawals.statement;
  }

  /** This device calls by a chain. */
  uses(chain: readonly string[]): void {
    this.#withdrawals.uses(chain);
  }

  async give(to: string, terms: DelegationTerms, chain: readonly string[] = []): Promise<readonly string[]> {
    const { member, name } = await this.#options.directory.get(to);
    const last = chain.at(-1);
    const latest = last === undefined ? Infinity : peekStatement("delegation", last).exp;
    const link = this.#link(member, terms, latest);
    checkFollows(chain, link);
    return [...chain, await this.#sign(link, name)];
  }

  list(): Promise<readonly GivenDelegation[]> {
    const now = this.#options.session.registryTime;
    const all = this.#options.table.all().map(([id, kept]) => ({ id, ...kept }));
    return Promise.resolve(all.filter(({ expires }) => expires > now));
  }

  async withdraw(id: string): Promise<void> {
    const { table } = this.#options;
    const kept = table.get(id);
    if (kept === undefined)
      throw new ParleyError("not_found", {
        message: `This device gave no delegation ${id}; see \`parley delegation list\`.`,
      });
    this.#withdrawals.requireRoot();
    if (!kept.withdrawn) await table.put(id, { ...kept, withdrawn: true });
    await this.#publish();
  }

  async subAgent(label: string, terms: DelegationTerms): Promise<SubAgent> {
    const signer = await createSigner("device");
    const link = { ...this.#link(signer.id, terms, Infinity), key: signer.publicKey, label };
    const chain = [await this.#sign(link, label)];
    return {
      id: signer.id,
      label,
      delegate: (to, request) => this.#options.delegate(to, { ...request, chain, acting: actor(link, signer) }),
      end: () => this.withdraw(link.id),
    };
  }

  /** A new session: the registry may lack what was taken back, as after a restore. */
  onSession(): void {
    this.#sayAgain();
  }

  /** A newer list of the own devices, perhaps under a new root key: that has to sign the withdrawals anew. */
  onOwnDevices(): void {
    this.#sayAgain();
  }

  /** Newer statements of a member; of the own one some may be missing. */
  onMember(verified: VerifiedMember): void {
    this.#withdrawals.onMember(verified);
    const isOwn = verified.member === this.#options.own.identity.member;
    if (isOwn && !this.#withdrawn().every(({ id }) => verified.withdrawn.has(id))) this.#sayAgain();
  }

  #sayAgain(): void {
    if (this.#withdrawn().length === 0 || this.#options.own.identity.root === undefined) return;
    this.#mustSay = true;
    if (this.#isSaying) return;
    this.#isSaying = true;
    void this.#sayAll().finally(() => (this.#isSaying = false));
  }

  /** The root key may change while the list is on its way: then it is signed once more. */
  async #sayAll(): Promise<void> {
    while (this.#mustSay) {
      this.#mustSay = false;
      await this.#publish().catch(this.#options.notices.failed);
    }
  }

  #link(to: string, { skills, lifeMs = defaultLifeMs }: DelegationTerms, latest: number): Statement<"delegation"> {
    const { own, trust, session, random } = this.#options;
    const iat = Math.round(session.registryTime);
    const exp = Math.min(iat + Math.min(lifeMs, limits.delegationLifeMs), latest);
    const id = toBase64url(random.bytes(16));
    return { mesh: trust.mesh, id, from: own.identity.member, to, skills: [...skills], iat, exp };
  }

  async #sign(link: Statement<"delegation">, name: string): Promise<string> {
    const { own, table } = this.#options;
    await this.#dropEnded();
    const { to, skills, exp } = link;
    await table.put(link.id, { to, name, skills, expires: exp, withdrawn: false });
    return signStatement("delegation", link, own.identity.device);
  }

  #withdrawn(): Withdrawn {
    return this.#options.table
      .all()
      .flatMap(([id, { withdrawn, expires }]) => (withdrawn ? [{ id, until: expires }] : []));
  }

  async #publish(): Promise<void> {
    await this.#dropEnded();
    await this.#withdrawals.publish(this.#withdrawn());
  }

  async #dropEnded(): Promise<void> {
    const { table, session } = this.#options;
    for (const [id, { expires }] of table.all())
      if (hasEnded({ until: expires }, session.registryTime)) await table.delete(id);
  }
}

/** Signs each call of a sub-agent. */
function actor({ mesh, id }: Statement<"delegation">, signer: Signer): NonNullable<DelegateRequest["acting"]> {
  return (callee, message, now) =>
    signStatement("acting", { mesh, delegation: id, callee, message, iat: Math.round(now) }, signer);
}

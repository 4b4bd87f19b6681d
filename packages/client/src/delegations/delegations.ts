/** Delegations that this member gives and takes back; what others gave it comes with their tasks. */
import {
  checkFollows,
  type Clock,
  createSigner,
  type MeshTrust,
  peekStatement,
  type Random,
  signStatement,
  type Signer,
  type VerifiedMember,
} from "@parley/core";
import { id32Schema, limits, ParleyError, type Statement, toBase64url } from "@parley/protocol";
import { z } from "zod";

import type { Directory } from "../directory.ts";
import type { KeptTable } from "../kept-table.ts";
import type { Notices } from "../notices.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Session } from "../session.ts";
import type { DelegateRequest, TaskRun } from "../tasks/task-run.ts";
import type { DelegationApi, DelegationTerms, GivenDelegation, SubAgent } from "./delegation-api.ts";

/** One delegation, as it is kept on disk. */
export const keptDelegationSchema = z.object({
  to: id32Schema,
  name: z.string().max(limits.labelCharacters),
  skills: z.array(z.string()),
  expires: z.number(),
  withdrawn: z.boolean(),
});
export type KeptDelegation = z.infer<typeof keptDelegationSchema>;

export interface DelegationsOptions {
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly directory: Directory;
  readonly session: Session;
  readonly clock: Clock;
  readonly random: Random;
  readonly table: KeptTable<KeptDelegation>;
  readonly notices: Notices;
  readonly delegate: (to: string | undefined, request: DelegateRequest) => Promise<TaskRun>;
}

const defaultLifeMs = 3_600_000;

export class Delegations implements DelegationApi {
  readonly #options: DelegationsOptions;
  #isSaying = false;

  constructor(options: DelegationsOptions) {
    this.#options = options;
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
    if (kept.withdrawn) return;
    this.#root();
    await table.put(id, { ...kept, withdrawn: true });
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

  /** The own statements changed: a new root key has to sign the list anew. */
  onMember({ member, withdrawn }: VerifiedMember): void {
    const isOwn = member === this.#options.own.identity.member;
    if (isOwn && !this.#withdrawn().every(({ id }) => withdrawn.has(id))) this.#sayAgain();
  }

  #sayAgain(): void {
    if (this.#withdrawn().length === 0 || this.#options.own.identity.root === undefined || this.#isSaying) return;
    this.#isSaying = true;
    this.#publish()
      .catch(this.#options.notices.failed)
      .finally(() => (this.#isSaying = false));
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

  #withdrawn(): { id: string; until: number }[] {
    return this.#options.table
      .all()
      .flatMap(([id, { withdrawn, expires }]) => (withdrawn ? [{ id, until: expires }] : []));
  }

  /** Says the whole list, unless the registry has it already. */
  async #publish(): Promise<void> {
    const { own, trust, directory, session } = this.#options;
    const root = this.#root();
    const { member } = own.identity;
    await this.#dropEnded();
    const withdrawn = this.#withdrawn();
    const { verified } = await directory.refresh(member);
    if (withdrawn.every(({ id }) => verified.withdrawn.has(id))) return;
    const number = verified.numbers.withdrawals + 1;
    const iat = Math.round(session.registryTime);
    const withdrawals = await signStatement("withdrawals", { mesh: trust.mesh, member, number, withdrawn, iat }, root);
    await session.request("withdrawals.publish", { withdrawals });
  }

  async #dropEnded(): Promise<void> {
    const { table, session } = this.#options;
    for (const [id, { expires }] of table.all())
      if (expires + limits.clockSkewMs < session.registryTime) await table.delete(id);
  }

  #root(): Signer {
    const { root } = this.#options.own.identity;
    if (root !== undefined) return root;
    throw new ParleyError("forbidden", {
      message:
        "This device does not hold the member's root key, which signs withdrawals; do this on the device that paired first.",
      data: { lacks: "root key" },
    });
  }
}

/** Signs each call of a sub-agent. */
function actor({ mesh, id }: Statement<"delegation">, signer: Signer): NonNullable<DelegateRequest["acting"]> {
  return (callee, message, now) =>
    signStatement("acting", { mesh, delegation: id, callee, message, iat: Math.round(now) }, signer);
}

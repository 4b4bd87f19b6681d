/**
 * The list of delegations that this member took back: signed by its root key, told to the registry and over the links. What others
 * took back goes on from here to whoever this device called by their delegations: a registry that withholds it holds nothing up.
 */
import { type MeshTrust, peekStatement, signStatement, type Signer, type VerifiedMember } from "@parley/core";
import { limits, ParleyError, type Statement, toParleyError } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { KeptTable } from "../kept-table.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Session } from "../session.ts";
import type { KeptWithdrawals } from "./kept-delegations.ts";

export type Withdrawn = Statement<"withdrawals">["withdrawn"];

export interface WithdrawalsOptions {
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly directory: Directory;
  readonly session: Session;
  readonly table: KeptTable<KeptWithdrawals>;
  /** Tells every linked device. */
  readonly pass: (withdrawals: string) => void;
}

/** Another device of the member may publish a list at the same moment. */
const mostTries = 4;
/** Members by whose delegations this device called, of which it passes on what they take back. */
const mostPassed = 256;

export class Withdrawals {
  readonly #options: WithdrawalsOptions;
  /** By member, the number of the list that was passed on last. */
  readonly #passed = new Map<string, number>();

  constructor(options: WithdrawalsOptions) {
    this.#options = options;
  }

  /** The newest list of this member as a statement. */
  get statement(): string | undefined {
    const { table, own, directory } = this.#options;
    const { member } = own.identity;
    const known = directory.known(member)?.verified;
    const kept = table.get(member)?.withdrawals;
    const isNewest =
      kept !== undefined && peekStatement("withdrawals", kept).number >= (known?.numbers.withdrawals ?? 0);
    return isNewest ? kept : known?.record.withdrawals;
  }

  /** Says the list with all of these to linked devices and the registry. Throws what the registry answers; linked devices know it then. */
  async publish(withdrawn: Withdrawn): Promise<void> {
    const root = this.requireRoot();
    const { session, directory, own, pass } = this.#options;
    for (let tries = 1; ; tries++) {
      const withdrawals = await this.#signed(withdrawn, root);
      pass(withdrawals);
      try {
        await session.request("withdrawals.publish", { withdrawals });
        return;
      } catch (error) {
        if (toParleyError(error).code !== "stale_statement" || tries === mostTries) throw error;
        await directory.refresh(own.identity.member);
      }
    }
  }

  /** This device calls by a chain: what is taken back of it is news for those whom it called. */
  uses(chain: readonly string[]): void {
    for (const compact of chain) {
      const { from } = peekStatement("delegation", compact);
      // From now on what it takes back is pushed here.
      this.#options.directory.watch(from);
      if (this.#passed.has(from)) continue;
      if (this.#passed.size >= mostPassed) this.#passed.delete(this.#passed.keys().next().value ?? "");
      this.#passed.set(from, this.#options.directory.known(from)?.verified.numbers.withdrawals ?? 0);
    }
  }

  /** Newer statements of a member, by whatever way they came. */
  onMember({ member, numbers, record }: VerifiedMember): void {
    const passed = this.#passed.get(member);
    if (passed === undefined || numbers.withdrawals <= passed || record.withdrawals === undefined) return;
    this.#passed.set(member, numbers.withdrawals);
    this.#options.pass(record.withdrawals);
  }

  requireRoot(): Signer {
    const { root } = this.#options.own.identity;
    if (root !== undefined) return root;
    throw new ParleyError("forbidden", {
      message:
        "This device does not hold the member's root key, which signs withdrawals; do this on the device that paired first.",
      data: { lacks: "root key" },
    });
  }

  /** The list that was signed last if it says all of these, else the next one. What another device took back stays in it. */
  async #signed(withdrawn: Withdrawn, root: Signer): Promise<string> {
    const { table, own, trust, directory, session } = this.#options;
    const { member } = own.identity;
    const kept = table.get(member);
    const known = directory.known(member)?.verified.record.withdrawals;
    const before = [kept?.withdrawals, known].flatMap((compact) =>
      compact === undefined ? [] : [peekStatement("withdrawals", compact)],
    );
    const iat = Math.round(session.registryTime);
    const all = new Map(withdrawn.map((each) => [each.id, each]));
    for (const list of before) for (const each of list.withdrawn) if (!hasEnded(each, iat)) all.set(each.id, each);
    if (all.size > limits.withdrawals)
      throw new ParleyError("limit_reached", {
        message: `A member has at most ${limits.withdrawals} delegations withdrawn at once; the first of them ends soon.`,
      });
    const last = before.toSorted((one, other) => other.number - one.number)[0];
    if (kept !== undefined && kept.rootKey === root.publicKey && says(kept.withdrawals, last?.number, all))
      return kept.withdrawals;
    const number = (last?.number ?? 0) + 1;
    const list = { mesh: trust.mesh, member, number, withdrawn: [...all.values()], iat };
    const withdrawals = await signStatement("withdrawals", list, root);
    await table.put(member, { withdrawals, rootKey: root.publicKey });
    return withdrawals;
  }
}

/** Nobody takes it any more, whatever its clock says. */
export const hasEnded = ({ until }: { readonly until: number }, now: number): boolean =>
  until + limits.clockSkewMs < now;

function says(compact: string, newest: number | undefined, all: ReadonlyMap<string, unknown>): boolean {
  const { number, withdrawn } = peekStatement("withdrawals", compact);
  const ids = new Set(withdrawn.map(({ id }) => id));
  return number === newest && [...all.keys()].every((id) => ids.has(id));
}

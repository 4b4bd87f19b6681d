/** Calls that are made for somebody else: their delegations are checked here, and end with whoever takes one back. */
import { type DelegationChain, type MeshTrust, type VerifiedMember, verifyChain } from "@parley/core";
import { type Call, ParleyError } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { HeldTask } from "./held-task.ts";
import type { Principal } from "./task-run.ts";

export interface CallChainsOptions {
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly directory: Pick<Directory, "get" | "watch">;
  /** The own member's id. */
  readonly own: () => string;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
}

export class CallChains {
  readonly #options: CallChainsOptions;
  /** Tasks under way that are done for somebody else. */
  readonly #held = new Map<HeldTask, DelegationChain>();

  constructor(options: CallChainsOptions) {
    this.#options = options;
  }

  /** Undefined for a call in the caller's own name. Throws `bad_delegation`, `delegation_withdrawn`, `revoked`, ... */
  verify(
    { chain, acting, skill, params }: Call & { readonly method: "SendStreamingMessage" },
    caller: VerifiedMember,
  ): Promise<DelegationChain> | undefined {
    if (chain === undefined) return undefined;
    const { trust, directory, own, now } = this.#options;
    return verifyChain(chain, {
      mesh: trust.mesh,
      caller: caller.member,
      callee: own(),
      skill,
      message: params.message.messageId,
      acting,
      now: now(),
      memberOf: async (member) => {
        // From now on what it takes back is pushed here.
        directory.watch(member);
        return (await directory.get(member)).verified;
      },
    });
  }

  /** Milliseconds until the first delegation of a chain ends. */
  leftOf({ links }: DelegationChain): number {
    return Math.min(...links.map(({ exp }) => exp)) - this.#options.now();
  }

  /** The task ends when one of the delegations is taken back. */
  follow(held: HeldTask, chain: DelegationChain): void {
    this.#held.set(held, chain);
  }

  /** It has ended. */
  forget(held: HeldTask): void {
    this.#held.delete(held);
  }

  /** Newer statements of a member: tasks for which it had delegated what it takes back now are ended. */
  onMember({ member, name, withdrawn }: VerifiedMember): void {
    for (const [held, { links }] of this.#held)
      if (links.some(({ from, id }) => from === member && withdrawn.has(id)))
        held.abort(new ParleyError("delegation_withdrawn", { message: `@${name} took its delegation back.` }));
  }
}

/** As a skill sees it. */
export function principalOf({ principal, links, sub }: DelegationChain): Principal {
  const { member, name, roles } = principal;
  return { member, name, roles, through: links.slice(1).map(({ by }) => ({ member: by.member, name: by.name })), sub };
}

/** Calls that are made for somebody else: their delegations are checked here, and end with whoever takes one back. */
import {
  type Clock,
  type DelegationChain,
  type DelegationLink,
  type MeshTrust,
  type Timer,
  type VerifiedMember,
  verifyChain,
} from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { Gate } from "../gate.ts";
import type { HeldTask } from "./held-task.ts";
import type { Principal } from "./task-run.ts";

export interface CallChainsOptions {
  readonly trust: Pick<MeshTrust, "mesh" | "isRevoked">;
  readonly directory: Pick<Directory, "get" | "watch">;
  readonly gate: Pick<Gate, "restrictionOn">;
  readonly clock: Clock;
  /** The own member's id. */
  readonly own: () => string;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
}

/** What a call says of whom it is made for. */
export interface ChainedCall {
  readonly chain: readonly string[];
  readonly acting?: string | undefined;
  readonly skill: string;
  /** Id of the call's message. */
  readonly message: string;
  /** When it came, registry time in ms since 1970. */
  readonly calledAt: number;
}

interface Followed {
  readonly links: readonly DelegationLink[];
  timer: Timer | undefined;
}

export class CallChains {
  readonly #options: CallChainsOptions;
  /** Tasks under way that are done for somebody else. */
  readonly #held = new Map<HeldTask, Followed>();

  constructor(options: CallChainsOptions) {
    this.#options = options;
  }

  /** Registry time, ms since 1970. */
  get now(): number {
    return this.#options.now();
  }

  /** Throws `bad_delegation`, `delegation_withdrawn`, `revoked`, `paused`, ... */
  async verify(
    { chain, acting, skill, message, calledAt }: ChainedCall,
    caller: Pick<VerifiedMember, "member">,
  ): Promise<DelegationChain> {
    const { trust, directory, own, now } = this.#options;
    const verified = await verifyChain(chain, {
      mesh: trust.mesh,
      caller: caller.member,
      callee: own(),
      skill,
      message,
      acting,
      calledAt,
      now: now(),
      memberOf: async (member) => {
        // From now on what it takes back is pushed here.
        directory.watch(member);
        return (await directory.get(member)).verified;
      },
    });
    for (const link of verified.links) {
      const reason = this.#endOf(link);
      if (reason !== undefined) throw reason;
    }
    return verified;
  }

  /** Milliseconds until the first delegation of a chain ends. */
  leftOf({ links }: Pick<DelegationChain, "links">): number {
    return Math.min(...links.map(({ exp }) => exp)) - this.#options.now();
  }

  /** The task ends when one of the delegations is taken back, runs out, or is of a member that may not act any more. */
  follow(held: HeldTask, { links }: DelegationChain): void {
    this.forget(held);
    const followed: Followed = { links, timer: undefined };
    this.#held.set(held, followed);
    this.#endInTime(held, followed);
  }

  /** It has ended. */
  forget(held: HeldTask): void {
    this.#held.get(held)?.timer?.cancel();
    this.#held.delete(held);
  }

  /** Newer statements of a member: tasks for which it had delegated what it takes back now are ended. */
  onMember(verified: VerifiedMember): void {
    const { member } = verified;
    for (const [held, { links }] of this.#held)
      for (const link of links) {
        const reason = link.from === member ? this.#endOf({ ...link, by: verified }) : undefined;
        if (reason !== undefined) held.abort(reason);
      }
  }

  /** The operators' orders are others: what is done for somebody who may not act any more is ended. */
  onOrders(): void {
    for (const [held, { links }] of this.#held)
      for (const link of links) {
        const reason = this.#endOf(link);
        if (reason !== undefined) held.abort(reason);
      }
  }

  /** Why a delegation that held once holds no more. */
  #endOf({ by, id, signer }: DelegationLink): ParleyError | undefined {
    const { trust, gate } = this.#options;
    if (trust.isRevoked(by.member))
      return new ParleyError("revoked", { message: `@${by.name}, who delegated this, was revoked by an operator.` });
    if (by.withdrawn.has(id))
      return new ParleyError("delegation_withdrawn", { message: `@${by.name} took its delegation back.` });
    if (signer !== by.member && !by.devices.has(signer))
      return new ParleyError("bad_delegation", { message: `The device of @${by.name} that delegated this is gone.` });
    return gate.restrictionOn(by);
  }

  #endInTime(held: HeldTask, followed: Followed): void {
    // The longest timer may be shorter than the longest delegation.
    followed.timer = this.#options.clock.setTimer(this.leftOf(followed), () => {
      if (this.leftOf(followed) > 0) this.#endInTime(held, followed);
      else
        held.abort(new ParleyError("bad_delegation", { message: "The delegation by which this was done has ended." }));
    });
  }
}

/** As a skill sees it. */
export function principalOf({ principal, links, sub }: DelegationChain): Principal {
  const { member, name, roles } = principal;
  return { member, name, roles, through: links.slice(1).map(({ by }) => ({ member: by.member, name: by.name })), sub };
}

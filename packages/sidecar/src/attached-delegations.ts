/** Delegations of a device that another process holds. */
import type { DelegationApi, DelegationTerms, GivenDelegation } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import type { LocalCalls } from "./local-calls.ts";

export class AttachedDelegations implements DelegationApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  async give(to: string, { skills, lifeMs }: DelegationTerms, chain?: readonly string[]): Promise<readonly string[]> {
    const terms = { skills: [...skills], ...(lifeMs === undefined ? {} : { lifeMs }) };
    const body = { to, terms, ...(chain === undefined ? {} : { chain: [...chain] }) };
    return (await this.#calls.call("giveDelegation", body)).chain;
  }

  async list(): Promise<readonly GivenDelegation[]> {
    return (await this.#calls.call("delegations", {})).given;
  }

  async withdraw(id: string): Promise<void> {
    await this.#calls.call("withdrawDelegation", { id });
  }

  subAgent(): Promise<never> {
    return Promise.reject(
      new ParleyError("unsupported_operation", {
        message: "A sub-agent's key stays in its process; make it in the one that holds the device.",
      }),
    );
  }
}

/** Approvals of a device that another process holds. */
import type { ApprovalApi, AskedApproval, StandingTerms, StandingView } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import type { LocalCalls } from "./local-calls.ts";

export class AttachedApprovals implements ApprovalApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  async list(): Promise<readonly AskedApproval[]> {
    return (await this.#calls.call("approvals", {})).asked;
  }

  async answer(requests: readonly string[], decision: "granted" | "denied", standing?: StandingTerms): Promise<void> {
    const more = standing === undefined ? {} : { standing: { ...standing } };
    await this.#calls.call("answerApprovals", { requests: [...requests], decision, ...more });
  }

  async standing(): Promise<readonly StandingView[]> {
    return (await this.#calls.call("standingApprovals", {})).standing;
  }

  async endStanding(id: string): Promise<void> {
    await this.#calls.call("endStanding", { id });
  }

  /** What asks is the program that works on tasks, and that holds its device. */
  ask(): Promise<never> {
    return Promise.reject(new ParleyError("unsupported_operation"));
  }

  question(): Promise<never> {
    return Promise.reject(new ParleyError("unsupported_operation"));
  }

  async reply(request: string, text: string): Promise<void> {
    await this.#calls.call("replyToQuestion", { request, text });
  }
}

/** Agreements of a device that another process holds. */
import type { AgreementApi, AgreementSummary, AgreementView, NewAgreement, NextAct, OfferQuery } from "@parley/client";

import type { LocalCalls } from "./local-calls.ts";
import type { OperationBody } from "./operations.ts";
import { given } from "./request-context.ts";

export class AttachedAgreements implements AgreementApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  propose(to: string | undefined, { terms, ...rest }: NewAgreement): Promise<AgreementView> {
    return this.#calls.call("proposeAgreement", {
      ...given("to", to),
      terms,
      ...given("lifeMs", rest.lifeMs),
      ...given("worksMyself", rest.worksMyself),
      ...given("arbiter", rest.arbiter),
    });
  }

  act(agreement: string, next: NextAct): Promise<AgreementView> {
    return this.#calls.call("actOnAgreement", {
      agreement,
      next: next as OperationBody<"actOnAgreement">["next"],
    });
  }

  async list(): Promise<readonly AgreementSummary[]> {
    return (await this.#calls.call("agreements", {})).agreements;
  }

  get(agreement: string): Promise<AgreementView> {
    return this.#calls.call("agreement", { agreement });
  }

  async export(agreement: string): Promise<string> {
    return (await this.#calls.call("exportAgreement", { agreement })).file;
  }

  offers({ skill, limit, after }: OfferQuery = {}): ReturnType<AgreementApi["offers"]> {
    return this.#calls.call("offers", { ...given("skill", skill), ...given("limit", limit), ...given("after", after) });
  }

  take(agreement: string): Promise<AgreementView> {
    return this.#calls.call("takeOffer", { agreement });
  }
}

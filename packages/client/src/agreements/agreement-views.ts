/** Agreements as programs see them: with names, and with what this member may do. */
import { actsOf, membersOf } from "@parley/core";

import type { AgreementActView, AgreementSummary, AgreementView } from "./agreement-api.ts";
import type { Act, HeldAgreement } from "./agreement-book.ts";

export interface AgreementViewsOptions {
  readonly own: () => string;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly nameOf: (member: string) => Promise<string | undefined>;
}

export class AgreementViews {
  readonly #options: AgreementViewsOptions;

  constructor(options: AgreementViewsOptions) {
    this.#options = options;
  }

  async summary({ facts, pending }: HeldAgreement): Promise<AgreementSummary | undefined> {
    if (facts === undefined) return undefined;
    const { own, now } = this.#options;
    const names: Record<string, string> = {};
    for (const member of membersOf(facts)) {
      const name = await this.#options.nameOf(member);
      if (name !== undefined) names[member] = name;
    }
    const isBusy = pending !== undefined;
    return { ...facts, names, mayDo: isBusy ? [] : actsOf(facts, own(), now()), pending: pending?.statement.act.type };
  }

  async view(held: HeldAgreement): Promise<AgreementView | undefined> {
    const summary = await this.summary(held);
    if (summary === undefined) return undefined;
    const acts = await Promise.all(held.acts.map((act) => this.act(act)));
    return { ...summary, acts };
  }

  async act({ compact, hash, statement: { number, by, iat, act } }: Act): Promise<AgreementActView> {
    return { number, by, name: await this.#options.nameOf(by), at: iat, act, statement: compact, hash };
  }
}

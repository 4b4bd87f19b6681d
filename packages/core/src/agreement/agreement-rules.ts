import { limits, ParleyError, type Statement } from "@parley/protocol";

import { type AgreementFacts, nextAgreement } from "./agreement.ts";

/** Judges the entries of an agreement's timeline, one after the other. */
export class AgreementRules {
  #bytes = 0;
  #facts: AgreementFacts | undefined;

  /** What holds after the entries so far. Throws `timeline_broken` before the first. */
  get facts(): AgreementFacts {
    if (this.#facts === undefined) throw new ParleyError("timeline_broken", { message: "There is no act yet." });
    return this.#facts;
  }

  /** Throws as `nextAgreement` does, and `too_large` when all acts together are. */
  take({ statement, compact }: { readonly statement: Statement<"agreement">; readonly compact: string }): void {
    this.#bytes += compact.length;
    if (this.#bytes > limits.agreementBytes && statement.act.type !== "expire")
      throw new ParleyError("too_large", {
        message: "The acts of this agreement are larger together than they may be.",
      });
    this.#facts = nextAgreement(this.#facts, statement);
  }
}

/** What holds after all of these acts. Throws as `nextAgreement` does. */
export function agreementOf(
  entries: readonly { readonly statement: Statement<"agreement">; readonly compact: string }[],
): AgreementFacts {
  const rules = new AgreementRules();
  for (const entry of entries) rules.take(entry);
  return rules.facts;
}

import type { AgreementFacts } from "@parley/core";
import type { AgreementAct, AgreementActType, AgreementTerms } from "@parley/protocol";

/** One act with the statement that proves it. */
export interface AgreementActView {
  /** From 1. */
  readonly number: number;
  /** Member that did it. */
  readonly by: string;
  readonly name: string | undefined;
  /** When it was signed, milliseconds since 1970. */
  readonly at: number;
  readonly act: AgreementAct;
  /** The compact statement, and its SHA-256. */
  readonly statement: string;
  readonly hash: string;
}

/** An agreement as this device knows it. */
export interface AgreementView extends AgreementFacts {
  readonly acts: readonly AgreementActView[];
  /** Names of those who have a part in it, by member, as far as they are known. */
  readonly names: Readonly<Record<string, string>>;
  /** What this member may do now. */
  readonly mayDo: readonly AgreementActType[];
  /** An act of this device that the registry has not given its number yet. */
  readonly pending: AgreementActType | undefined;
}

/** An agreement without its acts. */
export type AgreementSummary = Omit<AgreementView, "acts">;

export interface NewAgreement {
  readonly terms: AgreementTerms;
  /** How long it can be accepted, in ms. Default: one day. */
  readonly lifeMs?: number | undefined;
  /** Whether this member would do the work itself. Default: no, the other one does. */
  readonly worksMyself?: boolean | undefined;
  /** Member that decides a dispute. */
  readonly arbiter?: string | undefined;
}

/** What a party may do with an agreement that there is. */
export type NextAct =
  | { readonly type: "counter"; readonly terms: AgreementTerms; readonly lifeMs?: number | undefined }
  | Exclude<AgreementAct, { readonly type: "propose" | "counter" }>;

/** An open offer, verified. */
export interface OfferView {
  readonly agreement: string;
  /** Who offers. */
  readonly by: string;
  readonly name: string;
  readonly skill: string;
  readonly terms: AgreementTerms;
  readonly arbiter: string | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly until: number;
}

export interface OfferQuery {
  readonly skill?: string | undefined;
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

/** What this member agreed on with others, and how it goes. */
export interface AgreementApi {
  /**
   * Proposes to a member, or without one to everybody who has the skill of the terms: an open offer. Throws `invalid_argument`,
   * `denied_by_policy`, `limit_reached`.
   */
  propose(to: string | undefined, proposal: NewAgreement): Promise<AgreementView>;
  /**
   * Does what comes next. What the registry cannot be told now is kept and told when it is there. Throws `act_not_allowed`, `forbidden`,
   * `expired`, and `conflict` when somebody else acted first.
   */
  act(agreement: string, next: NextAct): Promise<AgreementView>;
  /** The newest first. */
  list(): Promise<readonly AgreementSummary[]>;
  /** By its id or the beginning of it. Throws `not_found`. */
  get(agreement: string): Promise<AgreementView>;
  /** All acts as one file that anybody can verify offline. */
  export(agreement: string): Promise<string>;
  offers(query?: OfferQuery): Promise<{ readonly offers: readonly OfferView[]; readonly next: string | undefined }>;
  /** Takes an open offer: whoever is first has it. Throws `conflict` when it is taken. */
  take(agreement: string): Promise<AgreementView>;
}

/** An act was done: by this member, or by another one and verified. Carries the statement that proves it. */
export interface AgreementEvent {
  readonly type: "agreement";
  readonly agreement: AgreementSummary;
  readonly act: AgreementActView;
}

/** Who may do what in which state of an agreement, and what comes of it. The one table: files, devices and commands ask it. */
import type { AgreementActType } from "@parley/protocol";

export const agreementStates = [
  "offered",
  "proposed",
  "accepted",
  "delivered",
  "disputed",
  "completed",
  "resolved",
  "rejected",
  "withdrawn",
  "expired",
] as const;
export type AgreementState = (typeof agreementStates)[number];

/**
 * What a member is to an agreement in its present state. `asking` made the newest proposal, `asked` has to answer it; `asker` and
 * `worker` are the two parties by what they do; a `stranger` has no part in it.
 */
export type AgreementRole = "asking" | "asked" | "asker" | "worker" | "arbiter" | "stranger";

export interface AgreementRule {
  readonly act: AgreementActType;
  /** Undefined: there is no agreement yet. */
  readonly from: AgreementState | undefined;
  readonly who: readonly AgreementRole[];
  readonly to: AgreementState;
  /** Whether the act is for the time before the wait ends, or for after that. */
  readonly when: "in-time" | "too-late";
}

const parties: readonly AgreementRole[] = ["asker", "worker"];
const everybody: readonly AgreementRole[] = ["asking", "asked", "asker", "worker", "arbiter"];

const row = (
  from: AgreementState | undefined,
  act: AgreementActType,
  who: readonly AgreementRole[],
  to: AgreementState,
  when: AgreementRule["when"] = "in-time",
): AgreementRule => ({ from, act, who, to, when });

export const agreementTable: readonly AgreementRule[] = [
  // `propose` without a recipient is an open offer.
  row(undefined, "propose", ["stranger"], "proposed"),
  row(undefined, "propose", ["stranger"], "offered"),
  row("offered", "accept", ["stranger"], "accepted"),
  row("offered", "withdraw", ["asking"], "withdrawn"),
  row("offered", "expire", everybody, "expired", "too-late"),
  row("proposed", "counter", ["asked"], "proposed"),
  row("proposed", "accept", ["asked"], "accepted"),
  row("proposed", "reject", ["asked"], "rejected"),
  row("proposed", "withdraw", ["asking"], "withdrawn"),
  row("proposed", "expire", everybody, "expired", "too-late"),
  row("accepted", "deliver", ["worker"], "delivered"),
  row("accepted", "dispute", parties, "disputed"),
  row("accepted", "expire", everybody, "expired", "too-late"),
  row("delivered", "accept-work", ["asker"], "completed"),
  row("delivered", "dispute", parties, "disputed"),
  row("delivered", "expire", everybody, "expired", "too-late"),
  // An arbiter decides alone. Without one a dispute goes on until both parties say the same.
  row("disputed", "resolve", ["arbiter"], "resolved"),
  row("disputed", "resolve", parties, "disputed"),
  row("disputed", "resolve", parties, "resolved"),
  row("disputed", "accept-work", ["asker"], "completed"),
  row("disputed", "expire", everybody, "expired", "too-late"),
];

/** States in which an act is waited for, and so a time limit runs. */
export const waitsForAct = (state: AgreementState): boolean => agreementTable.some(({ from }) => from === state);

/** What may be done in a state by somebody with these roles. */
export const rulesFor = (
  state: AgreementState | undefined,
  roles: ReadonlySet<AgreementRole>,
): readonly AgreementRule[] =>
  agreementTable.filter(({ from, who }) => from === state && who.some((role) => roles.has(role)));

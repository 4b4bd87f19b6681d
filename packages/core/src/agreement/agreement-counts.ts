/** How often a member kept to what it agreed: counts, which anybody gets from the same verified timelines, and no judgement. */
import type { AgreementFacts } from "./agreement.ts";

/** Agreements of a member in one of the two roles. */
export interface RoleCounts {
  /** Those that were agreed on, whatever came of them. */
  readonly accepted: number;
  readonly completed: number;
  readonly disputed: number;
  /** Disputes by what they ended with: for this member, against it, in part. */
  readonly resolvedFor: number;
  readonly resolvedAgainst: number;
  readonly resolvedInPart: number;
  /** What it let run out: as worker the work, as asker the word on the work. */
  readonly lapsed: number;
  /** Accepted, delivered or disputed and not at its end. */
  readonly open: number;
}

export interface MemberCounts {
  readonly member: string;
  readonly asker: RoleCounts;
  readonly worker: RoleCounts;
}

/** Facts with what cannot be read off their last state. */
export interface CountedAgreement {
  readonly facts: AgreementFacts;
  /** Whether there was a dispute at any time. */
  readonly wasDisputed: boolean;
}

const none: RoleCounts = {
  accepted: 0,
  completed: 0,
  disputed: 0,
  resolvedFor: 0,
  resolvedAgainst: 0,
  resolvedInPart: 0,
  lapsed: 0,
  open: 0,
};

const openStates: ReadonlySet<string> = new Set(["accepted", "delivered", "disputed"]);

/** By member, in the order of ids. The same agreement counts once: as its longest timeline has it. */
export function agreementCounts(agreements: readonly CountedAgreement[]): readonly MemberCounts[] {
  const newest = new Map<string, CountedAgreement>();
  for (const counted of agreements) {
    const { agreement, number } = counted.facts;
    if ((newest.get(agreement)?.facts.number ?? 0) < number) newest.set(agreement, counted);
  }
  const members = new Map<string, MemberCounts>();
  const of = (member: string): MemberCounts => members.get(member) ?? { member, asker: none, worker: none };
  for (const counted of newest.values()) {
    const { asker, worker } = counted.facts;
    if (asker === undefined || worker === undefined || !wasAccepted(counted.facts)) continue;
    const before = of(asker);
    members.set(asker, { ...before, asker: add(before.asker, counted, "asker") });
    const other = of(worker);
    members.set(worker, { ...other, worker: add(other.worker, counted, "worker") });
  }
  return [...members.values()].toSorted((one, other) => (one.member < other.member ? -1 : 1));
}

function wasAccepted({ state, expiredIn }: AgreementFacts): boolean {
  const stood = state === "expired" ? expiredIn : state;
  return stood !== undefined && (openStates.has(stood) || stood === "completed" || stood === "resolved");
}

function add(
  counts: RoleCounts,
  { facts: { state, outcome, expiredIn }, wasDisputed }: CountedAgreement,
  role: "asker" | "worker",
): RoleCounts {
  const one = (is: boolean): number => (is ? 1 : 0);
  const ended = state === "resolved" ? outcome?.for : undefined;
  const lapsedIn = role === "worker" ? "accepted" : "delivered";
  return {
    accepted: counts.accepted + 1,
    completed: counts.completed + one(state === "completed"),
    disputed: counts.disputed + one(wasDisputed),
    resolvedFor: counts.resolvedFor + one(ended === role),
    resolvedAgainst: counts.resolvedAgainst + one(ended !== undefined && ended !== "both" && ended !== role),
    resolvedInPart: counts.resolvedInPart + one(ended === "both"),
    lapsed: counts.lapsed + one(state === "expired" && expiredIn === lapsedIn),
    open: counts.open + one(openStates.has(state)),
  };
}

import type { MemberKind, RestrictionKind, Statement } from "@parley/protocol";

type Entry = Statement<"restrictions">["restrictions"][number];

/** What an operator put a member under. */
export interface Restriction {
  readonly kind: RestrictionKind;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When it ends by itself; undefined when an operator has to lift it. */
  readonly until: number | undefined;
  readonly reason: string | undefined;
}

/** Who is paused, stopped, muted or banned: the operators' newest list. */
export class Restrictions {
  readonly number: number;
  readonly list: readonly Entry[];
  readonly #byMember = new Map<string, Entry[]>();
  readonly #ofAgents: Entry[] = [];

  constructor(list: readonly Entry[] = [], number = 0) {
    this.list = list;
    this.number = number;
    for (const entry of list) {
      if (entry.member === undefined) this.#ofAgents.push(entry);
      else this.#byMember.set(entry.member, [...(this.#byMember.get(entry.member) ?? []), entry]);
    }
  }

  /** The strongest one of a member that holds now: a ban before a stop, a pause, a mute. */
  of({ member, kind }: { readonly member: string; readonly kind: MemberKind }, now: number): Restriction | undefined {
    if (this.list.length === 0) return undefined;
    const entries = [...(this.#byMember.get(member) ?? []), ...(kind === "agent" ? this.#ofAgents : [])];
    const inForce = entries.filter(({ until }) => until === undefined || until > now);
    const [strongest] = inForce.toSorted((a, b) => strength(b.kind) - strength(a.kind));
    return strongest === undefined
      ? undefined
      : { kind: strongest.kind, at: strongest.at, until: strongest.until, reason: strongest.reason };
  }

  /** The entries that still hold: what a next list starts from. */
  inForce(now: number): readonly Entry[] {
    return this.list.filter(({ until }) => until === undefined || until > now);
  }
}

const byStrength: readonly RestrictionKind[] = ["muted", "paused", "stopped", "banned"];
const strength = (kind: RestrictionKind): number => byStrength.indexOf(kind);

/** The error that a restricted member meets when it would write. */
export const restrictionCode = { paused: "paused", stopped: "paused", muted: "muted", banned: "banned" } as const;

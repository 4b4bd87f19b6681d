/** What an operator orders: the policy of the mesh, and who is paused, stopped, muted or banned. */
import type { MeshTrust } from "@parley/core";
import {
  type Budget,
  type PolicyDocument,
  policyDocumentSchema,
  issueOf,
  ParleyError,
  type RestrictionKind,
  type Statement,
} from "@parley/protocol";

import { type OrderPublisherOptions, publishNext } from "./order-publisher.ts";

type Entry = Statement<"restrictions">["restrictions"][number];

/** Whom a restriction is for: members by id, or every agent. */
export type Restricted = readonly string[] | "agents";

export interface RestrictOptions {
  /** Milliseconds since 1970 at which it ends by itself. */
  readonly until?: number;
  readonly reason?: string;
}

export class OperatorOrders {
  readonly #options: OrderPublisherOptions;

  constructor(options: OrderPublisherOptions) {
    this.#options = options;
  }

  /** Puts a policy in the place of the one before. Throws `invalid_argument` when it is not of the documented form. Answers its number. */
  publishPolicy(document: PolicyDocument): Promise<number> {
    return this.#changePolicy(() => document);
  }

  /** Lets a budget hold for a time in the place of those that hold always; those that are over go. */
  allowForATime(budget: Budget & { readonly until: number }): Promise<number> {
    return this.#changePolicy(({ document }) => ({
      ...document,
      budgets: [
        ...(document.budgets ?? []).filter(({ until }) => until === undefined || until > this.#options.now()),
        budget,
      ],
    }));
  }

  /** Puts members under a restriction; one of the same kind takes the place of the one before. Answers the list's number. */
  restrict(who: Restricted, kind: RestrictionKind, { until, reason }: RestrictOptions = {}): Promise<number> {
    const at = this.#options.now();
    const rest = { kind, at, ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
    const added: Entry[] = who === "agents" ? [rest] : who.map((member) => ({ member, ...rest }));
    return this.#changeRestrictions((held) => [...held.filter((entry) => !isOf(entry, who, [kind])), ...added]);
  }

  /** Lifts restrictions of these kinds. With `agents` those of all agents and of each go. */
  lift(who: Restricted, kinds: readonly RestrictionKind[]): Promise<number> {
    return this.#changeRestrictions((held) => {
      const left = held.filter((entry) => !isOf(entry, who, kinds));
      return left.length === held.length ? undefined : left;
    });
  }

  #changePolicy(change: (policy: MeshTrust["policy"]) => PolicyDocument): Promise<number> {
    return publishNext(
      "policy",
      ({ policy }) => {
        const parsed = policyDocumentSchema.safeParse(change(policy));
        if (parsed.success) return { policy: parsed.data };
        throw new ParleyError("invalid_argument", { message: `The policy: ${issueOf(parsed.error)}.` });
      },
      this.#options,
    );
  }

  #changeRestrictions(change: (held: readonly Entry[]) => readonly Entry[] | undefined): Promise<number> {
    return publishNext(
      "restrictions",
      ({ restrictions }) => {
        const next = change(restrictions.inForce(this.#options.now()));
        return next === undefined ? undefined : { restrictions: [...next] };
      },
      this.#options,
    );
  }
}

function isOf({ member, kind }: Entry, who: Restricted, kinds: readonly RestrictionKind[]): boolean {
  if (!kinds.includes(kind)) return false;
  if (who === "agents") return true;
  return member !== undefined && who.includes(member);
}

import { type Policy, type PolicyMember, restrictionCode } from "@parley/core";
import { type ApprovalNeed, type ErrorCode, ParleyError } from "@parley/protocol";

import type { ChannelTable } from "./channels/channel-table.ts";
import type { Directory } from "./directory.ts";
import type { OperatorOrders } from "./operator-orders.ts";

export interface AuthorityOptions {
  readonly orders: Pick<OperatorOrders, "policy" | "restrictions">;
  readonly directory: Pick<Directory, "get" | "version">;
  readonly channels: () => Pick<ChannelTable, "get" | "ofMember">;
  /** Why this node holds a member off, and until when, if it does. */
  readonly heldFor: (member: string) => { readonly code: ErrorCode; readonly until: number } | undefined;
  readonly now: () => number;
}

/** Answers that are remembered, by who asks of whom. */
const mostRemembered = 20_000;

/** What the operators' orders say of what goes through this node. The callee judges what only it can read. */
export class Authority {
  readonly #options: AuthorityOptions;
  /** Whether one may reach the other, by both ids; good for one policy and one state of the directory. */
  readonly #reach = new Map<string, boolean>();
  #rememberedFor: { readonly policy: Policy; readonly version: number } | undefined;

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  get policy(): Policy {
    return this.#options.orders.policy;
  }

  /** Why a member may write nothing now; undefined when it may. */
  silence(member: Pick<PolicyMember, "member" | "kind">): ParleyError | undefined {
    const { orders, heldFor, now } = this.#options;
    const restriction = orders.restrictions.of(member, now());
    if (restriction !== undefined) return restricted(restrictionCode[restriction.kind], restriction);
    const held = heldFor(member.member);
    return held === undefined ? undefined : restricted(held.code, { until: held.until, reason: undefined });
  }

  /** Whether a member takes nothing now: an operator paused or stopped it. */
  isPaused(member: Pick<PolicyMember, "member" | "kind">): boolean {
    const kind = this.#options.orders.restrictions.of(member, this.#options.now())?.kind;
    return kind === "paused" || kind === "stopped";
  }

  isBanned(member: Pick<PolicyMember, "member" | "kind">): boolean {
    return this.#options.orders.restrictions.of(member, this.#options.now())?.kind === "banned";
  }

  /** Throws `banned` while an operator's ban holds. */
  checkBan(member: Pick<PolicyMember, "member" | "kind">): void {
    const restriction = this.#options.orders.restrictions.of(member, this.#options.now());
    if (restriction?.kind === "banned") throw restricted("banned", restriction);
  }

  /** Whether frames of one may go to the other: there may be talk in one of the directions, and answers to it in the other. */
  mayCarry(from: string, to: string): boolean {
    this.#forgetOld();
    const key = `${from}:${to}`;
    const known = this.#reach.get(key);
    if (known !== undefined) return known;
    const { directory } = this.#options;
    const [sender, recipient] = [directory.get(from), directory.get(to)];
    // Who is not in the directory is refused elsewhere, with a better reason.
    if (sender === undefined || recipient === undefined) return true;
    const may = this.policy.mayPass(sender, recipient);
    if (this.#reach.size >= mostRemembered) this.#reach.delete(this.#reach.keys().next().value ?? "");
    this.#reach.set(key, may);
    return may;
  }

  /** Whether one may know of the other: the policy says so, there may be talk between them, or they share a channel. */
  maySee(asker: PolicyMember, other: PolicyMember): boolean {
    return this.policy.maySee(asker, other) || this.#shareChannel(asker.member, other.member);
  }

  /** Throws `denied_by_policy` when the policy lets a member not do this. Gives what has to be granted first. */
  check(question: Parameters<Policy["decide"]>[0], what: string): ApprovalNeed | undefined {
    const { allowed, reason, rule, approval } = this.policy.decide(question);
    if (allowed) return approval;
    const why = rule === undefined ? "no rule allows it" : `rule ${rule + 1} denies it`;
    throw new ParleyError(reason === "out-of-scope" ? "out_of_scope" : "denied_by_policy", {
      message: `@${question.who.name} may not ${what}: ${reason === "out-of-scope" ? "its admission does not reach that far" : why}.`,
    });
  }

  #shareChannel(one: string, other: string): boolean {
    const channels = this.#options.channels();
    for (const channel of channels.ofMember(one))
      if (channels.get(channel)?.members.get(other)?.state === "in") return true;
    return false;
  }

  #forgetOld(): void {
    const { directory } = this.#options;
    const { policy } = this;
    if (this.#rememberedFor?.policy === policy && this.#rememberedFor.version === directory.version) return;
    this.#reach.clear();
    this.#rememberedFor = { policy, version: directory.version };
  }
}

function restricted(
  code: ErrorCode,
  { until, reason }: { until: number | undefined; reason: string | undefined },
): ParleyError {
  const end = until === undefined ? "until an operator lifts it" : `until ${new Date(until).toISOString()}`;
  return new ParleyError(code, {
    message: `${new ParleyError(code).message.replace(/\.$/, "")} (${end}${reason === undefined ? "" : `; ${reason}`}).`,
    ...(until === undefined ? {} : { data: { until } }),
  });
}

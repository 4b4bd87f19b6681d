/**
 * What the operators' orders say of this device's own talk: whom it takes something of, and what. The registry asks the same
 * on its paths; on a link nobody else does.
 */
import {
  type MeshTrust,
  type Policy,
  type PolicyDecision,
  type PolicyMember,
  type Restriction,
  restrictionCode,
} from "@parley/core";
import { type ApprovalNeed, type ErrorCode, ParleyError, type PolicyAction } from "@parley/protocol";

import type { HeldOff, Holds } from "./holds.ts";
import type { UsageMeter } from "./usage-meter.ts";

export interface GateOptions {
  readonly trust: MeshTrust;
  /** This device's member, as its newest admission names it. */
  readonly own: () => PolicyMember;
  readonly holds: Pick<Holds, "heldFor">;
  readonly meter: Pick<UsageMeter, "overOf">;
  /** Wall time, ms since 1970. */
  readonly now: () => number;
}

/** One act between two members. */
export interface GateQuestion {
  readonly action: Extract<PolicyAction, "message" | "call" | "post">;
  readonly skill?: string;
  /** Without the `#`. */
  readonly channel?: string;
}

/** What an approval is about, as rules name it. */
export interface ApprovalObject {
  readonly skill?: string | undefined;
  readonly channel?: string | undefined;
}

export class Gate {
  readonly #options: GateOptions;
  /** Whether something may pass between a member and this one: asked for each frame. */
  readonly #reach = new WeakMap<
    PolicyMember,
    { readonly policy: Policy; readonly own: PolicyMember; readonly may: boolean }
  >();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** This device's member, as its newest admission names it. */
  get own(): PolicyMember {
    return this.#options.own();
  }

  /** What an operator put this device's member under. */
  get ownRestriction(): Restriction | undefined {
    return this.#restrictionOf(this.#options.own());
  }

  /** Whether nothing of this device is taken now. What it accepted before it used up its budget still goes out. */
  get isSilenced(): boolean {
    const own = this.#options.own();
    return this.#restrictionOf(own) !== undefined || this.#options.holds.heldFor(own.member) !== undefined;
  }

  /** Why it may write nothing new; undefined when it may. */
  get silence(): ParleyError | undefined {
    const own = this.#options.own();
    const restriction = this.#restrictionOf(own);
    if (restriction !== undefined) return restricted(own, restrictionCode[restriction.kind], restriction);
    const held = this.#heldOf(own);
    return held === undefined ? undefined : heldOff(own, held);
  }

  /** Throws `over_budget` when this member used up its budget. */
  checkBudget(): void {
    const own = this.#options.own();
    const held = this.#heldOf(own);
    if (held?.code === "over_budget") throw heldOff(own, held);
  }

  /** Whether this device takes nothing now. */
  get isPaused(): boolean {
    const kind = this.ownRestriction?.kind;
    return kind === "paused" || kind === "stopped";
  }

  /** Why no frame of a member is taken now: it is silenced, or nothing may pass between the two at all. */
  refusalOf(member: PolicyMember): ParleyError | undefined {
    const { trust, own } = this.#options;
    const restriction = this.#restrictionOf(member);
    if (restriction !== undefined) return restricted(member, restrictionCode[restriction.kind], restriction);
    const held = this.#heldOf(member);
    if (held !== undefined) return heldOff(member, held);
    const self = own();
    if (this.#mayReach(member, self, trust.policy)) return undefined;
    return new ParleyError("denied_by_policy", {
      message: `The mesh's policy lets nothing pass between @${member.name} and @${self.name}.`,
    });
  }

  /** Why an operator lets a member do nothing now, by itself or through others. */
  restrictionOn(member: PolicyMember): ParleyError | undefined {
    const restriction = this.#restrictionOf(member);
    return restriction && restricted(member, restrictionCode[restriction.kind], restriction);
  }

  /** What the policy says of an act of another member towards this one. */
  decide(who: PolicyMember, question: GateQuestion): PolicyDecision {
    return this.#options.trust.policy.decide({ ...question, who, to: this.#options.own() });
  }

  /** The same where one acts for another: for the principal, and against none of the others. */
  decideFor(principal: PolicyMember, others: readonly PolicyMember[], question: GateQuestion): PolicyDecision {
    return this.#options.trust.policy.decideFor(principal, others, { ...question, to: this.#options.own() });
  }

  /** Throws why this device writes nothing now. */
  checkSilence(): void {
    const { silence } = this;
    if (silence !== undefined) throw silence;
  }

  /** Whether this member may call a skill of another one. */
  mayCall(to: PolicyMember, skill: string): boolean {
    return this.#options.trust.policy.decide({ action: "call", who: this.#options.own(), to, skill }).allowed;
  }

  /** Whether the policy lets this member approve what another one asks about. */
  mayApprove(to: PolicyMember, object: ApprovalObject): boolean {
    return this.#options.trust.policy.decide({ action: "approve", who: this.#options.own(), to, ...object }).allowed;
  }

  /**
   * Throws why this device may not do this: silenced, or denied. `to`: the other member; none for a channel. Gives what has to be
   * granted first: of a call its callee sees to that, of a post this device.
   */
  checkOwn(to: PolicyMember | undefined, question: GateQuestion): ApprovalNeed | undefined {
    this.checkSilence();
    const who = this.#options.own();
    const decision = this.#options.trust.policy.decide({ ...question, who, to });
    if (!decision.allowed) throw denied(who, to, question, decision);
    return decision.approval;
  }

  #mayReach(member: PolicyMember, own: PolicyMember, policy: Policy): boolean {
    const known = this.#reach.get(member);
    if (known?.policy === policy && known.own === own) return known.may;
    const may = policy.mayPass(member, own);
    this.#reach.set(member, { policy, own, may });
    return may;
  }

  /** By the registry's word, or by what this device counted itself. */
  #heldOf(member: PolicyMember): HeldOff | undefined {
    const { holds, meter } = this.#options;
    const over = meter.overOf(member);
    return (
      holds.heldFor(member.member) ?? (over === undefined ? undefined : { code: "over_budget", until: over.until })
    );
  }

  #restrictionOf(member: PolicyMember): Restriction | undefined {
    return this.#options.trust.restrictions.of(member, this.#options.now());
  }
}

function heldOff({ name }: PolicyMember, { code, until }: HeldOff): ParleyError {
  const what = code === "over_budget" ? "used up its budget" : "is held off by the registry";
  return new ParleyError(code, {
    message: `@${name} ${what}; it may go on at ${new Date(until).toISOString()}, see \`parley budget show\`.`,
    data: { until },
  });
}

/** A refusal that says which rule decides. */
export function denied(
  who: PolicyMember,
  to: PolicyMember | undefined,
  { action, skill, channel }: GateQuestion,
  { reason, rule }: PolicyDecision,
): ParleyError {
  const object = [
    ...(to === undefined ? [] : [`@${to.name}${skill === undefined ? "" : `/${skill}`}`]),
    ...(channel === undefined ? [] : [`#${channel}`]),
  ].join(" ");
  const because =
    reason === "out-of-scope"
      ? "its admission does not reach that far"
      : rule === undefined
        ? "no rule of the policy allows it"
        : `rule ${rule + 1} of the policy denies it`;
  return new ParleyError(reason === "out-of-scope" ? "out_of_scope" : "denied_by_policy", {
    message: `@${who.name} may not ${action} ${object}: ${because}; see \`parley policy explain\`.`,
  });
}

function restricted({ name }: PolicyMember, code: ErrorCode, { kind, until, reason }: Restriction): ParleyError {
  const end = until === undefined ? "" : ` until ${new Date(until).toISOString()}`;
  return new ParleyError(code, {
    message: `An operator has @${name} ${kind}${end}${reason === undefined ? "" : ` (${reason})`}.`,
    data: { kind, ...(until === undefined ? {} : { until }) },
  });
}

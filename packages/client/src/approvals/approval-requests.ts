/** What this device waits for a person's word for: on disk from the moment it asks, and checked here, whoever answers. */
import {
  type Clock,
  type MeshTrust,
  type PolicyMember,
  type Random,
  type Timer,
  type VerifiedMember,
} from "@parley/core";
import {
  type ApprovalAction,
  type ApprovalBody,
  type ApprovalEnd,
  type ApprovalNeed,
  limits,
  ParleyError,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import type { ApprovalObject } from "../gate.ts";
import type { KeptTable } from "../kept-table.ts";
import {
  checkStanding,
  digestOfAction,
  interestedIn,
  objectOf,
  statementIsStanding,
  verifyDenial,
  verifyGrant,
} from "./approval-proof.ts";
import type { KeptRequest } from "./kept-request.ts";
import type { StandingApprovals } from "./standing-approvals.ts";

/** What an action needs before it is done. */
export interface ActionRequest {
  readonly action: ApprovalAction;
  readonly need: ApprovalNeed;
  /** Where a rule of the policy asks: its number and place. */
  readonly rule?: { readonly policy: number; readonly rule: number };
}

/** A question in the course of a task, to one member. */
export interface QuestionRequest {
  readonly task: string;
  readonly skill: string;
  readonly text: string;
  readonly of: string;
  /** Milliseconds. */
  readonly withinMs: number;
}

/** A request, and the names of those who were asked. */
export interface AskedOf {
  readonly request: string;
  readonly quorum: number;
  readonly names: readonly string[];
}

/** Statements of the members that said yes. */
export type Grants = readonly string[];

export interface ApprovalRequestsOptions {
  readonly trust: Pick<MeshTrust, "mesh" | "policy" | "isRevoked">;
  /** This member, as operators admitted it. */
  readonly own: () => PolicyMember;
  readonly clock: Clock;
  readonly random: Random;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly table: KeptTable<KeptRequest>;
  readonly standing: StandingApprovals;
  /** Members that the policy lets approve this, at most `limits.approvers`. */
  readonly approvers: (object: ApprovalObject) => Promise<readonly VerifiedMember[]>;
  /** A member as it stands now. Throws when there is none, or it was revoked. */
  readonly memberOf: (member: string) => Promise<VerifiedMember>;
  readonly send: (member: string, body: ApprovalBody, expires: number) => Promise<void>;
  readonly onRefused: (error: unknown, from?: string) => void;
}

type KeptAction = KeptRequest["what"] & { readonly type: "action" };

interface Waiter {
  readonly settle: PromiseWithResolvers<Grants | string>;
  timer: Timer | undefined;
}

const defaultWithinMs = 3_600_000;
/** Time for the answer to a question, unless whoever asks says another. */
export const defaultQuestionMs = 3_600_000;
/** Requests in the interest of the same caller at once: one that asks too much leaves room for the others. */
const mostPerCaller = 64;

export class ApprovalRequests {
  readonly #options: ApprovalRequestsOptions;
  readonly #waiters = new Map<string, Waiter>();
  /** Requests whose answer is being looked at: one after the other, so that none counts twice. */
  #taking: Promise<unknown> = Promise.resolve();

  constructor(options: ApprovalRequestsOptions) {
    this.#options = options;
  }

  /** Asks those who may approve. Resolves once it is on disk and sent; throws `approval_denied` when nobody may. */
  async ask({ action, need, rule }: ActionRequest): Promise<AskedOf> {
    const { table, now } = this.#options;
    const digest = await digestOfAction(action);
    const interested = interestedIn(action);
    const quorum = need.quorum ?? 1;
    const approvers = (await this.#options.approvers(objectOf(action))).filter(
      ({ member }) => !interested.includes(member),
    );
    if (approvers.length < quorum)
      throw new ParleyError("approval_denied", {
        message: `This needs ${quorum} who may approve it, and there are ${approvers.length}; see \`parley policy show\`.`,
      });
    await this.#sweep();
    this.#checkRoom(action);
    const expires = Math.round(now()) + Math.min(need.withinMs ?? defaultWithinMs, limits.approvalLifeMs);
    const request = this.#newId();
    const ruled = rule === undefined ? {} : { rule };
    await table.put(request, {
      what: { type: "action", action, digest, quorum, ...ruled },
      expires,
      asked: approvers.map(({ member }) => member),
      granted: [],
    });
    await this.#countStanding(request, approvers);
    if (table.get(request) !== undefined && !this.#isGranted(request))
      await this.#tellAsked(request, { type: "ask", request, action, quorum, ...ruled, expires });
    return { request, quorum, names: approvers.map(({ name }) => name) };
  }

  /** Asks one member a question. Throws `denied_by_policy` where that one may not approve what the skill does, nor be asked about it. */
  async question({ task, skill, text, of, withinMs }: QuestionRequest): Promise<string> {
    const { table, now, trust, own, memberOf } = this.#options;
    const who = await memberOf(of);
    // Its device would not show the question: better said now than waited for.
    if (!trust.policy.decide({ action: "approve", who, to: own(), skill }).allowed)
      throw new ParleyError("denied_by_policy", {
        message: `The policy does not let @${own().name} ask @${who.name}: that takes the action approve.`,
      });
    await this.#sweep();
    const expires = Math.round(now()) + Math.min(withinMs, limits.approvalLifeMs);
    const request = this.#newId();
    await table.put(request, { what: { type: "question", task, skill, text, of }, expires, asked: [of], granted: [] });
    await this.#tellAsked(request, { type: "question", request, task, skill, text, expires });
    return request;
  }

  /**
   * Resolves with the yeses of an action, or the words that answer a question; the request is used up then. Rejects with
   * `approval_denied`, `approval_expired`, or on the signal, which withdraws it.
   */
  async outcome(request: string, signal?: AbortSignal): Promise<Grants | string> {
    const kept = this.#options.table.get(request);
    if (kept === undefined) throw new ParleyError("approval_expired");
    const waiter: Waiter = { settle: Promise.withResolvers(), timer: undefined };
    this.#waiters.set(request, waiter);
    if (kept.denied === true) void this.#end(request, "denied");
    else {
      this.#expireAt(request, kept.expires, waiter);
      if (this.#isGranted(request)) this.#later(() => this.#settle(request)).catch(this.#options.onRefused);
    }
    const onAbort = (): void => void this.#end(request, "withdrawn", undefined, toParleyError(signal?.reason));
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await waiter.settle.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      waiter.timer?.cancel();
      this.#waiters.delete(request);
    }
  }

  has(request: string): boolean {
    return this.#options.table.get(request) !== undefined;
  }

  /** Takes an answer of a member. What does not hold is told to whoever watches, and changes nothing. */
  takeAnswer(from: VerifiedMember, body: ApprovalBody & { readonly type: "answer" | "reply" }): Promise<void> {
    const taken = this.#later(() => (body.type === "reply" ? this.#reply(from, body) : this.#answer(from, body)));
    return taken.catch((error: unknown) => {
      // Only what this device could not write down comes again; nothing else gets better by waiting.
      if (toParleyError(error).code === "storage_unavailable") throw error;
      this.#options.onRefused(error, from.name);
    });
  }

  /** Nobody's word is needed any more. */
  withdraw(request: string): Promise<void> {
    return this.#close(request, "withdrawn");
  }

  /** Ends what an earlier start asked and nothing waits for any more, as questions of work that is gone. */
  async withdrawOthers(wanted: ReadonlySet<string>): Promise<void> {
    for (const [request] of this.#options.table.all())
      if (!wanted.has(request) && !this.#waiters.has(request)) await this.#close(request, "withdrawn");
  }

  stop(): void {
    for (const { timer } of this.#waiters.values()) timer?.cancel();
  }

  async #answer(
    from: VerifiedMember,
    { request, statement }: ApprovalBody & { readonly type: "answer" },
  ): Promise<void> {
    const { table, trust, now, standing, own } = this.#options;
    const kept = table.get(request);
    if (kept?.what.type !== "action") throw unasked();
    const { what } = kept;
    if (kept.expires <= now()) throw new ParleyError("approval_expired");
    const context = this.#contextOf(from);
    this.#checkApprover(from, what);
    if (statementIsStanding(statement)) {
      const said = await checkStanding(statement, what.action, { ...context, callee: own().member });
      return standing.keep(statement, said);
    }
    if (await verifyDenial(statement, what.digest, from, trust.mesh)) return this.#end(request, "denied", from.member);
    await verifyGrant(statement, what.digest, context);
    await this.#grant(request, from.member, statement);
  }

  #contextOf(member: VerifiedMember): { member: VerifiedMember; trust: Pick<MeshTrust, "mesh">; now: number } {
    return { member, trust: this.#options.trust, now: this.#options.now() };
  }

  /** Eligible now, and nobody who is in it itself. */
  #checkApprover(from: VerifiedMember, { action }: KeptAction): void {
    const { trust, own } = this.#options;
    if (interestedIn(action).includes(from.member) || trust.isRevoked(from.member))
      throw new ParleyError("bad_approval", { message: `@${from.name} cannot approve what it asked for itself.` });
    if (!trust.policy.decide({ action: "approve", who: from, to: own(), ...objectOf(action) }).allowed)
      throw new ParleyError("bad_approval", { message: `The policy does not let @${from.name} approve this.` });
  }

  async #grant(request: string, by: string, statement: string): Promise<void> {
    const { table } = this.#options;
    const kept = table.get(request);
    // The same member again is one voice.
    if (kept === undefined || kept.granted.some((grant) => grant.by === by)) return;
    await table.put(request, { ...kept, granted: [...kept.granted, { by, statement }] });
    if (this.#isGranted(request)) await this.#settle(request, by);
  }

  /** Enough said yes. Whoever lost the right since, or the device that signed, does not count any more. */
  async #settle(request: string, by?: string): Promise<void> {
    const { table } = this.#options;
    const kept = table.get(request);
    if (kept?.what.type !== "action" || !this.#isGranted(request)) return;
    const { what } = kept;
    const holding: KeptRequest["granted"] = [];
    for (const grant of kept.granted) if (await this.#holds(grant, what)) holding.push(grant);
    if (holding.length < kept.granted.length) await table.put(request, { ...kept, granted: holding });
    if (this.#isGranted(request)) await this.#end(request, "granted", by);
  }

  async #holds({ by, statement }: KeptRequest["granted"][number], what: KeptAction): Promise<boolean> {
    const { action, digest } = what;
    const { memberOf, own, trust, onRefused } = this.#options;
    try {
      const member = await memberOf(by);
      this.#checkApprover(member, what);
      const context = this.#contextOf(member);
      if (!statementIsStanding(statement)) await verifyGrant(statement, digest, context);
      else await checkStanding(statement, action, { ...context, callee: own().member });
      return true;
    } catch (error) {
      // A registry that is away takes no yes back: it held when it came.
      if (toParleyError(error).retryable) return !trust.isRevoked(by);
      onRefused(error, by);
      return false;
    }
  }

  /** One after the other, so that none counts twice. */
  #later<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#taking.then(work);
    this.#taking = done.catch(() => undefined);
    return done;
  }

  #checkRoom(action: ApprovalAction): void {
    if (action.kind !== "call") return;
    const open = this.#options.table
      .all()
      .filter(
        ([, { what }]) => what.type === "action" && what.action.kind === "call" && what.action.caller === action.caller,
      );
    if (open.length >= mostPerCaller)
      throw new ParleyError("limit_reached", {
        message: `${mostPerCaller} calls of this caller wait for an approval already.`,
      });
  }

  /** What nobody waits for, and nobody will answer in time, makes room. */
  async #sweep(): Promise<void> {
    const now = this.#options.now();
    for (const [request, { expires }] of this.#options.table.all())
      if (expires <= now && !this.#waiters.has(request)) await this.#options.table.delete(request);
  }

  async #reply(from: VerifiedMember, { request, text }: ApprovalBody & { readonly type: "reply" }): Promise<void> {
    const kept = this.#options.table.get(request);
    if (kept?.what.type !== "question" || kept.what.of !== from.member) throw unasked();
    const waiter = this.#waiters.get(request);
    await this.#close(request, "answered", from.member);
    waiter?.settle.resolve(text);
  }

  #isGranted(request: string): boolean {
    const kept = this.#options.table.get(request);
    return kept?.what.type === "action" && kept.granted.length >= kept.what.quorum;
  }

  /** Standing approvals of those who may approve count as theirs. */
  async #countStanding(request: string, approvers: readonly VerifiedMember[]): Promise<void> {
    const kept = this.#options.table.get(request);
    if (kept?.what.type !== "action") return;
    for (const approver of approvers) {
      const statement = await this.#options.standing.use(approver, kept.what.action);
      if (statement !== undefined) await this.#later(() => this.#grant(request, approver.member, statement));
    }
  }

  /** Ends a request for whoever waits for it. One that nobody waits for yet stays until somebody does. */
  async #end(request: string, state: ApprovalEnd, by?: string, error?: ParleyError): Promise<void> {
    const waiter = this.#waiters.get(request);
    const kept = this.#options.table.get(request);
    if (kept === undefined || (waiter === undefined && state === "granted")) return;
    if (waiter === undefined && state === "denied") return this.#options.table.put(request, { ...kept, denied: true });
    await this.#close(request, state, by);
    if (state === "granted") waiter?.settle.resolve(kept.granted.map(({ statement }) => statement));
    else waiter?.settle.reject(error ?? new ParleyError(state === "denied" ? "approval_denied" : "approval_expired"));
  }

  /** It is used up, and all who were asked hear so. */
  async #close(request: string, state: ApprovalEnd, by?: string): Promise<void> {
    const { table, now, send } = this.#options;
    const kept = table.get(request);
    await table.delete(request);
    const body: ApprovalBody = { type: "closed", request, state, ...(by === undefined ? {} : { by }) };
    const expires = Math.max(kept?.expires ?? 0, now() + defaultWithinMs);
    for (const member of kept?.asked ?? []) send(member, body, expires).catch(this.#options.onRefused);
  }

  async #tellAsked(request: string, body: ApprovalBody & { readonly expires: number }): Promise<void> {
    const asked = this.#options.table.get(request)?.asked ?? [];
    await Promise.all(asked.map((member) => this.#options.send(member, body, body.expires)));
  }

  #expireAt(request: string, expires: number, waiter: Waiter): void {
    const { clock, now } = this.#options;
    const left = Math.max(0, expires - now());
    waiter.timer = clock.setTimer(left, () => {
      if (expires <= now()) void this.#end(request, "expired");
      else this.#expireAt(request, expires, waiter);
    });
  }

  #newId(): string {
    return toBase64url(this.#options.random.bytes(16));
  }
}

const unasked = (): ParleyError =>
  new ParleyError("replayed", { message: "An answer came to a request that waits no more." });

/** What this device waits for a person's word for: on disk from the moment it asks, and checked here, whoever answers. */
import {
  type Clock,
  type MeshTrust,
  type Policy,
  type PolicyMember,
  type Random,
  type Timer,
  type VerifiedMember,
} from "@parley/core";
import {
  type ApprovalAction,
  approvalActionSchema,
  type ApprovalBody,
  type ApprovalEnd,
  type ApprovalNeed,
  compactSchema,
  id32Schema,
  limits,
  ParleyError,
  toBase64url,
  toParleyError,
} from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";
import { covers, digestOfAction, interestedIn, verifyDenial, verifyGrant, verifyStanding } from "./approval-proof.ts";
import type { StandingApprovals } from "./standing-approvals.ts";

/** One request, as it is kept on disk. */
export const keptRequestSchema = z.object({
  what: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("action"),
      action: approvalActionSchema,
      digest: id32Schema,
      quorum: z.int().min(1).max(limits.approvalQuorum),
      rule: z.object({ policy: z.number(), rule: z.number() }).optional(),
    }),
    z.object({ type: z.literal("question"), task: z.string(), skill: z.string(), text: z.string(), of: id32Schema }),
  ]),
  expires: z.number(),
  /** Members that were asked. */
  asked: z.array(id32Schema).max(limits.approvers),
  /** Members that said yes, and their statements. */
  granted: z.array(z.object({ by: id32Schema, statement: compactSchema })).max(limits.approvers),
  /** It was answered with no while nobody waited for it, as in a start of which the work is not begun again yet. */
  denied: z.literal(true).optional(),
});
export type KeptRequest = z.infer<typeof keptRequestSchema>;

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
  readonly approvers: (skill: string | undefined) => Promise<readonly VerifiedMember[]>;
  readonly send: (member: string, body: ApprovalBody, expires: number) => Promise<void>;
  readonly onRefused: (error: unknown, from?: string) => void;
}

interface Waiter {
  readonly settle: PromiseWithResolvers<Grants | string>;
  timer: Timer | undefined;
}

const defaultWithinMs = 3_600_000;

export class ApprovalRequests {
  readonly #options: ApprovalRequestsOptions;
  readonly #waiters = new Map<string, Waiter>();
  /** Requests whose answer is being looked at: one after the other, so that none counts twice. */
  #taking: Promise<unknown> = Promise.resolve();

  constructor(options: ApprovalRequestsOptions) {
    this.#options = options;
  }

  /** Asks those who may approve. Resolves with the request's id once it is on disk and sent; throws `approval_denied` when nobody may. */
  async ask({ action, need, rule }: ActionRequest): Promise<string> {
    const { table, now } = this.#options;
    const digest = await digestOfAction(action);
    const interested = interestedIn(action);
    const skill = action.kind === "call" ? action.skill : undefined;
    const quorum = need.quorum ?? 1;
    const approvers = (await this.#options.approvers(skill)).filter(({ member }) => !interested.includes(member));
    if (approvers.length < quorum)
      throw new ParleyError("approval_denied", {
        message: `This needs ${quorum} who may approve it, and there are ${approvers.length}; see \`parley policy show\`.`,
      });
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
    return request;
  }

  /** Asks one member a question. */
  async question({ task, skill, text, of, withinMs }: QuestionRequest): Promise<string> {
    const { table, now } = this.#options;
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
    else if (this.#isGranted(request)) void this.#end(request, "granted");
    else this.#expireAt(request, kept.expires, waiter);
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

  /** Takes an answer of a member. What does not hold is told to whoever watches, and changes nothing. */
  takeAnswer(from: VerifiedMember, body: ApprovalBody & { readonly type: "answer" | "reply" }): Promise<void> {
    const taken = this.#taking.then(() => (body.type === "reply" ? this.#reply(from, body) : this.#answer(from, body)));
    this.#taking = taken.catch(() => undefined);
    return taken.catch((error: unknown) => {
      const coded = toParleyError(error);
      if (coded.retryable) throw coded;
      this.#options.onRefused(error, from.name);
    });
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
    this.#checkApprover(from, what.action, this.#options.trust.policy);
    const context = { member: from, trust, now: now() };
    if (statementIsStanding(statement)) {
      const said = await verifyStanding(statement, { ...context, callee: own().member });
      if (!covers(said, what.action)) throw new ParleyError("bad_approval");
      return standing.keep(said.id, statement, said);
    }
    if (kept.expires <= now()) throw new ParleyError("approval_expired");
    if (await verifyDenial(statement, what.digest, from, trust.mesh)) return this.#end(request, "denied", from.member);
    await verifyGrant(statement, what.digest, context);
    await this.#grant(request, from.member, statement);
  }

  /** Eligible now, and nobody who is in it itself. */
  #checkApprover(from: VerifiedMember, action: ApprovalAction, policy: Policy): void {
    const { trust, own } = this.#options;
    const skill = action.kind === "call" ? action.skill : undefined;
    if (interestedIn(action).includes(from.member) || trust.isRevoked(from.member))
      throw new ParleyError("bad_approval", { message: `@${from.name} cannot approve what it asked for itself.` });
    if (!policy.decide({ action: "approve", who: from, to: own(), skill }).allowed)
      throw new ParleyError("bad_approval", { message: `The policy does not let @${from.name} approve this.` });
  }

  async #grant(request: string, by: string, statement: string): Promise<void> {
    const { table } = this.#options;
    const kept = table.get(request);
    // The same member again is one voice.
    if (kept === undefined || kept.granted.some((grant) => grant.by === by)) return;
    await table.put(request, { ...kept, granted: [...kept.granted, { by, statement }] });
    if (this.#isGranted(request)) await this.#end(request, "granted", by);
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
      if (statement !== undefined) await this.#grant(request, approver.member, statement);
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

/** Told by its header: the two kinds of answer share a field. */
function statementIsStanding(compact: string): boolean {
  const header = compact.split(".")[0] ?? "";
  return atob(header.replaceAll("-", "+").replaceAll("_", "/")).includes('"parley-standing"');
}

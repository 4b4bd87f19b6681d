/** What others ask of this member: kept until it is answered, here or on another device, or nobody needs it any more. */
import { type MeshTrust, type PolicyMember, type Random, signStatement } from "@parley/core";
import {
  type ApprovalAction,
  type ApprovalBody,
  approvalBodySchema,
  type ApprovalEnd,
  id32Schema,
  limits,
  ParleyError,
  type PolicyRule,
  toBase64url,
} from "@parley/protocol";
import { z } from "zod";

import type { Gate } from "../gate.ts";
import type { Identity } from "../identity.ts";
import type { KeptTable } from "../kept-table.ts";
import { type ActCause, type ActToApprove, approveAct } from "./act-approval.ts";
import type {
  ApprovalApi,
  ApprovalEvent,
  AskedApproval,
  MemberQuestion,
  StandingTerms,
  StandingView,
} from "./approval-api.ts";
import { digestOfAction, objectOf } from "./approval-proof.ts";
import { type ApprovalRequests, defaultQuestionMs } from "./approval-requests.ts";
import type { StandingApprovals } from "./standing-approvals.ts";

/** As it is kept on disk. */
export const keptAskSchema = z.object({
  from: id32Schema,
  name: z.string().max(limits.nameCharacters),
  at: z.number(),
  /** Of the action; absent for a question. */
  digest: id32Schema.optional(),
  body: approvalBodySchema,
});
export type KeptAsk = z.infer<typeof keptAskSchema>;

type Ask = ApprovalBody & { readonly type: "ask" };
type Question = ApprovalBody & { readonly type: "question" };

/** An action that waits for this member. */
interface Waiting {
  readonly request: string;
  readonly from: string;
  readonly digest: string;
  readonly expires: number;
  readonly action: ApprovalAction;
}

export interface ApprovalInboxOptions {
  readonly identity: () => Identity;
  readonly trust: Pick<MeshTrust, "mesh" | "policy">;
  readonly standing: StandingApprovals;
  /** What this device asks of others. */
  readonly requests: ApprovalRequests;
  readonly gate: Pick<Gate, "mayApprove">;
  readonly random: Random;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly table: KeptTable<KeptAsk>;
  /** Sends a body to a member; resolves when it is accepted. */
  readonly send: (member: string, body: ApprovalBody, expires: number) => Promise<void>;
  readonly emit: (event: ApprovalEvent) => void;
  readonly onRefused: (error: unknown, from?: string) => void;
}

/** Of the same member at once. */
const mostPerMember = 64;
/** A yes is good this long beyond the end of the question: it may be on its way to who asked. */
const graceMs = 60_000;

export class ApprovalInbox implements ApprovalApi {
  readonly #options: ApprovalInboxOptions;

  constructor(options: ApprovalInboxOptions) {
    this.#options = options;
  }

  list(): Promise<readonly AskedApproval[]> {
    const now = this.#options.now();
    const all = this.#options.table.all().flatMap(([, kept]) => this.#view(kept) ?? []);
    return Promise.resolve(all.filter(({ expires }) => expires > now));
  }

  async answer(requests: readonly string[], decision: "granted" | "denied", standing?: StandingTerms): Promise<void> {
    const waiting = requests.map((request) => this.#waiting(request));
    const expires = Math.max(...waiting.map((one) => one.expires));
    const digests = waiting.map(({ digest }) => digest);
    const { mesh } = this.#options.trust;
    const { member, device } = this.#options.identity();
    const iat = Math.round(this.#options.now());
    const said = { mesh, by: member, decision, digests, iat, exp: expires + graceMs };
    const statement = await signStatement("approval", said, device);
    for (const one of waiting) {
      if (standing !== undefined && decision === "granted") await this.#allowMore(one, standing);
      await this.#options.send(one.from, { type: "answer", request: one.request, statement }, one.expires);
      await this.#close(one.request, decision);
    }
  }

  ask(act: ActToApprove, cause: ActCause, signal?: AbortSignal): Promise<void> {
    const { requests, trust, identity, random } = this.#options;
    return approveAct({ requests, trust, own: () => identity().member, random }, act, cause, signal);
  }

  async question({ withinMs = defaultQuestionMs, ...asked }: MemberQuestion, signal?: AbortSignal): Promise<string> {
    const { requests } = this.#options;
    const request = await requests.question({ ...asked, withinMs });
    return (await requests.outcome(request, signal)) as string;
  }

  standing(): Promise<readonly StandingView[]> {
    return Promise.resolve(this.#options.standing.list());
  }

  async endStanding(id: string): Promise<void> {
    const { standing, identity, send, now } = this.#options;
    const ended = await standing.end(id);
    if (ended === undefined)
      throw new ParleyError("not_found", {
        message: "There is no such standing approval; see `parley approval standing`.",
      });
    if (ended.by !== identity().member) return;
    const expires = Math.max(ended.expires, now() + graceMs);
    await send(ended.callee, { type: "closed", request: id, state: "withdrawn" }, expires);
  }

  async reply(request: string, text: string): Promise<void> {
    const kept = this.#options.table.get(request);
    if (kept?.body.type !== "question") throw gone(request);
    await this.#options.send(kept.from, { type: "reply", request, text }, kept.body.expires);
    await this.#close(request, "answered");
  }

  /** Takes what another member asks. What this member may not answer is left aside, and so is what there is no room for. */
  async take(from: PolicyMember, body: Ask | Question): Promise<void> {
    const { table, gate, now, emit, onRefused } = this.#options;
    if (body.expires <= now() || table.get(body.request) !== undefined) return;
    const object = body.type === "question" ? { skill: body.skill } : objectOf(body.action);
    if (!gate.mayApprove(from, object)) return;
    if (body.type === "ask" && enforcerOf(body.action) !== from.member) return;
    await this.#dropExpired();
    const open = table.all().filter(([, kept]) => kept.from === from.member).length;
    // What has no room must not hold up what else that member sends.
    if (open >= mostPerMember || table.size >= limits.approvalsOpen)
      return onRefused(new ParleyError("limit_reached", { message: "Too much waits for an answer here." }), from.name);
    const digest = body.type === "ask" ? await digestOfAction(body.action) : undefined;
    const kept = { from: from.member, name: from.name, at: Math.round(now()), body };
    await table.put(body.request, digest === undefined ? kept : { ...kept, digest });
    const asked = this.#view({ ...kept, digest });
    if (asked !== undefined) emit({ type: "approval-asked", asked });
  }

  has(request: string): boolean {
    return this.#options.table.get(request) !== undefined;
  }

  /** Whoever asked needs no answer any more. */
  async takeClosed(from: string, request: string, state: ApprovalEnd): Promise<void> {
    if (this.#options.table.get(request)?.from === from) await this.#close(request, state);
  }

  #view(kept: KeptAsk): AskedApproval | undefined {
    const { policy } = this.#options.trust;
    return viewOf(kept, (number, rule) => (policy.number === number ? policy.document.rules[rule] : undefined));
  }

  #waiting(request: string): Waiting {
    const kept = this.#options.table.get(request);
    if (kept?.body.type !== "ask" || kept.digest === undefined || kept.body.expires <= this.#options.now())
      throw gone(request);
    const { from, digest, body } = kept;
    return { request, from, digest, expires: body.expires, action: body.action };
  }

  async #allowMore({ request, from, action, expires }: Waiting, terms: StandingTerms): Promise<void> {
    const { identity, trust, random, now, send, standing } = this.#options;
    if (action.kind !== "call")
      throw new ParleyError("invalid_argument", { message: "Only calls can be approved beforehand." });
    const { member, device } = identity();
    const { uses, lifeMs, sameCaller = true } = terms;
    const iat = Math.round(now());
    const said = {
      mesh: trust.mesh,
      id: toBase64url(random.bytes(16)),
      by: member,
      callee: action.callee,
      skill: action.skill,
      ...(sameCaller ? { caller: action.caller } : {}),
      uses,
      iat,
      exp: iat + lifeMs,
    };
    const statement = await signStatement("standing", said, device);
    await standing.note(statement, said);
    await send(from, { type: "answer", request, statement }, expires);
  }

  async #close(request: string, state: ApprovalEnd): Promise<void> {
    await this.#options.table.delete(request);
    this.#options.emit({ type: "approval-closed", request, state });
  }

  async #dropExpired(): Promise<void> {
    const now = this.#options.now();
    for (const [request, kept] of this.#options.table.all())
      if ((this.#view(kept)?.expires ?? 0) <= now) await this.#close(request, "expired");
  }
}

/** The member that acts on an approval, and so asks for it. */
const enforcerOf = (action: ApprovalAction): string => (action.kind === "call" ? action.callee : action.author);

function viewOf(
  { from, name, at, digest, body }: KeptAsk,
  ruleOf: (policy: number, rule: number) => PolicyRule | undefined,
): AskedApproval | undefined {
  if (body.type !== "ask" && body.type !== "question") return undefined;
  const { request, expires } = body;
  const view = { request, from: { member: from, name }, at, expires };
  if (body.type === "question") {
    const { skill, task, text } = body;
    return { ...view, what: { type: "question", skill, task, text } };
  }
  const { action, quorum, rule } = body;
  const asking = rule === undefined ? undefined : { ...rule, says: ruleOf(rule.policy, rule.rule) };
  return { ...view, what: { type: "action", action, digest: digest ?? "", quorum, rule: asking } };
}

const gone = (request: string): ParleyError =>
  new ParleyError("not_found", {
    message: `Nothing called ${request} waits for an answer; see \`parley approval list\`.`,
  });

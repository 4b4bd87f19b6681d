/** How work begins: decided, approved where that is needed, and begun again after a restart. */
import type { Clock, DelegationChain, PolicyDecision, VerifiedMember } from "@parley/core";
import { type Call, limits, ParleyError, taskStartNumbers, toParleyError } from "@parley/protocol";

import type { AskedOf } from "../approvals/approval-requests.ts";
import type { Sender } from "../delivery.ts";
import { denied, type Gate } from "../gate.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { type CallChains, type ChainedCall, principalOf } from "./call-chains.ts";
import { checkCycle } from "./call-cycle.ts";
import { historyOf } from "./contexts.ts";
import type { HeldTask } from "./held-task.ts";
import { leftAt, type ResumableTask, type ResumableTasks, type TaskProgress } from "./resumable-tasks.ts";
import { approvable, neededApproval, type TaskApprovals } from "./task-approvals.ts";
import type { Follower } from "./task-feed.ts";
import { TaskRecord } from "./task-record.ts";
import type { Principal, ServeOptions, TaskAdmission, TaskHandler } from "./task-run.ts";
import type { TaskShelf } from "./task-shelf.ts";
import { inputIn, type TaskStart, type TaskWork } from "./task-work.ts";
import type { KeptTask } from "./waiting-tasks.ts";

export interface TaskStartsOptions {
  readonly clock: Clock;
  /** The own member's id. */
  readonly member: string;
  /** Whether work of this member is taken; the first time that it is not, the member is noted as one who asks. */
  readonly admits: (member: VerifiedMember) => Promise<boolean> | boolean;
  readonly gate: Pick<Gate, "decideFor" | "isPaused" | "refusalOf">;
  /** A call was taken. */
  readonly onTaken: (member: Peer["member"]) => void;
  readonly approvals: TaskApprovals;
  readonly chains: CallChains;
  /** A member as it stands now. Throws when there is none, or it was revoked. */
  readonly memberOf: (member: string) => Promise<VerifiedMember>;
  /** Where a member stands with this one. */
  readonly standingOf: (member: VerifiedMember) => Pick<Sender, "trust" | "verified">;
  readonly onError: (error: unknown) => void;
}

/** The program that works on tasks. */
export interface Served extends ServeOptions {
  readonly handler: TaskHandler;
  readonly admit: TaskAdmission | undefined;
}

/** Work that waits for a yes, or for its next start. */
type WaitingStart = Omit<TaskStart, "from" | "yeses" | "isKept"> & {
  readonly owner: string;
  readonly device: string;
};

export type SendCall = Call & { readonly method: "SendStreamingMessage" };

const defaultTimeLimitMs = 300_000;

export class TaskStarts {
  readonly #options: TaskStartsOptions;
  readonly #shelf: TaskShelf;
  readonly #work: TaskWork;
  readonly #resumable: ResumableTasks;

  constructor(options: TaskStartsOptions, shelf: TaskShelf, work: TaskWork, resumable: ResumableTasks) {
    this.#options = options;
    this.#shelf = shelf;
    this.#work = work;
    this.#resumable = resumable;
  }

  /** Work that a call asks for. Throws what refuses it. */
  async begin(served: Served, call: SendCall, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    const { message } = call.params;
    const { member, sender } = follower.peer;
    const { chains } = this.#options;
    const { hops } = envelope;
    const { through = [], skill } = call;
    const chained = chainedOf(call, chains.now);
    const chain = chained && (await chains.verify(chained, member));
    const decision = this.#decide(call, member, chain);
    this.#options.onTaken(member);
    checkCycle(this.#options.member, call);
    if (!(await this.#options.admits(member))) throw new ParleyError("request_pending");
    const admitted = served.admit?.({ skill, input: inputIn(message), from: sender, hops });
    const guard = neededApproval(decision, (admitted instanceof Promise ? await admitted : admitted) ?? undefined);
    const asked = Math.min(call.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    const timeLimitMs = chain === undefined ? asked : Math.min(asked, chains.leftOf(chain));
    const record = new TaskRecord(message, { chain: chained?.chain, bytes: envelope.body.length });
    const history = historyOf(this.#shelf, member.member, message.contextId);
    const held = this.#shelf.hold(
      { owner: member.member, contextId: message.contextId, skill, timeLimitMs, record },
      follower,
    );
    if (chain !== undefined) chains.follow(held, chain);
    const start = {
      skill,
      message,
      history,
      hops,
      through,
      path: envelope.path,
      chained,
      actsFor: chain === undefined ? undefined : principalOf(chain),
      mandate: call.mandate,
    };
    const isKept = served.resumable?.(skill) === true;
    if (guard === undefined) return this.#work.run(served.handler, held, { ...start, from: sender, yeses: 0, isKept });
    const { id: task, contextId } = held;
    const { device } = follower.peer;
    const waiting = { ...start, message: approvable(message), owner: member.member, device };
    const principals = chain?.links.map(({ from }) => from) ?? [];
    const cause = {
      hops,
      through: [...through],
      chained: chained && { ...chained, chain: [...chained.chain] },
      mandate: call.mandate,
    };
    const guarded = { ...waiting, task, contextId, timeLimitMs, caller: member, cause, principals, ...guard };
    await this.#runApproved(served, held, waiting, async () => {
      const request = await this.#options.approvals.ask(guarded);
      held.note(waitsFor(request));
      return request.request;
    });
  }

  /** What an earlier start left: work that waits for a yes goes on waiting, work that is resumable is begun again. */
  async resume(served: Served): Promise<void> {
    const { approvals, onError } = this.#options;
    for (const [id, kept] of approvals.left) if (!this.#shelf.has(id)) this.#waitOn(served, id, kept);
    for (const [id, task, progress] of this.#resumable.left)
      if (!this.#shelf.has(id)) this.#again(served, id, task, progress).catch(onError);
    await approvals.withdrawOthers();
  }

  #waitOn(served: Served, id: string, { request, contextId, cause, timeLimitMs, ...kept }: KeptTask): void {
    const { owner, skill, message } = kept;
    const record = new TaskRecord(message, { chain: cause?.chained?.chain });
    const held = this.#shelf.hold({ id, owner, contextId, skill, timeLimitMs, record }, undefined);
    const waiting = { ...kept, ...startOf(cause), history: [] };
    this.#runApproved(served, held, waiting, () => Promise.resolve(request)).catch(this.#options.onError);
  }

  /** Begins a task of a resumable skill once more, if it may still be done and has time left; its numbers go on above the earlier ones. */
  async #again(served: Served, id: string, task: ResumableTask, progress: TaskProgress): Promise<void> {
    const { chains, clock } = this.#options;
    const { owner, device, skill, contextId, message, cause, yeses } = task;
    const { starts, checkpoint, ended } = progress;
    const timeLimitMs = leftAt(progress, clock.now());
    const record = new TaskRecord(message, { chain: cause.chained?.chain, acts: progress.acts });
    const before = starts * taskStartNumbers;
    const held = this.#shelf.hold(
      { id, owner, contextId, skill, timeLimitMs: Math.max(1, timeLimitMs), record, before },
      undefined,
    );
    if (ended !== undefined) {
      held.restore(ended.task, ended.error);
      return this.#shelf.end(held);
    }
    held.beforeEnd = (whole, error) => this.#resumable.end(held, whole, error);
    let from: Sender;
    let actsFor: Principal | undefined;
    try {
      if (timeLimitMs <= 0)
        throw new ParleyError("timeout", { message: "The time of this task was over when the agent came back." });
      if (served.resumable?.(skill) !== true) throw new ParleyError("interrupted");
      if (starts >= limits.taskStarts)
        throw new ParleyError("interrupted", { message: `This was begun ${starts} times and never came to an end.` });
      const chain = cause.chained && (await chains.verify(cause.chained, { member: owner }));
      if (chain !== undefined) chains.follow(held, chain);
      actsFor = chain && principalOf(chain);
      from = { ...(await this.#askerNow(owner, skill, chain, yeses)), device };
      await this.#resumable.again(id);
      record.resumed(starts + 1, clock.now());
    } catch (error) {
      return this.#failed(held, error);
    }
    const resumed = { starts: starts + 1, checkpoint };
    const start = { ...startOf(cause), skill, message, history: [], from, actsFor, yeses, resumed, isKept: true };
    await this.#work.run(served.handler, held, start);
  }

  /** Waits for a yes, then does the work if it is still allowed. */
  async #runApproved(
    served: Served,
    held: HeldTask,
    { owner, device, ...start }: WaitingStart,
    ask: () => Promise<string>,
  ): Promise<void> {
    const { approvals, chains, clock } = this.#options;
    let from: Sender;
    let actsFor: Principal | undefined;
    let yeses = 0;
    try {
      const release = held.waitForYes("This waits for a person's approval.");
      const request = await ask();
      const granted = approvals.granted(held.id, request, held.signal);
      granted.catch(() => {});
      const grants = await held.orAborted(granted);
      held.record.approval(request, grants, clock.now());
      yeses = grants.length;
      const chain = start.chained && (await chains.verify(start.chained, { member: owner }));
      if (chain !== undefined) chains.follow(held, chain);
      actsFor = chain && principalOf(chain);
      from = { ...(await this.#askerNow(owner, start.skill, chain, yeses)), device };
      release();
    } catch (error) {
      return this.#failed(held, error);
    }
    const isKept = served.resumable?.(start.skill) === true;
    await this.#work.run(served.handler, held, { ...start, from, actsFor, yeses, isKept });
  }

  #failed(held: HeldTask, error: unknown): void {
    this.#options.chains.forget(held);
    held.fail(toParleyError(error));
    this.#shelf.end(held);
  }

  /** Who asked, if it may still ask for this: rules, roles and restrictions may have changed meanwhile. */
  async #askerNow(
    owner: string,
    skill: string,
    chain: DelegationChain | undefined,
    yeses: number,
  ): Promise<Omit<Sender, "device">> {
    const { gate, memberOf, standingOf } = this.#options;
    const asker = await memberOf(owner);
    const refusal = gate.refusalOf(asker);
    if (refusal !== undefined) throw refusal;
    const { approval } = this.#decide({ skill }, asker, chain);
    if ((approval?.quorum ?? (approval === undefined ? 0 : 1)) > yeses)
      throw new ParleyError("approval_denied", {
        message: "The policy has changed since and asks for more who approve this; ask again.",
      });
    const { member, name, kind, roles } = asker;
    return { member, name, kind, roles, ...standingOf(asker) };
  }

  #decide(
    { skill }: Pick<SendCall, "skill">,
    member: VerifiedMember,
    chain: DelegationChain | undefined,
  ): PolicyDecision {
    const { gate } = this.#options;
    if (gate.isPaused) throw new ParleyError("paused", { message: "An operator paused this agent." });
    const question = { action: "call" as const, skill };
    const principal = chain?.principal ?? member;
    const others = chain === undefined ? [] : [...chain.links.slice(1).map(({ by }) => by), member];
    const decision = gate.decideFor(principal, others, question);
    if (!decision.allowed) throw denied(principal, undefined, question, decision);
    return decision;
  }
}

function chainedOf({ chain, acting, skill, params }: SendCall, calledAt: number): ChainedCall | undefined {
  return chain && { chain, acting, skill, message: params.message.messageId, calledAt };
}

/** What of a start is known by how a task came about. */
function startOf(cause: KeptTask["cause"]): Pick<TaskStart, "hops" | "through" | "path" | "chained" | "mandate"> {
  return {
    hops: cause?.hops ?? 0,
    through: cause?.through ?? [],
    path: "mailbox",
    chained: cause?.chained,
    mandate: cause?.mandate,
  };
}

/** Names of those who were asked, that a status tells. */
const mostNamed = 5;

function waitsFor({ quorum, names }: AskedOf): string {
  const shown = names.slice(0, mostNamed).map((name) => `@${name}`);
  const others = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "";
  const of = names.length === 1 ? "" : `${quorum} of `;
  return `This waits for the approval of ${of}${shown.join(", ")}${others}.`;
}

/** The callee's side of the A2A binding: takes calls, runs tasks, tells every follower the same events in the same order. */
import type { Clock, DelegationChain, PolicyDecision, Random, VerifiedMember } from "@parley/core";
import {
  type Call,
  type CallEvent,
  callSchema,
  type CallStep,
  decodeJson,
  envelopeKinds,
  limits,
  type Message,
  ParleyError,
  type Path,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { type AskedOf, defaultQuestionMs } from "../approvals/approval-requests.ts";
import { textOf } from "../body.ts";
import type { AllowedPaths, Sender } from "../delivery.ts";
import { denied, type Gate } from "../gate.ts";
import type { Outgoing } from "../guards/outgoing.ts";
import type { Peer } from "../peer.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import { type CallChains, type ChainedCall, principalOf } from "./call-chains.ts";
import { checkCycle } from "./call-cycle.ts";
import { callNumberOf } from "./call-number.ts";
import { type Follower, HeldTask, wireErrorOf } from "./held-task.ts";
import { approvable, neededApproval, type TaskApprovals } from "./task-approvals.ts";
import type { IncomingTask, Principal, TaskAdmission, TaskHandler } from "./task-run.ts";
import { TaskWaits } from "./task-waits.ts";

export interface TaskCalleeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly send: (peer: Peer, kind: number, body: unknown, paths: AllowedPaths | undefined) => Promise<void>;
  /** Takes out what must not leave this device. */
  readonly outgoing: Outgoing;
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
  /** Told when the number of tasks at work changes: presence carries it. */
  readonly onLoad: (load: number) => void;
  readonly onError: (error: unknown) => void;
}

/** What work begins with. */
interface TaskStart {
  readonly skill: string;
  readonly message: Message;
  readonly from: Sender;
  readonly hops: number;
  readonly through: readonly CallStep[];
  readonly path: Path;
  readonly timeLimitMs: number;
  /** The call as it came, where it is made for somebody else. */
  readonly chained?: ChainedCall | undefined;
  readonly actsFor?: Principal | undefined;
  readonly mandate?: readonly string[] | undefined;
}

/** The same, of work that waits for a yes. */
type WaitingStart = Omit<TaskStart, "from"> & {
  readonly owner: string;
  readonly device: string;
};

type SendCall = Call & { readonly method: "SendStreamingMessage" };

const defaultTimeLimitMs = 300_000;

export class TaskCallee {
  readonly #options: TaskCalleeOptions;
  readonly #tasks = new Map<string, HeldTask>();
  /** Ids of tasks that ended, oldest first. */
  readonly #ended = new Set<string>();
  #handler: TaskHandler | undefined;
  #admit: TaskAdmission | undefined;
  #working = 0;

  constructor(options: TaskCalleeOptions) {
    this.#options = options;
  }

  serve(handler: TaskHandler, admit?: TaskAdmission): void {
    this.#handler = handler;
    this.#admit = admit;
    this.#resume(handler).catch(this.#options.onError);
  }

  get working(): number {
    return this.#working;
  }

  /** Takes a call envelope. */
  onEnvelope(envelope: LiveEnvelope): void {
    const text = textOf(envelope.body);
    const call = decodeJson(callSchema, text, limits.envelopeBytes);
    if (!call.ok) {
      const message = `A call of @${envelope.peer.member.name} is not of the documented form: ${call.message}`;
      const error = new ParleyError(call.code, { message });
      const number = callNumberOf(text);
      if (number !== undefined)
        void this.#tell(
          { peer: envelope.peer, call: number, paths: undefined },
          { call: number, error: wireErrorOf(error) },
        );
      return this.#options.onError(error);
    }
    const paths = call.value.method === "SendStreamingMessage" ? call.value.paths : undefined;
    const follower: Follower = { peer: envelope.peer, call: call.value.call, paths };
    this.#dispatch(call.value, follower, envelope).catch((error: unknown) =>
      this.#tell(follower, { call: follower.call, error: wireErrorOf(error) }),
    );
  }

  /** The asker started anew: nobody waits for its tasks any more. */
  onRestart(peer: Peer): void {
    for (const held of this.#tasks.values()) {
      // What waits for a yes goes on waiting: its caller may ask for it again.
      if (held.owner === peer.member.member && held.unfollow(peer) && !held.waitsForYes)
        held.abort(new ParleyError("canceled", { message: "The caller is gone." }));
    }
  }

  /** Cancels everything at work. What waits for a yes is on disk, and waits on in the next start. */
  stop(): void {
    for (const held of this.#tasks.values())
      if (!held.waitsForYes) held.abort(new ParleyError("closed", { message: "The agent stopped." }));
  }

  async #dispatch(call: Call, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    switch (call.method) {
      case "SendStreamingMessage":
        return this.#begin(call, follower, envelope);
      case "GetTask":
        return this.#tell(follower, { call: call.call, task: this.#held(call.params.id, follower.peer).task });
      case "CancelTask":
        return this.#cancel(this.#held(call.params.id, follower.peer), follower);
      case "SubscribeToTask":
        return this.#subscribe(this.#held(call.params.id, follower.peer), follower);
    }
  }

  /** Somebody else's task does not exist for the asker (A2A 1.0, section 3.3: not found, never forbidden). */
  #held(id: string, peer: Peer): HeldTask {
    const held = this.#tasks.get(id);
    if (held === undefined || held.owner !== peer.member.member) throw new ParleyError("task_not_found");
    return held;
  }

  async #begin(call: SendCall, follower: Follower, envelope: LiveEnvelope): Promise<void> {
    const handler = this.#handler;
    if (handler === undefined)
      throw new ParleyError("unsupported_operation", { message: "This member takes no tasks." });
    const { message } = call.params;
    if (message.taskId !== undefined) return this.#continue(message.taskId, message, follower);
    const { sender, member } = follower.peer;
    const { chains, admits } = this.#options;
    const { hops } = envelope;
    const { through = [] } = call;
    const chained = chainedOf(call, chains.now);
    const chain = chained && (await chains.verify(chained, member));
    const decision = this.#decide(call, member, chain);
    this.#options.onTaken(member);
    checkCycle(this.#options.member, call);
    if (!(await admits(member))) throw new ParleyError("request_pending");
    const admitted = this.#admit?.({ skill: call.skill, input: inputIn(message), from: sender, hops });
    const guard = neededApproval(decision, (admitted instanceof Promise ? await admitted : admitted) ?? undefined);
    const asked = Math.min(call.timeLimitMs ?? defaultTimeLimitMs, limits.taskMs);
    const timeLimitMs = chain === undefined ? asked : Math.min(asked, chains.leftOf(chain));
    const held = this.#hold(follower, { owner: member.member, contextId: message.contextId, timeLimitMs });
    if (chain !== undefined) chains.follow(held, chain);
    const start = {
      skill: call.skill,
      message,
      hops,
      through,
      path: envelope.path,
      timeLimitMs,
      chained,
      actsFor: chain === undefined ? undefined : principalOf(chain),
      mandate: call.mandate,
    };
    if (guard === undefined) return this.#run(handler, held, { ...start, from: sender });
    const { approvals } = this.#options;
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
    const guarded = { ...waiting, task, contextId, caller: member, cause, principals, ...guard };
    await this.#runApproved(handler, held, waiting, async () => {
      const request = await approvals.ask(guarded);
      held.waitForYes(waitsFor(request));
      return request.request;
    });
  }

  /** Work that waits in an earlier start goes on waiting in this one. */
  async #resume(handler: TaskHandler): Promise<void> {
    const { approvals, onError } = this.#options;
    for (const [id, { request, contextId, cause, ...kept }] of approvals.left) {
      if (this.#tasks.has(id)) continue;
      const { owner, timeLimitMs } = kept;
      const held = this.#hold(undefined, { id, owner, contextId, timeLimitMs });
      const waiting: WaitingStart = {
        ...kept,
        hops: cause?.hops ?? 0,
        through: cause?.through ?? [],
        path: "mailbox",
        chained: cause?.chained,
        mandate: cause?.mandate,
      };
      this.#runApproved(handler, held, waiting, () => Promise.resolve(request)).catch(onError);
    }
    await approvals.withdrawOthers();
  }

  /** Waits for a yes, then does the work if it is still allowed. */
  async #runApproved(
    handler: TaskHandler,
    held: HeldTask,
    { owner, device, ...start }: WaitingStart,
    ask: () => Promise<string>,
  ): Promise<void> {
    const { approvals, chains } = this.#options;
    let from: Sender;
    let actsFor: Principal | undefined;
    try {
      held.waitForYes("This waits for a person's approval.");
      const request = await ask();
      const grants = approvals.granted(held.id, request, held.signal);
      grants.catch(() => {});
      await held.orAborted(grants);
      const chain = start.chained && (await chains.verify(start.chained, { member: owner }));
      if (chain !== undefined) chains.follow(held, chain);
      actsFor = chain && principalOf(chain);
      from = { ...(await this.#askerNow(owner, start.skill, chain, (await grants).length)), device };
      held.goOn();
    } catch (error) {
      chains.forget(held);
      this.#ended.add(held.id);
      return held.fail(toParleyError(error));
    }
    await this.#run(handler, held, { ...start, from, actsFor });
  }

  /** Who asked, if it may still ask for this: rules, roles and restrictions may have changed while a person was asked. */
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
    if ((approval?.quorum ?? 1) > yeses)
      throw new ParleyError("approval_denied", {
        message: "The policy has changed since and asks for more who approve this; ask again.",
      });
    const { member, name, kind, roles } = asker;
    return { member, name, kind, roles, ...standingOf(asker) };
  }

  async #continue(id: string, message: Message, follower: Follower): Promise<void> {
    const held = this.#held(id, follower.peer);
    if (!held.answer(message))
      throw new ParleyError("unsupported_operation", { message: "The task asks nothing of its caller now." });
    await this.#tell(follower, { call: follower.call, task: held.task });
  }

  #run(handler: TaskHandler, held: HeldTask, start: TaskStart): Promise<void> {
    const { skill, message, from, hops, through, path, timeLimitMs, actsFor, mandate } = start;
    const { approvals, clock, outgoing } = this.#options;
    const waits = new TaskWaits(held);
    return this.#work(handler, held, {
      id: held.id,
      contextId: held.contextId,
      skill,
      message,
      input: inputIn(message),
      text: textIn(message),
      from,
      actsFor,
      mandate,
      hops,
      through,
      path,
      get signal() {
        return held.signal;
      },
      deadline: clock.now() + timeLimitMs,
      progress: (text) => held.progress(outgoing.text(text)),
      artifact: (artifact, options) =>
        held.artifact({ ...artifact, parts: outgoing.value(artifact.parts) as typeof artifact.parts }, options),
      ask: async (question, options) => {
        const text = outgoing.text(question);
        if (options?.of === undefined)
          return textIn(await held.askCaller(text, options?.withinMs ?? defaultQuestionMs));
        const { of, withinMs } = options;
        return waits.during("This waits for a person's answer.", () =>
          approvals.question({ id: held.id, skill }, text, { of, withinMs }, held.signal),
        );
      },
      approve: (act) =>
        waits.during(`${act.skill} waits for a person's approval.`, () => {
          const principals = actsFor === undefined ? [] : [actsFor.member, ...actsFor.through.map((by) => by.member)];
          return approvals.act(act, { caller: from.member, principals, task: held.id }, held.signal);
        }),
    });
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

  #hold(
    follower: Follower | undefined,
    {
      id,
      owner,
      contextId,
      timeLimitMs,
    }: { id?: string; owner: string; contextId: string | undefined; timeLimitMs: number },
  ): HeldTask {
    const { clock, random } = this.#options;
    if (this.#tasks.size >= limits.tasks) this.#forgetOldestEnded();
    const held = new HeldTask(
      {
        clock,
        random,
        owner,
        contextId: contextId ?? toBase64url(random.bytes(12)),
        timeLimitMs,
        tell: (to, event) => this.#tell(to, event),
        ...(id === undefined ? {} : { id }),
      },
      follower,
    );
    this.#tasks.set(held.id, held);
    return held;
  }

  #forgetOldestEnded(): void {
    const oldest = this.#ended.values().next().value;
    if (oldest === undefined)
      throw new ParleyError("limit_reached", { message: "This agent works on as many tasks as it can." });
    this.#ended.delete(oldest);
    this.#tasks.delete(oldest);
  }

  async #work(handler: TaskHandler, held: HeldTask, task: IncomingTask): Promise<void> {
    this.#change(1);
    try {
      held.complete(this.#options.outgoing.value(await held.orAborted(handler(task))));
    } catch (error) {
      const failure = toParleyError(error);
      if (failure.code === "internal") this.#options.onError(error);
      held.fail(failure);
    } finally {
      this.#options.chains.forget(held);
      this.#ended.add(held.id);
      this.#change(-1);
    }
  }

  #cancel(held: HeldTask, follower: Follower): void {
    if (held.ended) throw new ParleyError("task_not_cancelable");
    held.abort(new ParleyError("canceled"));
    void this.#tell(follower, { call: follower.call, task: held.task });
  }

  #subscribe(held: HeldTask, follower: Follower): void {
    if (held.ended) throw new ParleyError("unsupported_operation", { message: "The task has ended; get it instead." });
    held.follow(follower);
  }

  /** Resolves once the event was taken for sending; never rejects. */
  async #tell(follower: Follower, event: CallEvent): Promise<void> {
    try {
      await this.#options.send(follower.peer, envelopeKinds.callEvent, event, follower.paths);
    } catch (error) {
      // Whoever waits for what cannot be sent learns why.
      if (event.error === undefined) await this.#tell(follower, { call: follower.call, error: wireErrorOf(error) });
      else this.#options.onError(error);
    }
  }

  #change(by: number): void {
    this.#working += by;
    this.#options.onLoad(this.#working);
  }
}

function chainedOf({ chain, acting, skill, params }: SendCall, calledAt: number): ChainedCall | undefined {
  return chain && { chain, acting, skill, message: params.message.messageId, calledAt };
}

/** The value for the skill: of the first data part. */
const inputIn = (message: Message): unknown => message.parts.find((part) => part.data !== undefined)?.data;

const textIn = (message: Message): string =>
  message.parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");

/** Names of those who were asked, that a status tells. */
const mostNamed = 5;

function waitsFor({ quorum, names }: AskedOf): string {
  const shown = names.slice(0, mostNamed).map((name) => `@${name}`);
  const others = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : "";
  const of = names.length === 1 ? "" : `${quorum} of `;
  return `This waits for the approval of ${of}${shown.join(", ")}${others}.`;
}

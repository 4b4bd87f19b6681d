/** Work that waits for a person's yes, and questions in the course of it. */
import { type MeshTrust, type PolicyDecision, type PolicyMember, type Random, sha256 } from "@parley/core";
import { type ApprovalNeed, type Message, toBase64url } from "@parley/protocol";

import { type ActCause, type ActToApprove, approveAct } from "../approvals/act-approval.ts";
import { type ApprovalRequests, type AskedOf, defaultQuestionMs, type Grants } from "../approvals/approval-requests.ts";
import type { TaskCause, WaitingTasks } from "./waiting-tasks.ts";

/** What an action is made of, and why it needs a yes. */
export interface GuardedCall {
  readonly task: string;
  readonly contextId: string;
  readonly skill: string;
  readonly message: Message;
  readonly caller: PolicyMember;
  readonly device: string;
  readonly timeLimitMs: number;
  readonly cause: TaskCause;
  /** Members by whose delegations the call is made, the principal first. */
  readonly principals: readonly string[];
  readonly need: ApprovalNeed;
  /** Place of the rule of the policy that asks; undefined where the skill itself does. */
  readonly rule: number | undefined;
}

export interface TaskApprovalsOptions {
  readonly requests: () => ApprovalRequests;
  readonly tasks: WaitingTasks;
  readonly trust: Pick<MeshTrust, "mesh" | "policy">;
  /** The own member's id. */
  readonly own: () => string;
  readonly random: Random;
}

export class TaskApprovals {
  readonly #options: TaskApprovalsOptions;

  constructor(options: TaskApprovalsOptions) {
    this.#options = options;
  }

  /** Tasks that an earlier start left waiting. */
  get left(): ReturnType<WaitingTasks["all"]> {
    return this.#options.tasks.all();
  }

  /** Ends what was asked for work that an earlier start did not leave waiting. */
  async withdrawOthers(): Promise<void> {
    const wanted = this.left.map(([, { request }]) => request);
    await this.#options.requests().withdrawOthers(new Set(wanted));
  }

  /** Asks for a yes to a call, and keeps the task until there is one. */
  async ask(call: GuardedCall): Promise<AskedOf> {
    const { requests, tasks, trust, own, random } = this.#options;
    const { task, contextId, skill, message, caller, device, timeLimitMs, need, rule, cause, principals } = call;
    const asked = await requests().ask({
      action: {
        kind: "call",
        mesh: trust.mesh,
        nonce: toBase64url(random.bytes(16)),
        callee: own(),
        caller: caller.member,
        chain: await Promise.all((cause.chained?.chain ?? []).map((compact) => sha256(compact))),
        principals: [...principals],
        skill,
        task,
        parts: message.parts,
      },
      need,
      ...(rule === undefined ? {} : { rule: { policy: trust.policy.number, rule } }),
    });
    const { request } = asked;
    try {
      await tasks.put(task, {
        contextId,
        skill,
        owner: caller.member,
        device,
        message,
        timeLimitMs,
        request,
        cause,
      });
    } catch (error) {
      await requests().withdraw(request);
      throw error;
    }
    return asked;
  }

  /** Resolves when the yes is there; the task is not kept any more then, whatever came of it. */
  async granted(task: string, request: string, signal: AbortSignal): Promise<Grants> {
    try {
      return (await this.#options.requests().outcome(request, signal)) as Grants;
    } finally {
      await this.#options.tasks.delete(task);
    }
  }

  /** Waits for a yes to an act in the course of a task. */
  act(act: ActToApprove, cause: ActCause, signal: AbortSignal): Promise<void> {
    const { requests, trust, own, random } = this.#options;
    return approveAct({ requests: requests(), trust, own, random }, act, cause, signal);
  }

  /** Asks a member in words, in the course of a task. */
  async question(
    { id, skill }: { readonly id: string; readonly skill: string },
    text: string,
    { of, withinMs = defaultQuestionMs }: { readonly of: string; readonly withinMs?: number | undefined },
    signal: AbortSignal,
  ): Promise<string> {
    const requests = this.#options.requests();
    const request = await requests.question({ task: id, skill, text, of, withinMs });
    return (await requests.outcome(request, signal)) as string;
  }
}

/** What of a message an approval covers; anything else would be content that nobody was shown. */
export function approvable({ messageId, role, parts, contextId }: Message): Message {
  return { messageId, role, parts, ...(contextId === undefined ? {} : { contextId }) };
}

/** What the policy and the skill ask for, together: the larger quorum and the shorter time. */
export function neededApproval(
  { approval: ruled, rule }: PolicyDecision,
  own: ApprovalNeed | undefined,
): { readonly need: ApprovalNeed; readonly rule: number | undefined } | undefined {
  if (ruled === undefined) return own === undefined ? undefined : { need: own, rule: undefined };
  if (own === undefined) return { need: ruled, rule };
  const withinMs = Math.min(ruled.withinMs ?? Infinity, own.withinMs ?? Infinity);
  const need = {
    quorum: Math.max(ruled.quorum ?? 1, own.quorum ?? 1),
    ...(withinMs === Infinity ? {} : { withinMs }),
  };
  return { need, rule };
}

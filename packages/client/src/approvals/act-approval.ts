/** A yes to something that an agent is about to do in the course of its work, such as a tool that its model asks for. */
import type { MeshTrust, Random } from "@parley/core";
import { type ApprovalNeed, limits, ParleyError, toBase64url } from "@parley/protocol";

import type { ApprovalRequests } from "./approval-requests.ts";

/** What is to be done. It is shown and approved as a call of a skill would be. */
export interface ActToApprove {
  /** A skill's id, or a name of that form; rules about who may approve name it. */
  readonly skill: string;
  /** Exactly what it will be done with: JSON. */
  readonly input: unknown;
  /** Default one yes within an hour. */
  readonly need?: ApprovalNeed;
}

/** For whom, and in the course of what. None of these members may approve it. */
export interface ActCause {
  /** The member that asked for the work. */
  readonly caller: string;
  /** Members in whose name the caller asks. */
  readonly principals?: readonly string[];
  /** Id of the task or message. */
  readonly task: string;
}

export interface ActApprovalOptions {
  readonly requests: Pick<ApprovalRequests, "ask" | "outcome">;
  readonly trust: Pick<MeshTrust, "mesh">;
  /** The own member's id. */
  readonly own: () => string;
  readonly random: Random;
}

/**
 * Resolves when enough of those who may approve it said yes to exactly this. Rejects with `approval_denied`, `approval_expired`,
 * `too_large`, or as the signal does, which withdraws it. After a restart of the agent nobody waits, so that the request is withdrawn.
 */
export async function approveAct(
  { requests, trust, own, random }: ActApprovalOptions,
  { skill, input, need = {} }: ActToApprove,
  { caller, principals = [], task }: ActCause,
  signal?: AbortSignal,
): Promise<void> {
  const { request } = await requests.ask({
    action: {
      kind: "call",
      mesh: trust.mesh,
      nonce: toBase64url(random.bytes(16)),
      callee: own(),
      caller,
      chain: [],
      principals: principals.slice(0, limits.delegationChain),
      skill,
      task,
      // As JSON, so that what is shown is what is done.
      parts: [{ data: jsonOf(input) }],
    },
    need,
  });
  await requests.outcome(request, signal);
}

function jsonOf(input: unknown): unknown {
  const text = JSON.stringify(input ?? null);
  if (text === undefined) throw new ParleyError("invalid_argument", { message: "What is to be approved is no JSON." });
  return JSON.parse(text) as unknown;
}

/** The timeline of a task: what its record holds, hashed and signed by the device of whoever worked on it. */
import {
  digestOf,
  sha256,
  signEntry,
  type Signer,
  type TimelineEntry,
  timelineRules,
  type VerifiedMember,
  verifyEntry,
} from "@parley/core";
import { limits, ParleyError, type Task, type TaskAct, type TaskState } from "@parley/protocol";

import type { HeldTask } from "./held-task.ts";

/** Who signs. */
export interface TimelineWriter {
  readonly mesh: string;
  readonly member: string;
  readonly device: Signer;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Signs what is known of a task so far. One entry is as many microseconds as a signature takes; nothing is signed before. */
export async function signTimeline(writer: TimelineWriter, held: HeldTask): Promise<readonly string[]> {
  const { mesh, member, device, now } = writer;
  let before: TimelineEntry<"task"> | undefined;
  const entries: string[] = [];
  for (const act of await actsOf(held)) {
    before = await signEntry({ kind: "task", mesh, subject: held.id, before }, { by: member, iat: now, act }, device);
    entries.push(before.compact);
  }
  return entries;
}

async function actsOf(held: HeldTask): Promise<readonly TaskAct[]> {
  const { record, owner, skill, contextId, began } = held;
  const submitted: TaskAct = {
    type: "submitted",
    caller: owner,
    skill,
    digest: await digestOf(record.message),
    context: contextId,
  };
  const acts: TaskAct[] = [submitted, { type: "state", state: "TASK_STATE_WORKING", at: began }];
  const artifacts = held.ended ? await artifactActs(held.task, record.acts.at(-1)?.at ?? began) : [];
  for (const [index, act] of record.acts.entries()) {
    // What the task made is told before its end.
    if (index === record.acts.length - 1) acts.push(...artifacts);
    switch (act.act) {
      case "state":
        acts.push({
          type: "state",
          state: act.state as TaskState,
          ...(act.code === undefined ? {} : { code: act.code }),
          at: act.at,
        });
        break;
      case "approval":
        acts.push({
          type: "approval",
          request: act.request,
          grants: await Promise.all(act.grants.map((grant) => sha256(grant))),
          at: act.at,
        });
        break;
      case "resumed":
        acts.push({ type: "resumed", at: act.at });
        break;
      case "omitted":
        acts.push({ type: "omitted", count: act.count, at: act.at });
        break;
    }
  }
  return acts;
}

async function artifactActs({ artifacts = [] }: Task, at: number): Promise<readonly TaskAct[]> {
  return Promise.all(
    artifacts.map(async (artifact) => ({
      type: "artifact" as const,
      artifact: artifact.artifactId,
      // As it crosses the wire.
      digest: await digestOf(JSON.parse(JSON.stringify(artifact.parts))),
      at,
    })),
  );
}

/** Verifies a timeline that the agent of a task told. Throws `timeline_broken`. */
export async function verifyTimeline(
  entries: readonly string[],
  mesh: string,
  subject: string,
  worker: VerifiedMember,
): Promise<readonly TimelineEntry<"task">[]> {
  const rules = timelineRules("task");
  const verified: TimelineEntry<"task">[] = [];
  if (entries.length === 0 || entries.length > limits.timelineEntries) throw new ParleyError("timeline_broken");
  for (const compact of entries) {
    const place = { kind: "task" as const, mesh, subject, before: verified.at(-1) };
    const entry = await verifyEntry(compact, place, (member, device) =>
      member === worker.member ? worker.devices.get(device)?.key : undefined,
    );
    rules.take(entry);
    verified.push(entry);
  }
  return verified;
}

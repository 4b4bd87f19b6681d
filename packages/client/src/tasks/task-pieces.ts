/** A whole task as events that each fit into an envelope: its state first, then its artifacts, part by part. */
import { type Artifact, isTerminal, limits, type Part, type StreamResponse, type Task } from "@parley/protocol";

/** Room for what stands around an event in its envelope. */
const eventMarginBytes = 1024;
export const mostEventBytes = limits.envelopeBytes - eventMarginBytes;

const encoder = new TextEncoder();

/** Bytes of a value as JSON in UTF-8, exact from where it may matter; below that at most three times too few. */
export function jsonBytes(value: unknown): number {
  const { length } = JSON.stringify(value);
  // A character has at most three bytes in UTF-8.
  return length * 3 <= mostEventBytes ? length : encoder.encode(JSON.stringify(value)).length;
}

export const fitsInEvent = (value: unknown): boolean => jsonBytes(value) <= mostEventBytes;

/** Parts of one artifact in one event. */
const mostParts = 64;
/** Artifacts of one task. */
export const mostArtifacts = 256;

/** Whether a task can be told in one piece. */
export function isOnePiece(task: Task): boolean {
  return (task.artifacts ?? []).every(({ parts }) => parts.length <= mostParts) && fitsInEvent(task);
}

/** One event if the task fits into one. */
export function inEvents(task: Task): readonly StreamResponse[] {
  if (isOnePiece(task)) return [{ task }];
  const { artifacts = [], history: _, status, ...rest } = task;
  const pieces = artifacts.flatMap((artifact) => artifactEvents(task, artifact));
  if (!isTerminal(status.state)) return [{ task: { ...rest, status } }, ...pieces];
  // Nothing may follow the end, so that comes last.
  const { timestamp } = status;
  const working = { state: "TASK_STATE_WORKING" as const, ...(timestamp === undefined ? {} : { timestamp }) };
  return [{ task: { ...rest, status: working } }, ...pieces, { statusUpdate: { ...placeOf(task), status } }];
}

function placeOf({ id, contextId }: Task): { taskId: string; contextId?: string } {
  return { taskId: id, ...(contextId === undefined ? {} : { contextId }) };
}

function artifactEvents(task: Task, artifact: Artifact): readonly StreamResponse[] {
  const { parts, ...label } = artifact;
  const groups: Part[][] = [];
  let bytes = Infinity;
  for (const part of parts) {
    const size = jsonBytes(part);
    const open = groups.at(-1);
    // Every part came in an event, or was small enough for one.
    if (
      open === undefined ||
      open.length >= mostParts ||
      bytes + size > mostEventBytes - jsonBytes(label) - eventMarginBytes
    ) {
      groups.push([part]);
      bytes = size;
    } else {
      open.push(part);
      bytes += size;
    }
  }
  return groups.map((group, index) => ({
    artifactUpdate: {
      ...placeOf(task),
      artifact: { ...label, parts: group },
      ...(index === 0 ? {} : { append: true }),
    },
  }));
}

/** The first operator lets the node's own plain door in with the claim: the link that named the node named the door as well. */
import { setTimeout as pause } from "node:timers/promises";

import type { PendingMember } from "@parley/client";
import { type InviteLink, toParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { openDevice, type OpenDevice } from "../open-device.ts";

/** A door asks as soon as the mesh is there. */
const waitMs = 10_000;
const lookMs = 100;

/** The door that was let in; undefined when the link names none, or when it is left to the operator, who is told what to run. */
export async function admitDoor(
  context: CommandContext,
  { payload }: InviteLink,
): Promise<{ readonly name: string; readonly member: string } | undefined> {
  if (payload.kind !== "claim" || payload.door === undefined) return undefined;
  const { out } = context;
  try {
    const opened = await openDevice(context);
    try {
      const pending = await pendingDoor(opened, payload.door, context.signal);
      if (pending !== undefined) {
        await opened.operator.approve(pending);
        return { name: pending.name, member: pending.member };
      }
      out.note("The registry's plain door has not asked to be let in yet. When it has: parley member approve door");
    } finally {
      await opened.close();
    }
  } catch (error) {
    // The mesh is claimed all the same.
    out.note(`The plain door was not let in: ${toParleyError(error).message} Next: parley member approve door`);
  }
  return undefined;
}

async function pendingDoor(
  { operator }: OpenDevice,
  member: string,
  signal: AbortSignal,
): Promise<PendingMember | undefined> {
  for (const end = performance.now() + waitMs; performance.now() < end;) {
    const door = (await operator.pending()).find((pending) => pending.member === member);
    if (door !== undefined) return door;
    await pause(lookMs, undefined, { signal });
  }
  return undefined;
}

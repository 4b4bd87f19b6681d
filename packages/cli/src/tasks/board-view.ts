import type { BoardEvent, BoardOutcome, BoardRun, DeviceApi } from "@parley/client";
import { type BoardFacts, type ExitCode, type StreamResponse, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { formatDuration } from "../duration.ts";
import { formatTime } from "../moment.ts";

/** Characters of an id that lists show. */
export const shownCharacters = 8;

/** A member's name, where it can be told. */
export async function nameOf(device: DeviceApi, member: string | undefined): Promise<string> {
  if (member === undefined) return "";
  try {
    return `@${(await device.memberOf(member)).name}`;
  } catch {
    return member;
  }
}

/** Where a task stands, in words. */
export function boardStateText(
  { state, reason, starts, attempts, waitsFor, readyAt }: BoardFacts,
  now: number,
): string {
  const because = reason === undefined ? "" : ` (${reason})`;
  const start = `start ${starts} of ${attempts}`;
  switch (state) {
    case "open":
      if (waitsFor !== undefined) return `open, waits for ${waitsFor.length} other${waitsFor.length === 1 ? "" : "s"}`;
      if (readyAt !== undefined && readyAt > now) return `open, not before ${formatTime(readyAt)}${because}`;
      return starts === 0 ? `open${because}` : `open again after ${start}${because}`;
    case "leased":
      return `at work, ${start}`;
    case "failed":
      return `failed${because} after ${starts} start${starts === 1 ? "" : "s"}`;
    case "canceled":
    case "expired":
    case "completed":
      return state;
  }
}

const noteOf = (response: StreamResponse): string =>
  (response.statusUpdate?.status ?? response.task?.status)?.message?.parts
    .flatMap(({ text }) => text ?? [])
    .join(" ") ?? "";

async function printEvent({ out }: CommandContext, device: DeviceApi, event: BoardEvent): Promise<void> {
  if ("progress" in event) {
    const { progress } = event;
    if (out.json) return out.event({ type: "event", ...progress }, "");
    const note = noteOf(progress);
    if (note !== "") out.note(out.style("dim", `· ${visible(note)}`));
    return;
  }
  const { facts } = event;
  if (out.json) return out.event({ type: "state", ...facts }, "");
  const by = facts.worker === undefined ? "" : ` by ${visible(await nameOf(device, facts.worker))}`;
  out.note(out.style("dim", `${boardStateText(facts, Date.now())}${by}`));
}

/** Prints what happens to a task until it ends, then its result. Ctrl-C leaves it on the board. */
export async function followRun(context: CommandContext, device: DeviceApi, run: BoardRun): Promise<ExitCode> {
  const { out, signal } = context;
  const stop = (): void => run.stop();
  signal.addEventListener("abort", stop, { once: true });
  // Read below, after the events, which fail with the same error.
  run.outcome.catch(() => undefined);
  try {
    for await (const event of run.events) await printEvent(context, device, event);
    printOutcome(context, await run.outcome);
    return 0;
  } catch (error) {
    if (signal.aborted) out.note(`The task goes on; parley task follow ${run.id.slice(0, shownCharacters)} shows it.`);
    throw error;
  }
}

export function printOutcome({ out }: CommandContext, { facts, output, text, worker }: BoardOutcome): void {
  if (out.json) {
    const { task: id, starts, state } = facts;
    const worked = { name: worker.name, member: worker.member, device: worker.device };
    return out.event({ type: "result", state, taskId: id, worker: worked, starts, output: output ?? null, text }, "");
  }
  if (text !== "") out.line(visible(text));
  if (output !== undefined)
    out.line(visible(typeof output === "string" ? output : JSON.stringify(output, undefined, 2)));
  const took = facts.ended === undefined ? "" : `  took: ${formatDuration(Math.max(0, facts.ended - facts.created))}`;
  out.note(out.style("dim", `by @${visible(worker.name)}, start ${facts.starts} of ${facts.attempts}${took}`));
}

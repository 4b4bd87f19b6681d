import type { BoardRequest } from "@parley/client";
import { type ExitCode, limits, ParleyError } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { withDevice } from "./open-device.ts";
import { findTask } from "./tasks/board-reference.ts";
import { followRun, shownCharacters } from "./tasks/board-view.ts";

/** Options of `delegate` that only tasks on the board have. */
const ofBoard = ["priority", "not-before", "deadline", "attempts", "key"] as const;

/** Throws `invalid_argument` for an option of the board without `--any`, and for one that only direct calls have with it. */
export function checkAnyOptions({ input }: CommandContext): void {
  const isAny = input.switch("any");
  const wrong = isAny
    ? (["explain", "may-call", "may-call-for"] as const).find(
        (name) => input.switch(name) || input.text(name) !== undefined,
      )
    : (ofBoard.find((name) => input.text(name) !== undefined) ??
      (input.texts("after").length > 0 ? "after" : input.switch("no-wait") ? "no-wait" : undefined));
  if (wrong === undefined) return;
  throw new ParleyError("invalid_argument", {
    message: isAny
      ? `--${wrong} is of no use with --any.`
      : `--${wrong} needs --any, which puts the task on the board.`,
  });
}

/** Puts a task on the board, for anyone with the skill, and waits for its result unless told otherwise. */
export function delegateToAny(
  context: CommandContext,
  request: Pick<BoardRequest, "skill" | "input" | "text" | "chain" | "timeLimitMs">,
): Promise<ExitCode | undefined> {
  const { input, out, signal } = context;
  const now = Date.now();
  const notBefore = moment(context, "not-before", now);
  const deadline = moment(context, "deadline", Math.max(now, notBefore ?? 0));
  const priority = input.integer("priority", 0, limits.boardPriority);
  const attempts = input.integer("attempts", 1, limits.boardAttempts);
  const key = input.text("key");
  return withDevice(context, async ({ device }) => {
    const after: string[] = [];
    for (const typed of input.texts("after")) after.push(await findTask(device, typed));
    out.progress(`putting ${request.skill} on the board…`);
    const facts = await device.board.submit({
      ...request,
      signal,
      ...(notBefore === undefined ? {} : { notBefore }),
      ...(deadline === undefined ? {} : { deadline }),
      ...(priority === undefined ? {} : { priority }),
      ...(attempts === undefined ? {} : { attempts }),
      ...(key === undefined ? {} : { key }),
      ...(after.length === 0 ? {} : { after }),
    });
    const { task, skill } = facts;
    const shown = task.slice(0, shownCharacters);
    out.event(
      { type: "submitted", taskId: task, ...facts },
      out.style("dim", `task ${shown}: ${skill}, for anyone with the skill`),
    );
    if (!input.switch("no-wait")) return followRun(context, device, device.board.follow(task));
    out.note(
      `parley task follow ${shown} waits for its result; it is worked on until ${formatDuration(facts.deadline - now)} from now.`,
    );
    return 0;
  });
}

/** A time: so long from `from`, or a date such as 2026-11-20T14:00. */
function moment({ input }: CommandContext, name: string, from: number): number | undefined {
  const text = input.text(name);
  if (text === undefined) return undefined;
  const inMs = parseDuration(text);
  const at = inMs === undefined ? Date.parse(text) : from + inMs;
  if (Number.isFinite(at) && at >= from - 1000) return Math.round(at);
  throw new ParleyError("invalid_argument", {
    message: `--${name} must be a time from now like 10m or 2h, or a date to come like 2026-11-20T14:00.`,
  });
}

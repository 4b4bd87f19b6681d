/** What the handler of a message or a mention works with: the same as a skill, with nobody who waits for its progress. */
import type { DeviceApi, LogLine, Sender } from "@parley/client";
import type { Clock } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Mesh } from "./mesh.ts";
import type { SkillContext } from "./skill-context.ts";
import { TimeLimit } from "./time-limit.ts";
import { wakerOf } from "./wake-ups.ts";

/** What came. */
export interface HandledMessage {
  readonly id: string;
  readonly from: Omit<Sender, "device"> & { readonly device: string | undefined };
  readonly hops: number;
  readonly raw: string;
  /** What of the agent handles it, as it is named to those who are asked something. */
  readonly what: "message" | "mention";
  /** The conversation: a member's id, or a channel and its thread. */
  readonly conversation: string;
}

export interface HandlerOptions {
  readonly device: DeviceApi;
  readonly clock: Clock;
  readonly log: LogLine;
  readonly instructions: string | undefined;
  readonly limitMs: number;
  /** How to end each handler at work, for when the agent stops. */
  readonly atWork: Set<(reason: ParleyError) => void>;
}

/** Runs a handler with its context, for at most `limitMs`; aborts `signal` then, and when the agent stops. */
export async function withHandlerContext(
  options: HandlerOptions,
  message: HandledMessage,
  meshOf: (signal: AbortSignal) => Mesh,
  handle: (context: SkillContext) => void | Promise<void>,
): Promise<void> {
  const { device, clock, log, instructions, limitMs, atWork } = options;
  const { id, from, hops, raw, what, conversation } = message;
  const controller = new AbortController();
  const { signal } = controller;
  const end = (reason: ParleyError): void => controller.abort(reason);
  atWork.add(end);
  const time = new TimeLimit(clock, limitMs, () => end(new ParleyError("timeout")));
  try {
    await handle({
      signal,
      deadline: clock.now() + limitMs,
      from: { ...from, device: from.device ?? "" },
      actsFor: undefined,
      hops,
      through: [],
      mandate: undefined,
      raw: { input: undefined, text: raw },
      contextId: conversation,
      history: [],
      messages: noMessages(),
      resumed: undefined,
      checkpoint: () => Promise.reject(new ParleyError("unsupported_operation", { message: "This is no task." })),
      idempotencyKey: id,
      instructions,
      progress: async () => {},
      artifact: () =>
        Promise.reject(new ParleyError("unsupported_operation", { message: "Nobody waits for artifacts." })),
      usage: (used) => device.reportUsage(used),
      ask: async (text, { of, withinMs } = {}) => {
        if (of === undefined)
          throw new ParleyError("unsupported_operation", { message: "A message is answered by a message: ask there." });
        const { member } = await device.memberOf(of);
        return time.during(() =>
          device.approvals.question({ of: member, text, task: id, skill: what, withinMs }, signal),
        );
      },
      approve: (act) => time.during(() => device.approvals.ask(act, { caller: from.member, task: id }, signal)),
      wakeAt: wakerOf(device, { skill: undefined, hops, through: [] }),
      log: (level, event, fields) => log(level, event, { [what]: id, ...fields }),
      mesh: meshOf(signal),
    });
  } finally {
    atWork.delete(end);
    time.cancel();
  }
}

/** A message is a whole: nothing more comes in the course of it. */
async function* noMessages(): AsyncGenerator<never> {}

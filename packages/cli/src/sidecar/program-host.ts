/** The agent of `parley sidecar`, as programs at the socket offer skills to it and hear messages through it. */
import { declareSkill, type RunningAgent, type SkillContext } from "@parley/agent";
import { ParleyError } from "@parley/protocol";
import type { HostedTask, SkillHost, SkillOffer, TaskCause } from "@parley/sidecar";

export interface ProgramHostOptions {
  /** Hops that what a program asks may have, as the manifest says. */
  readonly mostHops: number;
  /** A program began to serve skills, or does so no more. */
  readonly onOffer?: (program: string, skills: readonly string[], state: "serving" | "left") => void;
}

export class ProgramHost implements SkillHost {
  readonly #options: ProgramHostOptions;
  readonly #agent = Promise.withResolvers<RunningAgent>();

  constructor(options: ProgramHostOptions) {
    this.#options = options;
    this.#agent.promise.catch(() => undefined);
  }

  /** What programs asked for so far is done now. */
  begin(agent: RunningAgent): void {
    this.#agent.resolve(agent);
  }

  /** No agent comes to be. */
  fail(error: unknown): void {
    this.#agent.reject(error);
  }

  async offer({ program, skills, work }: SkillOffer): Promise<() => Promise<void>> {
    const agent = await this.#agent.promise;
    const { mostHops, onOffer } = this.#options;
    const ids = skills.map(({ id }) => id);
    const declared = skills.map((skill) =>
      declareSkill(skill, (input, context) => work(hostedTask(skill.id, input, context, mostHops))),
    );
    const withdraw = await agent.offer(declared);
    onOffer?.(program, ids, "serving");
    return async () => {
      onOffer?.(program, ids, "left");
      await withdraw();
    };
  }

  async listen(handler: Parameters<SkillHost["listen"]>[0]): Promise<() => void> {
    return (await this.#agent.promise).listen((message) => handler(message));
  }
}

function hostedTask(skill: string, input: unknown, context: SkillContext, mostHops: number): HostedTask {
  const { idempotencyKey, raw, from, actsFor, hops, deadline, signal, progress, ask } = context;
  return {
    id: idempotencyKey,
    skill,
    input,
    text: raw.text,
    from,
    actsFor,
    hops,
    deadline,
    signal,
    cause: () => causeOf(context, mostHops),
    progress,
    artifact: ({ append, lastChunk, ...artifact }) =>
      context.artifact(artifact, {
        ...(append === undefined ? {} : { append }),
        ...(lastChunk === undefined ? {} : { lastChunk }),
      }),
    ask,
  };
}

function causeOf({ hops, through, mandate }: SkillContext, mostHops: number): TaskCause {
  if (hops < mostHops) return { hops: hops + 1, through, mandate };
  throw new ParleyError("too_many_hops", {
    message: `${hops + 1} messages or calls of agents led to this one; this agent sends no more than ${mostHops}.`,
  });
}

/** Runs a skill by itself: no mesh, no caller, no device. For authors, `parley skill test`. */
import type { DeviceApi, LogLine, Sender } from "@parley/client";
import type { Clock } from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";

import type { Agent } from "./agent.ts";
import { createMesh } from "./mesh.ts";
import { checkInput, checkOutput } from "./skill-check.ts";
import type { SkillArtifact, SkillContext } from "./skill-context.ts";
import { ruleOf } from "./skill-rules.ts";
import type { AnySkill } from "./skill.ts";

export interface TrialOptions {
  readonly agent: Agent;
  readonly skill: AnySkill;
  readonly input: unknown;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly log?: LogLine;
  readonly onProgress?: (text: string) => void;
  readonly onArtifact?: (artifact: SkillArtifact) => void;
  /** Answers what the skill asks. Default: nobody does, `not_connected`. */
  readonly onAsk?: (question: string) => Promise<string>;
}

const author: Sender = {
  member: "author",
  name: "author",
  device: "author",
  kind: "person",
  roles: ["member"],
  trust: "contact",
  verified: true,
};

/** Gives what the skill returns, past both schemas. Rejects as a task of it would fail, with the skill's own error as the cause. */
export async function trySkill(options: TrialOptions): Promise<unknown> {
  const { agent, skill, clock, signal } = options;
  const input = await checkInput(skill, options.input);
  const { limits } = ruleOf(skill, agent.manifest.skills.rules);
  const limitMs = Math.min(limits.timeSeconds ?? Infinity, agent.manifest.limits.taskSeconds) * 1000;
  const ended = new AbortController();
  const late = clock.setTimer(limitMs, () =>
    ended.abort(new ParleyError("timeout", { message: `The skill took longer than its ${limitMs / 1000} s.` })),
  );
  const stop = (): void => ended.abort(new ParleyError("canceled"));
  signal?.addEventListener("abort", stop, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    ended.signal.addEventListener("abort", () => reject(toParleyError(ended.signal.reason)), { once: true });
  });
  try {
    const context = contextOf(options, ended.signal, clock.now() + limitMs);
    // Its schema has just made it what `run` takes.
    const output = await Promise.race([Promise.resolve(skill.run(input as never, context)), aborted]);
    return await checkOutput(skill, output);
  } finally {
    late.cancel();
    signal?.removeEventListener("abort", stop);
  }
}

function contextOf(options: TrialOptions, signal: AbortSignal, deadline: number): SkillContext {
  const { agent, skill, input, log, onProgress, onArtifact, onAsk } = options;
  return {
    signal,
    deadline,
    from: author,
    actsFor: undefined,
    history: [],
    messages: (async function* none() {})(),
    resumed: undefined,
    checkpoint: async () => undefined,
    hops: 0,
    through: [],
    mandate: undefined,
    contextId: "trial",
    raw: { input, text: typeof input === "string" ? input : "" },
    idempotencyKey: "trial",
    instructions: agent.instructions,
    progress: async (text) => onProgress?.(text),
    artifact: async (artifact) => onArtifact?.(artifact),
    usage: async () => undefined,
    ask: async (question) => {
      if (onAsk === undefined) throw alone();
      return onAsk(question);
    },
    wakeAt: () => Promise.reject(alone()),
    approve: () => Promise.reject(alone()),
    log: (level, event, fields) => log?.(level, event, { skill: skill.id, ...fields }),
    mesh: createMesh(nobody, { signal, deadline }),
  };
}

const alone = (): ParleyError =>
  new ParleyError("not_connected", { message: "The skill is tried by itself: there is no mesh here." });

/** Whatever is asked of it, nobody answers. */
const nothing: unknown = new Proxy(() => undefined, {
  get: () => nothing,
  apply: () => {
    throw alone();
  },
});

/** A device that reaches nobody. */
const nobody = new Proxy({} as DeviceApi, {
  get: (_, name) => (["member", "device", "name", "mesh"].includes(String(name)) ? "author" : nothing),
});

/** What `parley skill test` tries: an input that was given, else each example of each skill. */
import { isDeepStrictEqual } from "node:util";

import { type Agent, type AnySkill, trySkill } from "@parley/agent";
import type { LogLine } from "@parley/client";
import { systemClock } from "@parley/core";
import { toParleyError } from "@parley/protocol";

export interface TrialResult {
  readonly skill: string;
  readonly input: unknown;
  readonly passed: boolean;
  readonly output?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly tookMs: number;
}

interface Trial {
  readonly skill: AnySkill;
  readonly input: unknown;
  /** What has to come out, if that is known. */
  readonly expected?: unknown;
}

export interface TrialSettings {
  readonly agent: Agent;
  readonly signal: AbortSignal;
  readonly log: LogLine;
  readonly onProgress: (text: string) => void;
}

/** The examples that say what goes in. */
export function examplesOf(skills: readonly AnySkill[]): readonly Trial[] {
  return skills.flatMap((skill) =>
    skill.trials.map(({ input, ...rest }) => ({
      skill,
      input,
      ...("output" in rest ? { expected: rest.output } : {}),
    })),
  );
}

export async function runTrial({ skill, input, ...rest }: Trial, settings: TrialSettings): Promise<TrialResult> {
  const started = performance.now();
  const done = (): Pick<TrialResult, "skill" | "input" | "tookMs"> => ({
    skill: skill.id,
    input,
    tookMs: Math.round(performance.now() - started),
  });
  try {
    const output = await trySkill({ ...settings, skill, input, clock: systemClock });
    if (!("expected" in rest) || isDeepStrictEqual(plain(output), plain(rest.expected)))
      return { ...done(), passed: true, output };
    const message = `The example says that ${JSON.stringify(rest.expected)} comes out.`;
    return { ...done(), passed: false, output, error: { code: "invalid_output", message } };
  } catch (thrown) {
    const { code, message } = toParleyError(thrown);
    const own = code === "internal" && thrown instanceof Error ? thrown.message : message;
    return { ...done(), passed: false, error: { code, message: own } };
  }
}

/** As it goes over the wire. */
const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

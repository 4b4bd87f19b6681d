/** An agent whose tasks take as long as a test wants: until the file that WALKER_GATE names is there. */
import { appendFileSync, existsSync, watch } from "node:fs";
import { dirname } from "node:path";

import { createAgent, defineSkill, type SkillContext } from "@parley/agent";
import { z } from "zod";

const gate = process.env["WALKER_GATE"] ?? "";
const diary = process.env["WALKER_DIARY"] ?? "";

/** Resolves when the file is there. */
async function opened(signal: AbortSignal): Promise<void> {
  if (existsSync(gate)) return;
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(dirname(gate), () => {
      if (existsSync(gate)) done(resolve);
    });
    const done = (then: () => void): void => {
      watcher.close();
      then();
    };
    signal.addEventListener("abort", () => done(() => reject(signal.reason as Error)), { once: true });
    if (existsSync(gate)) done(resolve);
  });
}

const steps = 4;

async function walk({ progress, checkpoint, resumed, signal, idempotencyKey }: SkillContext, keeps: boolean) {
  const from = z.object({ step: z.number() }).safeParse(resumed?.checkpoint).data?.step ?? 0;
  for (let step = from + 1; step <= steps; step++) {
    appendFileSync(diary, `${idempotencyKey} ${step}\n`);
    await progress(`step ${step}`);
    if (keeps) await checkpoint({ step });
    if (step === 2) {
      await progress("at the gate");
      await opened(signal);
    }
  }
  return { from, starts: resumed?.starts ?? 1 };
}

const output = z.object({ from: z.number(), starts: z.number() });

export const walker = createAgent({
  name: "walker",
  skills: [
    defineSkill({
      id: "walk",
      input: z.object({}),
      output,
      resumable: true,
      run: (_, context) => walk(context, true),
    }),
    defineSkill({ id: "stroll", input: z.object({}), output, run: (_, context) => walk(context, false) }),
  ],
});

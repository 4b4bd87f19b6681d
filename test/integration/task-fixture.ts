import type { IncomingTask, TaskHandler } from "@parley/client";
import { ParleyError, skillSchemasExtension } from "@parley/protocol";
import { testCard } from "@parley/testkit";

import type { Joined } from "./device-fixture.ts";

const shape = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const schemas = { input: shape, output: shape };

/** The schemas of skills that ask for, and promise, an object with a string `text`. */
const capabilitiesOf = (skills: readonly string[]) => ({
  extensions: [
    { uri: skillSchemasExtension, params: { skills: Object.fromEntries(skills.map((id) => [id, schemas])) } },
  ],
});

/** What the tests' agents do, by skill. */
const skills: Record<string, TaskHandler> = {
  echo: (task) => Promise.resolve(task.input),
  steps: async (task) => {
    await task.progress("one");
    await task.artifact({ artifactId: "log", parts: [{ text: "a" }] });
    await task.progress("two");
    await task.artifact({ artifactId: "log", parts: [{ text: "b" }] }, { append: true, lastChunk: true });
    return { text: "done" };
  },
  forever: (task) => untilAborted(task),
  deaf: () => new Promise(() => undefined),
  wrong: () => Promise.resolve({ text: 5 }),
  huge: () => Promise.resolve({ text: "x".repeat(300_000) }),
  deep: () => Promise.resolve({ text: "", deep: JSON.parse("[".repeat(60) + "]".repeat(60)) as unknown }),
  fails: () => Promise.reject(new ParleyError("task_failed", { message: "no such page" })),
  breaks: () => Promise.reject(new Error("a secret of the inside")),
};

/** Rejects with the signal's reason, after telling that it began. */
async function untilAborted(task: IncomingTask): Promise<never> {
  await task.progress("began");
  return new Promise((_, reject) => {
    const end = (): void => reject(task.signal.reason as Error);
    if (task.signal.aborted) end();
    else task.signal.addEventListener("abort", end);
  });
}

/** An agent that offers these skills; gives the tasks that it has seen. */
export async function serve(agent: Pick<Joined, "device">, offered = Object.keys(skills)): Promise<IncomingTask[]> {
  const seen: IncomingTask[] = [];
  agent.device.serve(
    (task) => {
      seen.push(task);
      return skills[task.skill]?.(task) ?? Promise.reject(new ParleyError("not_found"));
    },
    ({ skill }) => {
      if (!offered.includes(skill)) throw new ParleyError("not_found", { message: `There is no skill ${skill} here.` });
    },
  );
  const ids = offered.map((id) => ({ id }));
  await agent.device.publishCard(testCard(agent.device, ids, { capabilities: capabilitiesOf(offered) }));
  return seen;
}

/** What members of a marked mesh say and do to each other. */
import { textContent } from "@parley/protocol";
import { testCard } from "@parley/testkit";

import { until } from "../../integration/device-fixture.ts";
import type { CapturedMember } from "./captured-mesh.ts";
import type { Plants } from "./plants.ts";

/** An agent whose card, progress, results and errors are marked. */
export async function serveMarked(plants: Plants, agent: CapturedMember, operator: CapturedMember): Promise<void> {
  agent.device.serve(async (task) => {
    if (task.skill === "guarded") return task.ask(plants.text("asked-question"), { of: operator.device.member });
    if (task.skill === "fails") throw new Error(plants.text("task-error"));
    await task.progress(plants.text("task-progress"));
    await task.artifact({ artifactId: "log", parts: [{ text: plants.text("task-artifact") }] });
    return { text: plants.text("task-output") };
  });
  const skill = { id: "work", description: plants.text("skill-description"), tags: [plants.text("skill-tag")] };
  await agent.device.publishCard(
    testCard(agent.device, [skill, { id: "fails" }, { id: "guarded" }], {
      description: plants.text("card-description"),
    }),
  );
}

/** Two tasks, one that ends well and one that fails, by one path. */
export async function call(
  plants: Plants,
  from: CapturedMember,
  to: CapturedMember,
  path: "direct" | "relay",
): Promise<void> {
  const input = { text: plants.text(`task-input-${path}`) };
  const run = await from.device.delegate(to.device.member, { skill: "work", input, paths: [path] });
  const outcome = await run.outcome;
  if (outcome.path !== path) throw new Error(`The task went by ${outcome.path}.`);
  const failing = await from.device.delegate(to.device.member, { skill: "fails", input, paths: [path] });
  await failing.outcome.catch(() => undefined);
}

async function textsOf(reader: CapturedMember, conversation: string): Promise<readonly (string | undefined)[]> {
  const { messages } = await reader.device.conversations.messages({ conversation });
  return messages.map(({ content }) => textContent(content)?.text);
}

/** Resolves once a member has read a marked text. */
export const reads = (plants: Plants, reader: CapturedMember, conversation: string, what: string): Promise<void> =>
  until(async () => (await textsOf(reader, conversation)).includes(plants.text(what)));

/** Posts, and gives the id under which the author has it. */
export async function post(plants: Plants, author: CapturedMember, channel: string, what: string): Promise<string> {
  await author.device.conversations.say(channel, { text: plants.text(what) });
  await reads(plants, author, channel, what);
  const { messages } = await author.device.conversations.messages({ conversation: channel });
  return messages.find(({ content }) => textContent(content)?.text === plants.text(what))?.id ?? "";
}

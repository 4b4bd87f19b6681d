/** What an agent's process says of itself when its supervisor asks, over the channel that Node opens between the two. */
import { z } from "zod";

/** What the supervisor sends to be told. */
export const useQuestion = "parley:use";

export const agentUseSchema = z.strictObject({
  use: z.strictObject({
    /** Milliseconds of processor time since the process started. */
    cpuMs: z.number().min(0),
    memoryBytes: z.number().min(0),
    /** Tasks at work. */
    tasks: z.int().min(0),
  }),
});
export type AgentUse = z.infer<typeof agentUseSchema>["use"];

/** Lets the supervisor know how busy this process is; nothing where none started it. */
export function answerSupervisor(tasks: () => number): void {
  if (process.send === undefined) return;
  process.on("message", (message) => {
    if (message !== useQuestion) return;
    const { user, system } = process.cpuUsage();
    const use = { cpuMs: (user + system) / 1000, memoryBytes: process.memoryUsage.rss(), tasks: tasks() };
    process.send?.({ use }, () => undefined);
  });
  // Listening must not keep an agent alive that is done.
  process.channel?.unref();
}

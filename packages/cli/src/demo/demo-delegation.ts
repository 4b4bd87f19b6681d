/** The work that the demo shows: the operator asks the reporter, which finds the librarian and delegates to it. */
import { progressOf } from "@parley/agent";
import type { AllowedPaths, DeviceApi } from "@parley/client";
import { isParleyError, type Path, pathSchema } from "@parley/protocol";
import { z } from "zod";

import type { DemoEvent } from "./demo-event.ts";

/** What the reporter's skill answers; its own file says more. */
const answerSchema = z.object({
  markdown: z.string(),
  sources: z.array(z.string()),
  delegations: z.array(z.object({ skill: z.string(), to: z.string(), path: pathSchema, tookMs: z.number() })),
});

const reporter = "reporter";
const skill = "report";
const timeLimitMs = 60_000;

/** Asks for a report over direct links, and where the network has none, over any path. */
export async function showDelegation(
  device: DeviceApi,
  topic: string,
  show: (event: DemoEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  show({ event: "asked", from: device.name, to: reporter, skill, topic });
  try {
    await ask(device, topic, ["direct"], show, signal);
  } catch (error) {
    if (!isParleyError(error) || !noLink.has(error.code)) throw error;
    show({ event: "no-direct-link", message: error.code });
    await ask(device, topic, undefined, show, signal);
  }
}

const noLink: ReadonlySet<string> = new Set(["path_unavailable", "not_connected", "unreachable"]);

async function ask(
  device: DeviceApi,
  topic: string,
  paths: AllowedPaths | undefined,
  show: (event: DemoEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const allowed = paths === undefined ? {} : { paths };
  const run = await device.delegate(`@${reporter}`, {
    skill,
    input: { topic, ...allowed },
    timeLimitMs,
    signal,
    ...allowed,
  });
  // Read below, after the events, which fail with the same error.
  run.outcome.catch(() => undefined);
  for await (const event of run.events) {
    const text = progressOf(event);
    if (text !== undefined) show({ event: "progress", from: reporter, text });
  }
  const { output, path, tookMs } = await run.outcome;
  const { markdown, sources, delegations } = answerSchema.parse(output);
  for (const each of gathered(delegations)) show({ event: "delegated", from: reporter, ...each });
  show({ event: "delegated", from: device.name, to: reporter, skill, times: 1, path, tookMs });
  const link = device.links().find(({ name, state }) => name === reporter && state === "open");
  const route = link?.route;
  if (link?.path !== undefined) {
    const words = route === undefined ? undefined : `${route.local} → ${route.remote}`;
    show({ event: "link", between: [device.name, reporter], path: link.path, route: words });
  }
  show({ event: "report", markdown, sources });
}

interface Delegated {
  readonly skill: string;
  readonly to: string;
  readonly path: Path;
  readonly tookMs: number;
}

/** Delegations of one skill to one agent over one path as one, for they went side by side. */
function gathered(delegations: readonly Delegated[]): readonly (Delegated & { readonly times: number })[] {
  const groups = Map.groupBy(delegations, ({ skill, to, path }) => `${skill} ${to} ${path}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined
      ? []
      : [{ ...first, times: group.length, tookMs: Math.max(...group.map(({ tookMs }) => tookMs)) }];
  });
}

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { Configuration } from "../configuration.ts";
import { AgentProcess } from "../demo/agent-process.ts";
import { showDelegation } from "../demo/demo-delegation.ts";
import type { DemoEvent } from "../demo/demo-event.ts";
import { DemoFolder, type SampleName, sampleNames } from "../demo/demo-folder.ts";
import { admitOnce, claimOnce } from "../demo/demo-members.ts";
import { type DemoRegistry, startRegistry } from "../demo/demo-registry.ts";
import { DemoView } from "../demo/demo-view.ts";
import { openDevice, type OpenDevice } from "../open-device.ts";
import { untilAborted } from "../until-aborted.ts";

const defaultTopic = "what a registry knows about members";
const samples = join(import.meta.dirname, "..", "..", "..", "..", "examples");

/** Runs a mesh with two sample agents until a signal; each part undoes itself, the last one first. */
export const run: CommandModule["run"] = async (context) => {
  const { input, settings, out, signal, cwd } = context;
  if (!existsSync(join(samples, "librarian", "agent.yaml")))
    throw new ParleyError("unsupported_operation", { message: "The demo needs the sample agents of a checkout." });
  const started = performance.now();
  const view = new DemoView(out, cwd, process.stdout.columns);
  const show = (event: DemoEvent): void => view.show(event);
  const topic = input.text("topic") ?? input.optionalArgument("topic") ?? defaultTopic;
  const undo: (() => Promise<void>)[] = [];
  try {
    const folder = await DemoFolder.open(cwd, input.switch("fresh"));
    undo.push(() => folder.release());
    const reused = folder.used;
    const registry = await startRegistry(folder.registry, settings.get("port"));
    undo.push(() => registry.stop());
    show({ event: "registry", origin: registry.origin, port: registry.port, data: folder.registry, reused });
    const operator = await startOperator(context, folder, registry, show);
    undo.push(() => operator.close());
    const agents = await startAgents(folder, registry, operator, show, context, undo);
    await showDelegation(operator.device, topic, show, signal);
    if (input.switch("once")) return 0;
    show({
      event: "up",
      origin: registry.origin,
      home: folder.operator,
      afterMs: Math.round(performance.now() - started),
    });
    for (const { name, agent } of agents) {
      void agent.ended.then(() => {
        if (!signal.aborted) show({ event: "agent-ended", name });
      });
    }
    await untilAborted(signal);
    return 0;
  } finally {
    if (undo.length > 0) {
      out.progress("stopping…");
      for (const step of undo.toReversed()) {
        await step().catch((error: unknown) => out.note(`Not all stopped as it should: ${String(error)}`));
      }
      show({ event: "stopped" });
    }
  }
};

/** The demo's links stay on this machine, so that it needs no network, unless somebody says otherwise. */
const linkAddressOf = ({ settings }: CommandContext): string => settings.get("link-address") ?? "127.0.0.1";

async function startOperator(
  context: CommandContext,
  folder: DemoFolder,
  registry: DemoRegistry,
  show: (event: DemoEvent) => void,
): Promise<OpenDevice> {
  const claimed = await claimOnce(folder.operator, registry, context.signal);
  const settings = Configuration.read({
    flags: new Map([
      ["home", folder.operator],
      ["log", "error"],
      ["link-address", linkAddressOf(context)],
    ]),
    environment: context.environment,
    cwd: context.cwd,
    homeDirectory: homedir(),
  });
  const operator = await openDevice({ ...context, settings }, { hold: true });
  show({ event: "operator", name: operator.device.name, home: folder.operator, claimed });
  return operator;
}

interface StartedAgent {
  readonly name: SampleName;
  readonly agent: AgentProcess;
}

/** Lets the samples in, one after the other, and starts them side by side. */
async function startAgents(
  folder: DemoFolder,
  registry: DemoRegistry,
  { operator }: OpenDevice,
  show: (event: DemoEvent) => void,
  context: CommandContext,
  undo: (() => Promise<void>)[],
): Promise<readonly StartedAgent[]> {
  const { signal } = context;
  const linkAddress = linkAddressOf(context);
  const starting = sampleNames.map(async (name): Promise<StartedAgent> => {
    const home = folder.home(name);
    const admitted = await admitOnce(home, name, operator, registry.origin, signal);
    const agent = await AgentProcess.start({ name, folder: join(samples, name), home, linkAddress }, signal);
    undo.push(() => agent.stop(heardTheSignal(signal)));
    show({ event: "agent", name, home, admitted, skills: agent.skills });
    return { name, agent };
  });
  const results = await Promise.allSettled(starting);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** A terminal's Ctrl-C reaches every process in it, so the agents are draining already. */
function heardTheSignal(signal: AbortSignal): boolean {
  return signal.aborted && process.stdin.isTTY && String(signal.reason).includes("SIGINT");
}

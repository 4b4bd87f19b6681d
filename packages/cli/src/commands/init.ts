import { basename, relative, resolve } from "node:path";

import { initAgent, type ModelChoice, type ModelProvider, modelProviders, roleOf } from "@parley/agent";
import { ParleyError, parseName } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";

/** Writes a new agent. */
export const run: CommandModule["run"] = async ({ input, out, cwd }) => {
  const role = input.text("role");
  const model = modelOf(input);
  const given = input.optionalArgument("name");
  const folder = input.text("dir");
  const name = parseName(given ?? basename(resolve(cwd, folder ?? ".")));
  if (name === undefined) throw new ParleyError("invalid_name");
  const dir = resolve(cwd, folder ?? (given === undefined ? "." : name));
  const result = await initAgent({
    name,
    dir,
    // A model without a role helps with whatever comes.
    ...(role === undefined && model === undefined ? {} : { role: roleOf(role ?? "assistant") }),
    ...(model === undefined ? {} : { model }),
  });
  out.result({ name, ...result }, () => {
    for (const file of result.files) out.line(`wrote  ${file}`);
    for (const file of result.existed) out.line(`kept   ${file}`);
    out.line();
    out.line("Next:");
    if (dir !== cwd) out.line(`  cd ${relative(cwd, dir)}`);
    if (result.files.includes(".env.example")) out.line("  cp .env.example .env   # and put in what it names");
    out.line("  parley pair '<link from parley invite create>'");
    out.line("  parley run");
  });
  return 0;
};

function modelOf(input: CommandContext["input"]): ModelChoice | undefined {
  const [provider, model, baseUrl] = [input.text("provider"), input.text("model"), input.text("base-url")];
  if (provider === undefined && model === undefined && baseUrl === undefined) return undefined;
  if (provider !== undefined && !isProvider(provider))
    throw new ParleyError("invalid_argument", {
      message: `There is no provider ${provider.slice(0, 40)}; there are ${modelProviders.join(", ")}.`,
    });
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
  };
}

const isProvider = (text: string): text is ModelProvider => modelProviders.some((each) => each === text);

/** Agents with models that `parley init --role` writes: what each is for, and what it brings along. */
import { readFile } from "node:fs/promises";

import { ParleyError } from "@parley/protocol";

import type { ModelProvider } from "./model-schema.ts";
import { nearestName } from "./nearest-name.ts";
import type { ScaffoldFile } from "./scaffold.ts";

export interface ModelChoice {
  /** Default `anthropic`. */
  readonly provider?: ModelProvider;
  /** Name of the model. Default the provider's row; a provider without one needs it. */
  readonly model?: string;
  /** Where the provider is reached, for one that is not at its usual place. */
  readonly baseUrl?: string;
}

export interface RoleOptions extends ModelChoice {
  readonly name: string;
  readonly role: Role;
  readonly registry?: string;
}

interface RoleRow {
  readonly description: string;
  /** Files of skills, beside the words for the model. */
  readonly skills: readonly string[];
  readonly maxTurns: number;
}

const roleTable = {
  assistant: { description: "Helps with questions and small tasks", skills: [], maxTurns: 20 },
  researcher: { description: "Finds things out and says where they stand", skills: [], maxTurns: 30 },
  analyst: { description: "Works out what numbers and facts mean", skills: ["summarize-numbers.ts"], maxTurns: 20 },
  coordinator: {
    description: "Takes a question apart, lets other agents work on the parts, and writes one cited answer",
    skills: [],
    maxTurns: 30,
  },
  writer: { description: "Turns notes into text that people like to read", skills: [], maxTurns: 12 },
  reviewer: { description: "Says what is wrong with a text or a plan, the worst first", skills: [], maxTurns: 20 },
} as const satisfies Readonly<Record<string, RoleRow>>;

export type Role = keyof typeof roleTable;
/** The roles, and what each is for. */
export const roles: readonly { readonly role: Role; readonly description: string }[] = (
  Object.keys(roleTable) as Role[]
).map((role) => ({ role, description: roleTable[role].description }));

/** A role by its name. Throws `invalid_argument` with the likely one. */
export function roleOf(name: string): Role {
  const found = roles.find(({ role }) => role === name);
  if (found !== undefined) return found.role;
  const names = roles.map(({ role }) => role);
  const nearest = nearestName(name, names);
  throw new ParleyError("invalid_argument", {
    message: `There is no role ${name.slice(0, 40)}; ${nearest === undefined ? `there are ${names.join(", ")}.` : `did you mean ${nearest}?`}`,
  });
}

/** Of each provider: a model to begin with, where there is one that everybody has, and the variable of its key. */
const providerTable: Readonly<
  Record<ModelProvider, { readonly model?: string; readonly keyEnv?: string; readonly needsUrl?: boolean }>
> = {
  anthropic: { model: "claude-sonnet-5-5", keyEnv: "ANTHROPIC_API_KEY" },
  openai: { model: "gpt-6-astra", keyEnv: "OPENAI_API_KEY" },
  "openai-compatible": { needsUrl: true },
  azure: { keyEnv: "AZURE_OPENAI_API_KEY", needsUrl: true },
  google: { model: "gemini-4-argon", keyEnv: "GEMINI_API_KEY" },
  ollama: { model: "qwen3" },
};

const folder = new URL("../scaffold/", import.meta.url);

/** The files of an agent with a role. Throws `invalid_argument` where the provider needs a model's name or a place. */
export async function roleFiles(options: RoleOptions): Promise<readonly ScaffoldFile[]> {
  const { name, role } = options;
  const { skills } = roleTable[role];
  const words = await readFile(new URL(`roles/${role}.md`, folder), "utf8");
  const files = await Promise.all(
    skills.map(async (file): Promise<ScaffoldFile> => [
      `skills/${file}`,
      await readFile(new URL(file, folder), "utf8"),
    ]),
  );
  return [
    ["agent.yaml", manifestOf(options)],
    ["AGENT.md", `# ${name}\n\n${words}`],
    [".env.example", envOf(options)],
    ...files,
  ];
}

function manifestOf({ name, role, provider = "anthropic", model, baseUrl, registry }: RoleOptions): string {
  const row = providerTable[provider];
  const modelName = model ?? row.model;
  if (modelName === undefined || (row.needsUrl === true && baseUrl === undefined))
    throw new ParleyError("invalid_argument", {
      message: `${provider} needs ${row.needsUrl === true ? "--model and --base-url" : "--model"}.`,
    });
  const { description, maxTurns } = roleTable[role];
  return `# What this agent is. An unknown key is an error; \`parley validate\` names it with its line.
name: ${name}
description: ${description}
version: 0.1.0
tags: [${role}]
${registry === undefined ? "# registry: http://127.0.0.1:8080   # where to pair when the invite is a code" : `registry: ${JSON.stringify(registry)}`}

# What it answers with; AGENT.md says how. The key stands in .env, never here.
model:
  provider: ${provider}
  name: ${JSON.stringify(modelName)}
${baseUrl === undefined ? "" : `  baseUrl: ${JSON.stringify(baseUrl)}\n`}  # prices: { input: 3, output: 15 }   # per million tokens, for budgets in money
maxTurns: ${maxTurns}
contextWindow: 100000

# A person is asked before these tools are used, with exactly what they are used with.
approvals: {}
#  mesh_broadcast: { within: 10m }

# Servers of the Model Context Protocol whose tools the model has.
mcpServers: {}
#  files: { command: npx, args: ["-y", "@modelcontextprotocol/server-filesystem", "."] }

limits:
  concurrentTasks: 4
  taskSeconds: 900
`;
}

function envOf({ provider = "anthropic" }: RoleOptions): string {
  const { keyEnv } = providerTable[provider];
  return keyEnv === undefined
    ? "# Copy to .env. Variables that are set already are left as they are.\n"
    : `# Copy to .env and put the key in. Variables that are set already are left as they are.\n${keyEnv}=\n`;
}

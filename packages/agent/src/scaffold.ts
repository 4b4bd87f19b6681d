import { readFile } from "node:fs/promises";

import { type ModelChoice, type Role, roleFiles } from "./roles.ts";

/** The files of a new agent. `greet` works as it is; everything else says where to go on. */

/** Path within the folder, and content. */
export type ScaffoldFile = readonly [path: string, content: string];

export interface ScaffoldOptions {
  readonly name: string;
  /** Address of the registry, if it is known already. */
  readonly registry?: string;
  /** What it is, for an agent with a model. */
  readonly role?: Role;
  readonly model?: ModelChoice;
}

/** A skill as an author would write it, in a file of its own so that it is checked like any other. */
const skillFile = new URL("../scaffold/greet.ts", import.meta.url);

/** What `parley init` writes. */
export async function scaffoldOf(options: ScaffoldOptions): Promise<readonly ScaffoldFile[]> {
  const { name, role, model, registry } = options;
  if (role !== undefined) {
    const more = registry === undefined ? {} : { registry };
    return [...(await roleFiles({ name, role, ...model, ...more })), [".gitignore", gitignore]];
  }
  return [
    ["agent.yaml", manifest(options)],
    ["AGENT.md", instructions(options.name)],
    [".env.example", envExample],
    [".gitignore", gitignore],
    ["skills/greet.ts", await readFile(skillFile, "utf8")],
  ];
}

const manifest = ({
  name,
  registry,
}: ScaffoldOptions): string => `# What this agent is. An unknown key is an error; \`parley validate\` names it with its line.
name: ${name}
description: Greets whoever asks
version: 0.1.0
tags: []
${registry === undefined ? "# registry: http://127.0.0.1:8080   # where to pair when the invite is a code" : `registry: ${registry}`}

# Every module of this folder that exports what defineSkill returns is a skill.
skills:
  folder: skills
  # disable: [greet]

# Variables without which the agent does not start; put them in .env.
env: []

limits:
  concurrentTasks: 8
  taskSeconds: 300
  drainSeconds: 10
`;

const instructions = (name: string): string => `# ${name}

What this agent is for, in the words that a model would need. A skill reads this page as \`context.instructions\`.

## Goals

- Greet everyone by name.

## Rules

- Say who asked, never guess it: the sender is in \`context.from\`, not in the text.
`;

const envExample = `# Copy to .env. Variables that are set already are left as they are.
# OPENAI_API_KEY=
`;

const gitignore = `.env
.parley/
node_modules/
`;

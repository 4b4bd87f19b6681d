import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import type { IncomingMessage } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

import type { Mention } from "./agent-channels.ts";
import { type Environment, loadEnvFile, requireVariables } from "./env-file.ts";
import { type ManifestContent, type ManifestInput, manifestSchema } from "./manifest-schema.ts";
import { loadManifest, type Manifest } from "./manifest.ts";
import type { Mesh } from "./mesh.ts";
import { nearestName } from "./nearest-name.ts";
import type { SkillContext } from "./skill-context.ts";
import { importModule, loadSkills } from "./skill-modules.ts";
import type { AnySkill } from "./skill.ts";

/** Marks an agent across copies of this package. */
const brand = Symbol.for("parley.agent");

/** A direct message as an agent's program gets it: whom it is from, and how far to go with that one, stands beside the text. */
export interface AgentMessage extends IncomingMessage {
  /** The text as it came; in `text` control and invisible characters are visible, unless the manifest says `raw`. */
  readonly raw: string;
}

/**
 * Handles a direct message; `context` is what a skill gets, with nobody who waits for its progress. What it throws is logged by code,
 * and the message becomes a dead letter.
 */
export type MessageHandler = (message: AgentMessage, mesh: Mesh, context: SkillContext) => void | Promise<void>;

/**
 * Handles a post that calls this agent, in a channel that it is in; those of one channel one after the other. One that it throws on comes
 * again a little later, five times at most.
 */
export type MentionHandler = (mention: Mention, mesh: Mesh, context: SkillContext) => void | Promise<void>;

/** An agent that is ready to run on a device. */
export interface Agent {
  readonly [brand]: true;
  readonly manifest: ManifestContent;
  readonly skills: readonly AnySkill[];
  /** `instructions` of agent.yaml, and the text of AGENT.md. */
  readonly instructions: string | undefined;
  readonly onMessage: MessageHandler | undefined;
  readonly onMention: MentionHandler | undefined;
}

/** An agent in one file: what agent.yaml would say, and the skills themselves. */
export interface AgentDefinition extends Omit<ManifestInput, "skills"> {
  readonly skills: readonly AnySkill[];
  readonly instructions?: string;
  readonly onMessage?: MessageHandler;
  readonly onMention?: MentionHandler;
}

/** Characters of AGENT.md. */
const maxInstructions = 64 * 1024;

/**
 * An agent in one file, for `parley run my-agent.ts`; the file exports what this returns, under any name. Throws
 * `invalid_manifest`.
 */
export function createAgent(definition: AgentDefinition): Agent {
  const { skills, instructions, onMessage, onMention, ...rest } = definition;
  const parsed = manifestSchema.safeParse(rest);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`createAgent: ${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
  }
  const ids = skills.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw invalid(`createAgent: two skills have the id ${twice}.`);
  if (skills.length > limits.skills) throw invalid(`createAgent: more than ${limits.skills} skills.`);
  checkRules(parsed.data, ids);
  return { [brand]: true, manifest: parsed.data, skills, instructions, onMessage, onMention };
}

/**
 * Loads an agent from a folder, an agent.yaml or a module that exports what `createAgent` returned; first the `.env`
 * beside it. Throws `invalid_manifest` or `invalid_config`.
 */
export async function loadAgent(path: string, env: Environment = process.env): Promise<Agent> {
  const absolute = resolve(path);
  if (/\.[mc]?[tj]s$/.test(absolute)) return loadModule(absolute, env);
  return agentOf(await loadManifest(absolute), env);
}

/** The agent that a manifest describes: loads `.env`, AGENT.md and the skills beside it. */
export async function agentOf(manifest: Manifest, env: Environment = process.env): Promise<Agent> {
  await loadEnvFile(join(manifest.folder, ".env"), env);
  requireVariables(manifest.env, env);
  const skills = await loadSkills(manifest);
  checkRules(
    manifest,
    skills.map(({ id }) => id),
  );
  return {
    [brand]: true,
    manifest,
    skills,
    instructions: joined(manifest.instructions, await readInstructions(join(manifest.folder, "AGENT.md"))),
    onMessage: undefined,
    onMention: undefined,
  };
}

function joined(...texts: readonly (string | undefined)[]): string | undefined {
  const there = texts.filter((text) => text !== undefined);
  return there.length === 0 ? undefined : there.join("\n\n");
}

async function loadModule(path: string, env: Environment): Promise<Agent> {
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) throw invalid(`There is no file ${path}.`);
  await loadEnvFile(join(dirname(path), ".env"), env);
  const agents = [...new Set(Object.values(await importModule(path)).filter(isAgent))];
  const [agent] = agents;
  if (agent === undefined) throw invalid(`${path} exports no agent; export what createAgent returns.`);
  if (agents.length > 1) throw invalid(`${path} exports ${agents.length} agents; a file runs one.`);
  requireVariables(agent.manifest.env, env);
  return agent;
}

async function readInstructions(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() !== true) return undefined;
  if (info.size > maxInstructions) throw invalid(`AGENT.md is larger than ${maxInstructions} bytes.`);
  return readFile(path, "utf8");
}

/** A rule for a skill that is not there would protect nothing. Of an agent with a model, whoever makes its tools looks at approvals. */
function checkRules({ approvals, model, skills }: ManifestContent, ids: readonly string[]): void {
  if (model === undefined) checkNamed("approvals", Object.keys(approvals), ids);
  checkNamed("skills.rules", Object.keys(skills.rules), ids);
}

function checkNamed(key: string, named: readonly string[], ids: readonly string[]): void {
  for (const id of named) {
    if (ids.includes(id)) continue;
    const nearest = nearestName(id, ids);
    throw invalid(`${key} names ${id}, which is no skill${nearest === undefined ? "." : `; did you mean ${nearest}?`}`);
  }
}

function isAgent(value: unknown): value is Agent {
  return typeof value === "object" && value !== null && brand in value;
}

function invalid(message: string): ParleyError {
  return new ParleyError("invalid_manifest", { message, data: { problems: [] } });
}

/**
 * Agents: what an author writes (skills, agent.yaml), and what runs it on a device. Not here: homes, pairing and the
 * choice of adapters (cli), sessions and links (client).
 */
export {
  type Agent,
  type AgentDefinition,
  type AgentMessage,
  agentOf,
  createAgent,
  loadAgent,
  type MentionHandler,
  type MessageHandler,
} from "./agent.ts";
export { cardOf, type CardOwner } from "./agent-card.ts";
export { type Mention } from "./agent-channels.ts";
export { declareSkill, type DeclaredSkill } from "./declared-skill.ts";
export { call, callAny } from "./call.ts";
export { type Environment, envFileWarning, loadEnvFile, maxEnvFileBytes } from "./env-file.ts";
export { neutralText, neutralValue } from "./guards/neutral.ts";
export { initAgent, type InitAgentOptions, type InitAgentResult } from "./init-agent.ts";
export { createLog, type LogLevel, type LogOptions } from "./log.ts";
export { loadManifest, type Manifest, maxManifestBytes } from "./manifest.ts";
export { type ManifestResult, readManifest } from "./manifest-reader.ts";
export { type ManifestContent, type ManifestInput } from "./manifest-schema.ts";
export {
  type AgentQuery,
  type AgentSummary,
  type CallOptions,
  type Cause,
  createMesh,
  type Delegation,
  type DelegationResult,
  type Mesh,
  type MeshOptions,
  progressOf,
} from "./mesh.ts";
export { type MeshChannel, type PostOptions } from "./mesh-channel.ts";
export { meshSkills } from "./mesh-skills.ts";
export { provideModules, readModulesAnew } from "./module-resolution.ts";
export { type McpServer, type ModelProvider, modelProviders, type ModelSettings } from "./model-schema.ts";
export { type ModelChoice, type Role, roleOf, roles } from "./roles.ts";
export { runAgent, type RunAgentOptions, type RunningAgent } from "./running-agent.ts";
export {
  type AnySkill,
  defineSkill,
  isSkill,
  type Skill,
  type SkillDefinition,
  type SkillInput,
  type SkillOutput,
  type SkillTrial,
} from "./skill.ts";
export { ruleOf as skillRuleOf, type SkillLimits, type SkillRule } from "./skill-rules.ts";
export { type TrialOptions, trySkill } from "./skill-trial.ts";
export { checkInput, checkOutput } from "./skill-check.ts";
export { type SkillArtifact, type SkillContext } from "./skill-context.ts";
export { readYaml, type YamlForm, type YamlPlace, type YamlProblem, type YamlResult } from "./yaml-form.ts";
export type { BroadcastState } from "@parley/client";
/** For authors: the error that reaches a caller with its code and words. */
export { type ErrorCode, ParleyError } from "@parley/protocol";

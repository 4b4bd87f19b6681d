/**
 * Agents with models: the loop of a model, its tools and its memory, on the AI SDK. Not here: what agent.yaml says (agent), keys and
 * homes (cli).
 */
export { type ModelAgent, type ModelAgentOptions, withModel } from "./model-agent.ts";

/** An agent that answers with its model: a skill `ask`, direct messages and mentions; its own skills become tools. */
import {
  type Agent,
  type AgentMessage,
  type Environment,
  defineSkill,
  type Mention,
  type Mesh,
  type SkillContext,
} from "@parley/agent";
import type { LogLine } from "@parley/client";
import { type Clock, systemClock } from "@parley/core";
import { ParleyError, toParleyError } from "@parley/protocol";
import type { ModelMessage } from "ai";
import { z } from "zod";

import { agentTools, type AgentTools } from "./agent-tools.ts";
import { ContextMemory } from "./context-memory.ts";
import { estimateTokens } from "./context-window.ts";
import { frame } from "./frame.ts";
import { loadModel, type LoadedModel } from "./language-model.ts";
import { costOf } from "./model-cost.ts";
import { type ModelAnswer, runModel, turnOf } from "./model-run.ts";
import { toolSetOf } from "./model-tool.ts";
import { frameOfMention, frameOfMessage, frameOfTask } from "./provenance.ts";
import { systemText } from "./system-text.ts";
import { TextProgress } from "./text-progress.ts";
import { McpServers } from "./tools/mcp-tools.ts";

export interface ModelAgentOptions {
  /** With a model in its manifest. */
  readonly agent: Agent;
  /** Where MCP servers are started: the agent's folder. */
  readonly folder: string;
  /** What is remembered of conversations, one file for each. */
  readonly memory: string;
  readonly env: Environment;
  readonly log: LogLine;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** An agent to run, and what has to be closed after it. */
export interface ModelAgent {
  readonly agent: Agent;
  close(): Promise<void>;
}

/** The least room that messages have beside instructions and tools, in tokens. */
const leastTokens = 512;
/** Characters of one tool's result, and its part of the window. */
const mostResult = 64 * 1024;

/**
 * Loads the model and reaches the MCP servers. Throws `invalid_config` for a key that is missing or a server that cannot be reached,
 * and `invalid_manifest` for tools that do not fit together.
 */
export async function withModel(options: ModelAgentOptions): Promise<ModelAgent> {
  const { agent, folder, env, log } = options;
  const { model: settings, mcpServers, skills } = agent.manifest;
  if (settings === undefined) throw new ParleyError("invalid_manifest", { message: "agent.yaml names no model." });
  const loaded = await loadModel(settings, env);
  const servers = new McpServers({ servers: mcpServers, folder, env, log });
  try {
    const tools = agentTools(agent, await servers.tools());
    const thinker = new Thinker(options, loaded, tools);
    const hasAsk = agent.skills.some(({ id }) => id === "ask") || skills.disable.includes("ask");
    return {
      agent: {
        ...agent,
        skills: hasAsk ? agent.skills : [...agent.skills, thinker.ask],
        onMessage: agent.onMessage ?? ((message, mesh, context) => thinker.onMessage(message, mesh, context)),
        onMention: agent.onMention ?? ((mention, mesh, context) => thinker.onMention(mention, mesh, context)),
      },
      close: () => servers.close(),
    };
  } catch (error) {
    await servers.close();
    throw error;
  }
}

class Thinker {
  readonly #options: ModelAgentOptions;
  readonly #loaded: LoadedModel;
  readonly #tools: AgentTools;
  readonly #memory: ContextMemory;
  readonly #system: string;
  /** Tokens of messages in one call. */
  readonly #tokens: number;

  constructor(options: ModelAgentOptions, loaded: LoadedModel, tools: AgentTools) {
    const { agent, memory: folder, log } = options;
    const { name, description, contextWindow, model } = agent.manifest;
    this.#options = options;
    this.#loaded = loaded;
    this.#tools = tools;
    this.#system = systemText({ name, description, instructions: agent.instructions });
    const taken = estimateTokens(this.#system) + estimateTokens(tools.tools) + (model?.maxOutputTokens ?? 0);
    if (contextWindow - taken < leastTokens)
      throw new ParleyError("invalid_manifest", {
        message: `contextWindow is ${contextWindow} tokens: instructions, tools and maxOutputTokens take ${taken} of them.`,
        data: { problems: [] },
      });
    this.#tokens = contextWindow - taken;
    this.#memory = new ContextMemory({ folder, tokens: this.#tokens, log });
  }

  /** The skill by which others ask the model. */
  get ask() {
    const { description } = this.#options.agent.manifest;
    const question = z.strictObject({ question: z.string().min(1), context: z.json().optional() });
    return defineSkill({
      id: "ask",
      name: "Ask",
      description: `Takes a question or a task in words and answers in words.${description === "" ? "" : ` ${description}`}`,
      tags: ["model"],
      input: z.union([z.string().min(1), question]),
      output: z.object({ answer: z.string() }),
      inputJsonSchema: askInput,
      run: async (input, context) => {
        const { text: raw } = context.raw;
        const said = typeof input === "string" ? { text: input, data: undefined } : { text: raw, data: input };
        const { member } = context.from;
        const key = ["task", member, context.actsFor?.member ?? "", context.contextId].join("/");
        return { answer: await this.#answer(key, frameOfTask(said, context), context) };
      },
    });
  }

  async onMessage(message: AgentMessage, mesh: Mesh, context: SkillContext): Promise<void> {
    const { member } = message.from;
    const text = await this.#answer(`direct/${member}`, frameOfMessage(message), context);
    if (text !== "") await mesh.send(member, text, { waitMs: 0 });
  }

  async onMention(mention: Mention, mesh: Mesh, context: SkillContext): Promise<void> {
    const text = await this.#answer(`channel/${context.contextId}`, frameOfMention(mention), context);
    if (text !== "") await mesh.channel(mention.channel).post(text, { answers: mention.post.message.id });
  }

  /** What the model says to this, with what it remembers of the conversation. */
  #answer(conversation: string, framed: string, context: SkillContext): Promise<string> {
    const said: ModelMessage = { role: "user", content: framed };
    const at = (this.#options.clock ?? systemClock).now();
    return this.#memory
      .within(conversation, async (remembered) => {
        let answer: ModelAnswer | undefined;
        let error: ParleyError | undefined;
        try {
          answer = await this.#run(said, remembered, context);
        } catch (thrown) {
          error = toParleyError(thrown);
        }
        const note = frame("notice", { noAnswer: error?.code ?? "" });
        return { result: { answer, error }, turn: turnOf(said, answer, at, note) };
      })
      .then(({ answer, error }) => {
        if (error !== undefined) throw error;
        return answer?.text ?? "";
      });
  }

  async #run(
    said: ModelMessage,
    remembered: Parameters<typeof runModel>[1],
    context: SkillContext,
  ): Promise<ModelAnswer> {
    const { agent, clock = systemClock, log } = this.#options;
    const { model: settings, maxTurns } = agent.manifest;
    const progress = new TextProgress({ clock, tell: (text) => context.progress(text) });
    let turnsLeft = maxTurns;
    const tools = toolSetOf(this.#tools.tools, {
      context,
      log: context.log,
      approvals: this.#tools.approvals,
      hasTurnLeft: () => turnsLeft > 0,
      mostCharacters: Math.min(mostResult, this.#tokens * 2),
    });
    // Nothing is asked of the model when nothing may be used.
    await context.usage({});
    const started = clock.monotonic();
    const answer = await runModel(said, remembered, {
      loaded: this.#loaded,
      system: this.#system,
      tools,
      temperature: settings?.temperature,
      maxOutputTokens: settings?.maxOutputTokens ?? 0,
      retries: settings?.retries ?? 0,
      maxTurns,
      tokens: this.#tokens,
      signal: context.signal,
      onText: (text) => progress.add(text),
      onUsage: (usage) => context.usage(costOf(usage, settings?.prices)),
      onTurn: (left) => (turnsLeft = left),
      log,
    });
    await progress.flush();
    context.log("info", "model.answered", { turns: answer.turns, tookMs: Math.round(clock.monotonic() - started) });
    return answer;
  }
}

/** For readers of the card: words, or a question with what belongs to it. */
const askInput: Readonly<Record<string, unknown>> = {
  anyOf: [
    { type: "string", minLength: 1 },
    {
      type: "object",
      properties: { question: { type: "string", minLength: 1 }, context: {} },
      required: ["question"],
      additionalProperties: false,
    },
  ],
};

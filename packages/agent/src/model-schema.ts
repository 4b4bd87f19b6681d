/** What agent.yaml says of a model: which one, what it may cost, and whose tools it has. No key stands in it, only where one is read from. */
import { limits } from "@parley/protocol";
import { z } from "zod";

/** Providers of models. `ollama` and `openai-compatible` speak OpenAI's chat completions. */
export const modelProviders = ["anthropic", "openai", "openai-compatible", "azure", "google", "ollama"] as const;
export type ModelProvider = (typeof modelProviders)[number];

/** MCP servers of one agent. */
const mostServers = 16;
const mostArguments = 64;

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "is not a name of an environment variable, for example ANTHROPIC_API_KEY");
const address = z.url({ protocol: /^https?$/, error: "is not an address such as https://models.example.org/v1" });
/** In units of the mesh's money. */
const price = z.number().min(0).max(1_000_000);

/** `model: { provider: anthropic, name: ... }`. */
export const modelSchema = z
  .strictObject({
    provider: z.enum(modelProviders),
    /** As the provider calls it; for Azure the deployment. */
    name: z.string().min(1).max(200),
    /** Where the provider is reached, for one that is not at its usual place. */
    baseUrl: address.max(2048).optional(),
    /** The environment variable that has the key. Each provider has its usual one. */
    apiKeyEnv: variable.optional(),
    /** Of OpenAI and Azure: which of the two interfaces. Default `responses`. */
    api: z.enum(["responses", "chat"]).optional(),
    /** Azure's version of the interface. */
    apiVersion: z.string().min(1).max(40).optional(),
    temperature: z.number().min(0).max(2).optional(),
    /** Tokens of one answer. Default 4096. */
    maxOutputTokens: z.int().min(1).max(1_000_000).default(4096),
    /** Times that a call is tried again, with growing pauses, when the provider is busy or cannot be reached. */
    retries: z.int().min(0).max(10).default(3),
    /** Per million tokens, in units of the mesh's money; without them only tokens are counted. */
    prices: z.strictObject({ input: price, output: price, cachedInput: price.optional() }).optional(),
  })
  .superRefine(({ provider, baseUrl }, context) => {
    if (baseUrl === undefined && (provider === "openai-compatible" || provider === "azure"))
      context.addIssue({ code: "custom", path: ["baseUrl"], message: `is missing: ${provider} has no usual place` });
  });

/** One that is started here, by `command`, or one that is there already, at `url`. */
const mcpServer = z
  .strictObject({
    command: z.string().min(1).max(1024).optional(),
    args: z.array(z.string().max(4096)).max(mostArguments).default([]),
    /** Names of variables that are handed on; of all others it gets only what a program needs to start. */
    env: z.array(variable).max(64).default([]),
    url: address.max(2048).optional(),
    /** The environment variable with a token that is sent as `Authorization: Bearer`. */
    tokenEnv: variable.optional(),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), {
    error: "has exactly one of command and url",
    // A key that is mistyped is said alone.
    when: ({ issues }) => issues.length === 0,
  });

/** Name of a server: it stands in front of its tools' names. */
const serverName = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, "is not a name such as files or issue-tracker");

/** `mcpServers: { files: { command: ... }, issues: { url: ... } }`. */
export const mcpServersSchema = z
  .record(serverName, mcpServer)
  .refine((servers) => Object.keys(servers).length <= mostServers, `has more than ${mostServers} servers`);

export type ModelSettings = z.infer<typeof modelSchema>;
export type McpServer = z.infer<typeof mcpServer>;

/** Turns of a model for one task or message: each is one answer of it and the tools that it asks for. */
export const maxTurnsSchema = z.int().min(1).max(200);
/** Tokens that are sent to the model at most, by an estimate of four characters each. */
export const contextWindowSchema = z.int().min(1024).max(10_000_000);
/** Characters of `instructions`. */
export const instructionsSchema = z.string().max(limits.envelopeBytes / 4);

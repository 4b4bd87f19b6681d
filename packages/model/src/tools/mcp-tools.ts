/** Servers of the Model Context Protocol: their tools, and the way to them. */
import { createMCPClient, type MCPClient } from "@ai-sdk/mcp";
import { StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import type { Environment, McpServer } from "@parley/agent";
import type { LogLine } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import { type ModelTool, toolName } from "../model-tool.ts";
import { checkSecretLine } from "../secret-line.ts";

export interface McpServersOptions {
  readonly servers: Readonly<Record<string, McpServer>>;
  /** Where programs are started. */
  readonly folder: string;
  readonly env: Environment;
  readonly log: LogLine;
}

/** Tools that are taken of one server. */
const mostTools = 64;

/** The servers that agent.yaml names. */
export class McpServers {
  readonly #ways: readonly McpWay[];

  constructor({ servers, ...rest }: McpServersOptions) {
    this.#ways = Object.entries(servers).map(([name, server]) => new McpWay(name, server, rest));
  }

  /** Reaches all of them. Throws `invalid_config` naming one that cannot be reached. */
  async tools(): Promise<readonly ModelTool[]> {
    return (await Promise.all(this.#ways.map((way) => way.tools()))).flat();
  }

  async close(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.close()));
  }
}

interface McpAnswer {
  readonly [other: string]: unknown;
  readonly content?: unknown;
  readonly structuredContent?: unknown;
  readonly isError?: boolean | undefined;
}

type Tools = Awaited<ReturnType<MCPClient["listTools"]>>["tools"];

/** One server. One that went away is started, or reached, anew with the next call. */
class McpWay {
  readonly #name: string;
  readonly #server: McpServer;
  readonly #options: Omit<McpServersOptions, "servers">;
  #client: Promise<MCPClient> | undefined;

  constructor(name: string, server: McpServer, options: Omit<McpServersOptions, "servers">) {
    this.#name = name;
    this.#server = server;
    this.#options = options;
  }

  async tools(): Promise<readonly ModelTool[]> {
    let listed: Tools;
    try {
      ({ tools: listed } = await (await this.#open()).listTools());
    } catch (cause) {
      const words = cause instanceof Error ? cause.message.slice(0, 300) : "";
      throw new ParleyError("invalid_config", {
        message: `The MCP server ${this.#name} gives no tools: ${words}`,
        cause,
      });
    }
    if (listed.length > mostTools)
      this.#options.log("warn", "mcp.tools-left-out", { server: this.#name, tools: listed.length - mostTools });
    return listed.slice(0, mostTools).map((tool) => ({
      name: toolName(`${this.#name}_${tool.name}`),
      description: tool.description ?? tool.name,
      inputSchema: { ...tool.inputSchema },
      run: (input, { signal }) => this.#call(tool.name, input, signal),
    }));
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.then((open) => open.close()).catch(() => undefined);
  }

  async #call(name: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    const opening = this.#open();
    const client = await opening;
    const { content, structuredContent, isError } = await this.#answerOf(opening, client, name, input, signal);
    return {
      from: { mcpServer: this.#name },
      ...(isError === true ? { isError } : {}),
      ...(structuredContent === undefined ? { content } : { structuredContent }),
    };
  }

  async #answerOf(
    opening: Promise<MCPClient>,
    client: MCPClient,
    name: string,
    input: unknown,
    signal: AbortSignal,
  ): Promise<McpAnswer> {
    try {
      const answer: McpAnswer = await client.callTool({
        name,
        arguments: input as Record<string, unknown>,
        options: { signal },
      });
      return answer;
    } catch (error) {
      // What the server answers itself has a code. Everything else is the way to it: the next call makes a new one.
      const isAnswered = typeof error === "object" && error !== null && "code" in error && error.code !== undefined;
      if (!signal.aborted && !isAnswered) {
        this.#forget(opening);
        await client.close().catch(() => undefined);
      }
      throw error;
    }
  }

  #open(): Promise<MCPClient> {
    if (this.#client !== undefined) return this.#client;
    const opening = createMCPClient({
      transport: this.#transport(),
      clientName: "parley",
      onUncaughtError: () => this.#forget(opening),
    });
    this.#client = opening;
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #forget(client: Promise<MCPClient>): void {
    if (this.#client === client) this.#client = undefined;
  }

  #transport(): Parameters<typeof createMCPClient>[0]["transport"] {
    const { command, args, url } = this.#server;
    if (command !== undefined)
      return new StdioMCPTransport({
        command,
        args,
        env: this.#variables(this.#server.env),
        cwd: this.#options.folder,
        // Its own words are for nobody here.
        stderr: "ignore",
      });
    const { tokenEnv } = this.#server;
    if (tokenEnv !== undefined) checkSecretLine(`mcpServers.${this.#name}.url`, url ?? "");
    const token = tokenEnv === undefined ? undefined : this.#variables([tokenEnv])[tokenEnv];
    return {
      type: "http",
      url: url ?? "",
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    };
  }

  #variables(names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
      names.map((name) => {
        const value = this.#options.env[name];
        if (value !== undefined && value !== "") return [name, value];
        throw new ParleyError("invalid_config", {
          message: `${name} is not set; the MCP server ${this.#name} needs it. Put it in .env beside agent.yaml.`,
        });
      }),
    );
  }
}

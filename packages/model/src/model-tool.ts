import type { SkillContext } from "@parley/agent";
/** A tool of a model: what it is for, whether a person is asked first, and how what it gives is handed to the model. */
import type { LogLine } from "@parley/client";
import { type ApprovalNeed, ParleyError, toParleyError } from "@parley/protocol";
import { dynamicTool, jsonSchema, type ToolSet } from "ai";

import { frameWithin } from "./frame.ts";

type JsonSchema = Readonly<Record<string, unknown>>;

export interface ModelTool {
  /** Letters, digits, `_` and `-`, at most 64: what all providers take. */
  readonly name: string;
  readonly description: string;
  /** Of an object. */
  readonly inputSchema: JsonSchema;
  /** Whether a person has to say yes each time, whatever agent.yaml says. */
  readonly approval?: ApprovalNeed;
  /** Works, and gives JSON. What others said stands in it as it came: the frame around it is made for all tools alike. */
  readonly run: (input: unknown, context: SkillContext) => Promise<unknown>;
}

/** One work of a model, as its tools see it. */
export interface ToolWork {
  readonly context: SkillContext;
  readonly log: LogLine;
  /** Of each tool that a person has to say yes to. */
  readonly approvals: Readonly<Record<string, ApprovalNeed>>;
  /** Whether the model has a turn left in which it could use what a tool gives. */
  readonly hasTurnLeft: () => boolean;
  /** Characters of one result. */
  readonly mostCharacters: number;
}

/** What a tool may be called, from any name. */
export const toolName = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/gu, "_").slice(0, 64);

/** The tools in the library's form, for one work. */
export function toolSetOf(tools: readonly ModelTool[], work: ToolWork): ToolSet {
  return Object.fromEntries(
    tools.map((tool) => [
      tool.name,
      dynamicTool({
        description: tool.description,
        inputSchema: jsonSchema(tool.inputSchema),
        execute: (input) => useTool(tool, input, work),
      }),
    ]),
  );
}

/** Uses a tool and frames what it gives. What goes wrong is told to the model by code, except the end of the work itself. */
async function useTool(tool: ModelTool, input: unknown, work: ToolWork): Promise<string> {
  const { context, log, approvals, mostCharacters } = work;
  const started = performance.now();
  const end = (code?: string): void =>
    log(code === undefined ? "info" : "warn", "model.tool", {
      tool: tool.name,
      tookMs: Math.round(performance.now() - started),
      ...(code === undefined ? {} : { code }),
    });
  try {
    context.signal.throwIfAborted();
    if (!work.hasTurnLeft()) throw new ParleyError("turns_used_up");
    const need = Object.hasOwn(approvals, tool.name) ? approvals[tool.name] : undefined;
    if (need !== undefined) await context.approve({ skill: tool.name, input, need });
    const given = await tool.run(input, context);
    end();
    return frameWithin("result", { tool: tool.name, gave: given ?? null }, mostCharacters);
  } catch (thrown) {
    if (context.signal.aborted) throw context.signal.reason;
    const { code, message, data } = coded(thrown, log);
    end(code);
    const more = data?.["others"] === undefined ? {} : { others: data["others"] };
    return frameWithin("result", { tool: tool.name, failed: { code, message, ...more } }, mostCharacters);
  }
}

function coded(thrown: unknown, log: LogLine): ParleyError {
  const error = toParleyError(thrown);
  if (error.code !== "internal") return error;
  log("error", "model.tool-threw", {
    error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : typeof thrown,
  });
  return new ParleyError("task_failed", { message: "The tool failed." });
}

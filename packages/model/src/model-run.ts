/**
 * One work of a model: turns of asking it and using the tools that it asks for, until it answers. The library streams, runs tools of a
 * turn side by side and tries again what failed; turns are counted here, so that between two of them the budget is looked at, and what
 * is sent stays within the window.
 */
import type { LogLine } from "@parley/client";
import { ParleyError } from "@parley/protocol";
import { isStepCount, type ModelMessage, streamText, type ToolSet } from "ai";

import type { Remembered } from "./context-memory.ts";
import { messagesWithin, type Turn } from "./context-window.ts";
import type { LoadedModel } from "./language-model.ts";
import { failureOf } from "./model-failure.ts";
import { lastTurnText } from "./system-text.ts";

export interface ModelRunOptions {
  readonly loaded: LoadedModel;
  readonly system: string;
  readonly tools: ToolSet;
  readonly temperature: number | undefined;
  readonly maxOutputTokens: number;
  readonly retries: number;
  readonly maxTurns: number;
  /** Tokens of the messages of one call. */
  readonly tokens: number;
  readonly signal: AbortSignal;
  /** A piece of what the model writes; the model is read no faster than this resolves. */
  readonly onText: (text: string) => Promise<void>;
  /** Takes what a call cost. Rejects when nothing more may be used. */
  readonly onUsage: (usage: Usage) => Promise<void>;
  /** Called before each turn with how many are left after it. */
  readonly onTurn: (left: number) => void;
  readonly log: LogLine;
}

type Result = ReturnType<typeof streamText<ToolSet>>;
type Usage = Awaited<Result["usage"]>;

export interface ModelAnswer {
  readonly text: string;
  readonly turns: number;
  /** What was said now, and all that the model and its tools made of it. */
  readonly messages: readonly ModelMessage[];
}

/** Tool calls of one turn at the same time. */
const callsAtOnce = 16;

/**
 * Asks until there is an answer. Rejects with `turns_used_up`, `model_unavailable`, `model_refused`, with what `onUsage` rejects with,
 * or with the signal's reason.
 */
export async function runModel(
  said: ModelMessage,
  remembered: Remembered,
  options: ModelRunOptions,
): Promise<ModelAnswer> {
  const now: ModelMessage[] = [said];
  for (let turn = 1; turn <= options.maxTurns; turn++) {
    const left = options.maxTurns - turn;
    options.onTurn(left);
    const { earlier, leftOut } = { earlier: remembered.turns, leftOut: remembered.leftOut };
    const messages = messagesWithin({ earlier, leftOut, now }, options.tokens);
    const system = left === 0 ? `${options.system}\n\n${lastTurnText}` : options.system;
    const { text, added, isDone } = await oneTurn(messages, system, options);
    now.push(...added);
    if (isDone) return { text, turns: turn, messages: now };
  }
  throw new ParleyError("turns_used_up");
}

/** What is kept of a work that came to no answer. */
export function turnOf(said: ModelMessage, answer: ModelAnswer | undefined, at: number, note: string): Turn {
  if (answer !== undefined) return { at, messages: answer.messages };
  return { at, messages: [said, { role: "assistant", content: note }] };
}

interface TurnResult {
  readonly text: string;
  readonly added: readonly ModelMessage[];
  readonly isDone: boolean;
}

async function oneTurn(messages: ModelMessage[], system: string, options: ModelRunOptions): Promise<TurnResult> {
  const { loaded, tools, signal, temperature, maxOutputTokens, retries } = options;
  try {
    const result = streamText<ToolSet>({
      model: loaded.model,
      instructions: system,
      messages,
      tools,
      stopWhen: isStepCount(1),
      abortSignal: signal,
      maxRetries: retries,
      streamRetries: retries,
      maxOutputTokens,
      toolCallConcurrency: callsAtOnce,
      providerOptions: loaded.providerOptions,
      // What goes wrong comes with the stream.
      onError: () => {},
      ...(temperature === undefined ? {} : { temperature }),
    });
    await readAll(result, options);
    await options.onUsage(await result.usage);
    const [{ messages: added }, calls, reason, text] = await Promise.all([
      result.response,
      result.toolCalls,
      result.finishReason,
      result.text,
    ]);
    if (reason === "content-filter" || reason === "error") throw new ParleyError("model_refused");
    return { text, added, isDone: calls.length === 0 };
  } catch (thrown) {
    throw failed(thrown, options);
  }
}

async function readAll(result: Result, { signal, onText }: ModelRunOptions): Promise<void> {
  for await (const part of result.stream) {
    if (part.type === "text-delta") await onText(part.text);
    if (part.type === "error") throw part.error;
    if (part.type === "abort") signal.throwIfAborted();
  }
  signal.throwIfAborted();
}

/** The end of the work itself comes first: what breaks by it is no failure of the model. */
function failed(thrown: unknown, { signal, loaded, log }: ModelRunOptions): unknown {
  if (signal.aborted) return signal.reason;
  const { error, facts } = failureOf(thrown);
  if (facts.code === "model_unavailable" || facts.code === "model_refused")
    log("warn", "model.failed", { ...facts, says: loaded.withoutKey(facts.says) });
  return error;
}

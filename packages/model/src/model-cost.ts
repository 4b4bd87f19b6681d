/** What a call of a model cost: tokens, and money where agent.yaml says the prices. */
import type { ModelSettings } from "@parley/agent";
import type { SelfReport } from "@parley/client";
import type { LanguageModelUsage } from "ai";

/** Prices are per million tokens, money is in millionths of the unit: a token costs its price. */
export function costOf(
  { inputTokens = 0, outputTokens = 0, inputTokenDetails }: LanguageModelUsage,
  prices: ModelSettings["prices"],
): Required<{ readonly [Key in keyof SelfReport]: number }> {
  const tokens = inputTokens + outputTokens;
  if (prices === undefined) return { tokens, money: 0 };
  const cached = Math.min(inputTokens, inputTokenDetails.cacheReadTokens ?? 0);
  const { input, output, cachedInput = input } = prices;
  return { tokens, money: Math.ceil((inputTokens - cached) * input + cached * cachedInput + outputTokens * output) };
}

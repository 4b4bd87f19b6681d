/** Anthropic's Messages, streamed. */
import { z } from "zod";

import { pieces, type Wire, type WireEvent } from "./wire.ts";

const text = z.looseObject({ type: z.literal("text"), text: z.string().min(1) });
const toolUse = z.looseObject({
  type: z.literal("tool_use"),
  id: z.string(),
  name: z.string(),
  input: z.looseObject({}),
});
const toolResult = z.looseObject({ type: z.literal("tool_result"), tool_use_id: z.string(), content: z.unknown() });
const request = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  stream: z.literal(true),
  system: z.array(text).optional(),
  tools: z
    .array(
      z.looseObject({
        name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/u),
        input_schema: z.looseObject({ type: z.literal("object") }),
      }),
    )
    .optional(),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(["user", "assistant"]),
        content: z.array(z.discriminatedUnion("type", [text, toolUse, toolResult])).min(1),
      }),
    )
    .min(1),
});

export const anthropicWire: Wire = {
  name: "anthropic",
  serves: (path) => path.endsWith("/messages"),
  keyOf: ({ "x-api-key": key, "anthropic-version": version }) =>
    typeof key === "string" && typeof version === "string" ? key : undefined,
  read(body) {
    const { model, system = [], tools = [], messages } = request.parse(body);
    if (messages[0]?.role !== "user") throw new Error("the first message is not the user's");
    if (messages.some(({ role }, index) => role === messages[index - 1]?.role))
      throw new Error("roles do not alternate");
    const blocks = messages.map(({ content }) => content);
    const last = blocks.at(-1) ?? [];
    return {
      model,
      system: system.map((each) => each.text).join("\n"),
      tools: tools.map(({ name }) => name),
      said: JSON.stringify(blocks.findLast((content) => content.some(({ type }) => type === "text")) ?? []),
      all: JSON.stringify(messages),
      calls: blocks.flat().flatMap((block) => (block.type === "tool_use" ? [block.id] : [])),
      results: last.flatMap((block) =>
        block.type === "tool_result" ? [{ call: block.tool_use_id, text: JSON.stringify(block.content) }] : [],
      ),
    };
  },
  write({ text: words = "", calls = [], usage = { input: 10, output: 5 } }, model, serial) {
    const events: { readonly type: string; readonly [field: string]: unknown }[] = [
      {
        type: "message_start",
        message: {
          id: `msg_${serial}`,
          type: "message",
          role: "assistant",
          content: [],
          model,
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: usage.input, output_tokens: 1 },
        },
      },
      { type: "ping" },
    ];
    const block = (index: number, start: unknown, deltas: readonly unknown[]): void => {
      events.push({ type: "content_block_start", index, content_block: start });
      for (const delta of deltas) events.push({ type: "content_block_delta", index, delta });
      events.push({ type: "content_block_stop", index });
    };
    const hasText = words !== "";
    if (hasText) {
      const deltas = pieces(words).map((piece) => ({ type: "text_delta", text: piece }));
      block(0, { type: "text", text: "" }, deltas);
    }
    for (const [index, { name, input }] of calls.entries()) {
      const place = index + (hasText ? 1 : 0);
      const deltas = pieces(JSON.stringify(input)).map((piece) => ({ type: "input_json_delta", partial_json: piece }));
      block(place, { type: "tool_use", id: `toolu_${serial}_${index}`, name, input: {} }, deltas);
    }
    const stop = calls.length > 0 ? "tool_use" : "end_turn";
    events.push({
      type: "message_delta",
      delta: { stop_reason: stop, stop_sequence: null },
      usage: { output_tokens: usage.output },
    });
    events.push({ type: "message_stop" });
    return events.map((data): WireEvent => ({ event: data.type, data }));
  },
  refuse: (status, message) => ({
    type: "error",
    error: { type: status === 401 ? "authentication_error" : "invalid_request_error", message },
  }),
};

/** OpenAI's chat completions, streamed; also of compatible endpoints, Azure and Ollama. */
import { z } from "zod";

import { bearerOf, pieces, type Wire, type WireEvent } from "./wire.ts";

const content = z.union([z.string(), z.array(z.looseObject({ type: z.literal("text"), text: z.string() }))]);
const call = z.looseObject({
  id: z.string(),
  type: z.literal("function"),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
const message = z.discriminatedUnion("role", [
  z.looseObject({ role: z.enum(["system", "developer"]), content }),
  z.looseObject({ role: z.literal("user"), content }),
  z.looseObject({ role: z.literal("assistant"), content: content.nullish(), tool_calls: z.array(call).optional() }),
  z.looseObject({ role: z.literal("tool"), tool_call_id: z.string(), content }),
]);
const request = z.looseObject({
  model: z.string().min(1),
  stream: z.literal(true),
  stream_options: z.looseObject({ include_usage: z.literal(true) }),
  messages: z.array(message).min(1),
  tools: z
    .array(
      z.looseObject({
        type: z.literal("function"),
        function: z.looseObject({
          name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/u),
          parameters: z.looseObject({ type: z.literal("object") }),
        }),
      }),
    )
    .optional(),
});

export const chatWire: Wire = {
  name: "chat",
  serves: (path) => path.endsWith("/chat/completions"),
  keyOf: bearerOf,
  read(body) {
    const { model, messages, tools = [] } = request.parse(body);
    const since = messages.slice(messages.findLastIndex(({ role }) => role === "assistant") + 1);
    return {
      model,
      system: messages
        .flatMap((each) => (each.role === "system" || each.role === "developer" ? [JSON.stringify(each.content)] : []))
        .join("\n"),
      tools: tools.map((tool) => tool.function.name),
      said: JSON.stringify(messages.findLast(({ role }) => role === "user") ?? {}),
      all: JSON.stringify(messages),
      calls: messages.flatMap((each) => (each.role === "assistant" ? (each.tool_calls ?? []).map(({ id }) => id) : [])),
      results: since.flatMap((each) =>
        each.role === "tool" ? [{ call: each.tool_call_id, text: JSON.stringify(each.content) }] : [],
      ),
    };
  },
  write({ text = "", calls = [], usage = { input: 10, output: 5 } }, model, serial) {
    const chunk = (choices: readonly unknown[], more: object = {}): WireEvent => ({
      data: {
        id: `chatcmpl-${serial}`,
        object: "chat.completion.chunk",
        created: 1_790_000_000,
        model,
        choices,
        ...more,
      },
    });
    const delta = (value: unknown): WireEvent => chunk([{ index: 0, delta: value, finish_reason: null }]);
    const events = [
      delta({ role: "assistant", content: "" }),
      ...pieces(text).map((piece) => delta({ content: piece })),
    ];
    for (const [index, { name, input }] of calls.entries()) {
      const id = `call_${serial}_${index}`;
      events.push(delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }));
      for (const piece of pieces(JSON.stringify(input)))
        events.push(delta({ tool_calls: [{ index, function: { arguments: piece } }] }));
    }
    events.push(chunk([{ index: 0, delta: {}, finish_reason: calls.length > 0 ? "tool_calls" : "stop" }]));
    const { input, output } = usage;
    const used = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
    return [...events, chunk([], { usage: used }), { data: "[DONE]" }];
  },
  refuse: (status, words) => ({
    error: {
      message: words,
      type: "invalid_request_error",
      param: null,
      code: status === 401 ? "invalid_api_key" : null,
    },
  }),
};

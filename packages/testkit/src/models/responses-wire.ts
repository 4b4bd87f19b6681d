/** OpenAI's responses, streamed; also of Azure. */
import { z } from "zod";

import { chatWire } from "./chat-wire.ts";
import { type Answer, bearerOf, pieces, type Wire, type WireEvent } from "./wire.ts";

const words = z.looseObject({ type: z.enum(["input_text", "output_text"]), text: z.string() });
const item = z.union([
  z.looseObject({ role: z.enum(["system", "developer"]), content: z.string() }),
  z.looseObject({ role: z.literal("user"), content: z.union([z.string(), z.array(words)]) }),
  z.looseObject({ role: z.literal("assistant"), content: z.union([z.string(), z.array(words)]) }),
  z.looseObject({ type: z.literal("function_call"), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.looseObject({ type: z.literal("function_call_output"), call_id: z.string(), output: z.unknown() }),
]);
const request = z.looseObject({
  model: z.string().min(1),
  stream: z.literal(true),
  /** What an agent hears stays with the agent. */
  store: z.literal(false),
  input: z.array(item).min(1),
  tools: z
    .array(
      z.looseObject({
        type: z.literal("function"),
        name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/u),
        parameters: z.looseObject({ type: z.literal("object") }),
      }),
    )
    .optional(),
});
type Item = z.infer<typeof item>;

const isCall = (each: Item): each is Extract<Item, { type: "function_call" }> => each["type"] === "function_call";
const isOutput = (each: Item): each is Extract<Item, { type: "function_call_output" }> =>
  each["type"] === "function_call_output";

export const responsesWire: Wire = {
  name: "responses",
  serves: (path) => path.endsWith("/responses"),
  keyOf: bearerOf,
  read(body) {
    const { model, input, tools = [] } = request.parse(body);
    const since = input.slice(input.findLastIndex((each) => isCall(each) || each["role"] === "assistant") + 1);
    return {
      model,
      system: input
        .flatMap((each) => (each["role"] === "system" || each["role"] === "developer" ? [JSON.stringify(each)] : []))
        .join("\n"),
      tools: tools.map(({ name }) => name),
      said: JSON.stringify(input.findLast((each) => each["role"] === "user") ?? {}),
      all: JSON.stringify(input),
      calls: input.filter(isCall).map((each) => each.call_id),
      results: since.filter(isOutput).map((each) => ({ call: each.call_id, text: JSON.stringify(each.output) })),
    };
  },
  write(answer, model, serial) {
    const head = { id: `resp_${serial}`, object: "response", created_at: 1_790_000_000, model };
    const { input, output } = answer.usage ?? { input: 10, output: 5 };
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    };
    const events = [
      { type: "response.created", response: { ...head, status: "in_progress" } },
      ...itemsOf(answer, serial),
      { type: "response.completed", response: { ...head, status: "completed", incomplete_details: null, usage } },
    ];
    return events.map((data, index): WireEvent => ({ event: data.type, data: { ...data, sequence_number: index } }));
  },
  refuse: chatWire.refuse,
};

type ResponseEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

function itemsOf({ text = "", calls = [] }: Answer, serial: number): readonly ResponseEvent[] {
  const items: ResponseEvent[] = [];
  let output_index = 0;
  if (text !== "") {
    const id = `msg_${serial}`;
    const place = { item_id: id, output_index, content_index: 0 };
    const message = { id, type: "message", role: "assistant" };
    items.push(
      {
        type: "response.output_item.added",
        output_index,
        item: { ...message, status: "in_progress", content: [] },
      },
      ...pieces(text).map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
      {
        type: "response.output_item.done",
        output_index,
        item: { ...message, status: "completed", content: [{ type: "output_text", text, annotations: [] }] },
      },
    );
    output_index++;
  }
  for (const [index, { name, input }] of calls.entries()) {
    const id = `fc_${serial}_${index}`;
    const call = { id, type: "function_call", call_id: `call_${serial}_${index}`, name };
    const whole = JSON.stringify(input);
    items.push(
      { type: "response.output_item.added", output_index, item: { ...call, status: "in_progress", arguments: "" } },
      ...pieces(whole).map((delta) => ({
        type: "response.function_call_arguments.delta",
        item_id: id,
        output_index,
        delta,
      })),
      { type: "response.function_call_arguments.done", item_id: id, output_index, arguments: whole },
      { type: "response.output_item.done", output_index, item: { ...call, status: "completed", arguments: whole } },
    );
    output_index++;
  }
  return items;
}

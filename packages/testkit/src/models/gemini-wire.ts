/** Google's generateContent, streamed. */
import { z } from "zod";

import { pieces, type Wire, type WireEvent } from "./wire.ts";

const part = z.union([
  z.looseObject({ text: z.string() }),
  z.looseObject({ functionCall: z.looseObject({ name: z.string(), args: z.unknown() }) }),
  z.looseObject({ functionResponse: z.looseObject({ name: z.string(), response: z.unknown() }) }),
]);
const request = z.looseObject({
  contents: z.array(z.strictObject({ role: z.enum(["user", "model"]), parts: z.array(part).min(1) })).min(1),
  systemInstruction: z.looseObject({ parts: z.array(z.looseObject({ text: z.string() })) }).optional(),
  tools: z
    .union([
      z.array(z.looseObject({ functionDeclarations: z.array(z.looseObject({ name: z.string() })) })),
      z.looseObject({ functionDeclarations: z.array(z.looseObject({ name: z.string() })) }),
    ])
    .optional(),
});

export const geminiWire: Wire = {
  name: "gemini",
  serves: (path) => path.endsWith(":streamGenerateContent"),
  keyOf: ({ "x-goog-api-key": key }) => (typeof key === "string" ? key : undefined),
  read(body, path) {
    const { contents, systemInstruction, tools = [] } = request.parse(body);
    const parts = contents.flatMap((each) => each.parts);
    const last = contents.at(-1)?.parts ?? [];
    const responses = (of: typeof parts) =>
      of.flatMap((each) => ("functionResponse" in each ? [each["functionResponse"]] : []));
    // The format has no ids: calls and results are held together by their number and their names.
    const called = parts.flatMap((each) => ("functionCall" in each ? [each["functionCall"]] : []));
    return {
      model: /models\/([^:]+):/u.exec(path)?.[1] ?? "",
      system: (systemInstruction?.parts ?? []).map(({ text }) => text).join("\n"),
      tools: [tools].flat().flatMap((each) => each.functionDeclarations.map(({ name }) => name)),
      said: JSON.stringify(
        contents.findLast((each) => each.role === "user" && each.parts.some((of) => "text" in of)) ?? {},
      ),
      all: JSON.stringify(contents),
      calls: called.map((each, index) => `${index} ${(each as { readonly name: string }).name}`),
      results: responses(last).map((each, index) => ({
        call: `${called.length - last.length + index} ${(each as { readonly name: string }).name}`,
        text: JSON.stringify(each),
      })),
    };
  },
  write({ text = "", calls = [], usage = { input: 10, output: 5 } }, model, serial) {
    const { input, output } = usage;
    const usageMetadata = { promptTokenCount: input, candidatesTokenCount: output, totalTokenCount: input + output };
    const chunk = (given: readonly unknown[], more: object = {}): WireEvent => ({
      data: {
        candidates: [{ content: { role: "model", parts: given }, index: 0, ...more }],
        usageMetadata,
        modelVersion: model,
        responseId: `response-${serial}`,
      },
    });
    const called = calls.map(({ name, input: args }) => ({ functionCall: { name, args } }));
    return [
      ...pieces(text).map((piece) => chunk([{ text: piece }])),
      chunk(called.length > 0 ? called : [{ text: "" }], { finishReason: "STOP" }),
    ];
  },
  refuse: (status, message) => ({
    error: { code: status, message, status: status === 401 ? "UNAUTHENTICATED" : "INVALID_ARGUMENT" },
  }),
};

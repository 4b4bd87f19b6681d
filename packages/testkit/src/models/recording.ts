/** Traffic with a provider, as it is kept in `test/fixtures/models`: what is asked, by its shape, and what is answered. */
import { z } from "zod";

import type { ReadRequest } from "./wire.ts";

const words = z.array(z.string().min(1));

/** The shape of a request. What is not named is not looked at; what is has to be there. */
const shapeSchema = z.strictObject({
  path: z.string().optional(),
  model: z.string().optional(),
  /** Name of the agent that asks. */
  agent: z.string().optional(),
  /** Each stands in what the model is told first. */
  instructs: words.optional(),
  /** Each stands in the last message that is no result of a tool. */
  says: words.optional(),
  /** Tools that are offered. */
  tools: words.optional(),
  /** How many results came since the last answer, and what stands in them. */
  results: z.strictObject({ count: z.int().min(0), hold: words.optional(), lack: words.optional() }).optional(),
  /** What stands anywhere in the messages, and what does not. */
  holds: words.optional(),
  lacks: words.optional(),
});

const responseSchema = z.strictObject({
  status: z.int().default(200),
  headers: z.record(z.string(), z.string()).default({}),
  /** As they went over the wire. */
  events: z.array(z.strictObject({ event: z.string().optional(), data: z.unknown() })).optional(),
  /** The same in no provider's form; the stand-in writes it in that of the request. */
  answer: z
    .strictObject({
      text: z.string().optional(),
      calls: z.array(z.strictObject({ name: z.string(), input: z.unknown() })).optional(),
      usage: z.strictObject({ input: z.int(), output: z.int() }).optional(),
    })
    .optional(),
  /** Of an answer with another status. */
  body: z.unknown().optional(),
  /** After so many events nothing more comes, and the line stays open. */
  hangsAfter: z.int().min(0).optional(),
});

export const recordingSchema = z.strictObject({
  about: z.string(),
  exchanges: z
    .array(
      z.strictObject({
        request: shapeSchema,
        response: responseSchema,
        /** How often it may be asked. */
        times: z.int().min(1).default(1),
      }),
    )
    .min(1),
});
export type Recording = z.input<typeof recordingSchema>;
export type Exchange = z.infer<typeof recordingSchema>["exchanges"][number];

/** Why a request is not of a shape; undefined when it is. */
export function misfit(shape: Exchange["request"], path: string, request: ReadRequest): string | undefined {
  const { agent, instructs = [], says = [], tools = [], results, holds = [], lacks = [] } = shape;
  if (shape.path !== undefined && shape.path !== path) return `path is ${path}`;
  if (shape.model !== undefined && shape.model !== request.model) return `model is ${request.model}`;
  if (agent !== undefined && !request.system.includes(`You are @${agent},`)) return `it is not @${agent} that asks`;
  const untold = instructs.find((each) => !request.system.includes(each));
  if (untold !== undefined) return `its model is not told ${untold}`;
  const tool = tools.find((each) => !request.tools.includes(each));
  if (tool !== undefined) return `there is no tool ${tool}`;
  const lacking =
    says.find((each) => !request.said.includes(each)) ?? holds.find((each) => !request.all.includes(each));
  if (lacking !== undefined) return `it lacks ${lacking}`;
  const held = lacks.find((each) => request.all.includes(each));
  if (held !== undefined) return `it has ${held}`;
  if (results === undefined) return undefined;
  if (results.count !== request.results.length) return `it has ${request.results.length} results`;
  const all = request.results.map(({ text }) => text).join("\n");
  const wanted = (results.hold ?? []).find((each) => !all.includes(each));
  if (wanted !== undefined) return `its results lack ${wanted}`;
  const unwanted = (results.lack ?? []).find((each) => all.includes(each));
  return unwanted === undefined ? undefined : `its results have ${unwanted}`;
}

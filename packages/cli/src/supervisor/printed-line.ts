/** What a supervisor understands of the lines that `parley run --json` prints. */
import { z } from "zod";

const readySchema = z.object({ event: z.literal("ready"), name: z.string() });
const errorSchema = z.object({ error: z.object({ code: z.string().max(64), message: z.string() }) });
/** Characters of an error's words that are kept. */
const errorCharacters = 500;

/** The agent's name, where a line says that it is ready. */
export function readyOf(text: string): string | undefined {
  return readySchema.safeParse(jsonOf(text)).data?.name;
}

/** The error that a line tells. */
export function lastError(text: string): { readonly code: string; readonly message: string } | undefined {
  const error = errorSchema.safeParse(jsonOf(text)).data?.error;
  return error && { code: error.code, message: error.message.slice(0, errorCharacters) };
}

function jsonOf(text: string): unknown {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The wire formats of providers, as far as an agent's model uses them. */

/** A request, read from any of the formats. */
export interface ReadRequest {
  readonly model: string;
  readonly system: string;
  /** Names of the tools that are offered. */
  readonly tools: readonly string[];
  /** The last message that is no result of a tool, as JSON. */
  readonly said: string;
  /** All messages, as JSON. */
  readonly all: string;
  /** Calls of tools so far, and results of them that came after the last answer. */
  readonly calls: readonly string[];
  readonly results: readonly { readonly call: string; readonly text: string }[];
}

/** What a model answers, in no format yet. */
export interface Answer {
  readonly text?: string | undefined;
  readonly calls?: readonly { readonly name: string; readonly input: unknown }[] | undefined;
  readonly usage?: { readonly input: number; readonly output: number } | undefined;
}

/** One event of a stream: its name, where the format has names, and its data. */
export interface WireEvent {
  readonly event?: string | undefined;
  readonly data: unknown;
}

export interface Wire {
  readonly name: "anthropic" | "chat" | "responses" | "gemini";
  /** Whether a path is of this format. */
  readonly serves: (path: string) => boolean;
  /** Which header has the key. */
  readonly keyOf: (headers: Readonly<Record<string, string | string[] | undefined>>) => string | undefined;
  /** Reads a request, or throws with what the provider would not take. */
  readonly read: (body: unknown, path: string) => ReadRequest;
  readonly write: (answer: Answer, model: string, serial: number) => readonly WireEvent[];
  /** The body of an error. */
  readonly refuse: (status: number, message: string) => unknown;
}

/** Pieces in which words are streamed: small, so that whoever reads has to put them together. */
export function pieces(text: string): readonly string[] {
  return text.match(/[\s\S]{1,12}/gu) ?? [];
}

export const bearerOf = (headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined => {
  const { authorization, "api-key": apiKey } = headers;
  if (typeof apiKey === "string") return apiKey;
  return typeof authorization === "string" ? /^Bearer (.+)$/u.exec(authorization)?.[1] : undefined;
};

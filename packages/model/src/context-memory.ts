/** What a model remembers of each conversation: on disk, within its context window, and not for ever. */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { LogLine } from "@parley/client";
import { type ModelMessage, modelMessageSchema } from "ai";
import { z } from "zod";

import { newestWithin, type Turn } from "./context-window.ts";

export interface ContextMemoryOptions {
  /** Made if it is missing. */
  readonly folder: string;
  /** Tokens that are kept of one conversation. */
  readonly tokens: number;
  readonly log: LogLine;
}

/** What is remembered of one conversation. */
export interface Remembered {
  readonly turns: readonly Turn[];
  /** Turns before these that are forgotten. */
  readonly leftOut: number;
}

/** Conversations of one agent; the ones that rested longest are forgotten first. */
const mostContexts = 1_000;
/** Bytes of a file that is read back. */
const mostBytes = 64 * 1024 * 1024;

const keptSchema = z.object({
  leftOut: z.int().min(0),
  turns: z.array(z.object({ at: z.number(), messages: z.array(modelMessageSchema) })),
});

export class ContextMemory {
  readonly #options: ContextMemoryOptions;
  /** Of each conversation that is at work, what has to end first. */
  readonly #atWork = new Map<string, Promise<void>>();

  constructor(options: ContextMemoryOptions) {
    this.#options = options;
  }

  /** Runs work with what is remembered, one after the other in each conversation, and keeps the turn that it gives. */
  async within<Result>(
    conversation: string,
    work: (remembered: Remembered) => Promise<{ readonly result: Result; readonly turn: Turn }>,
  ): Promise<Result> {
    const name = createHash("sha256").update(conversation).digest("hex");
    const before = this.#atWork.get(name);
    const done = Promise.withResolvers<void>();
    const mine = done.promise;
    this.#atWork.set(name, mine);
    try {
      await before;
      const remembered = await this.#read(name);
      const { result, turn } = await work(remembered);
      await this.#write(name, remembered, turn);
      return result;
    } finally {
      if (this.#atWork.get(name) === mine) this.#atWork.delete(name);
      done.resolve();
    }
  }

  async #read(name: string): Promise<Remembered> {
    const path = join(this.#options.folder, `${name}.json`);
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) return { turns: [], leftOut: 0 };
    try {
      if (info.size > mostBytes) throw new Error("too large");
      const { turns, leftOut } = keptSchema.parse(JSON.parse(await readFile(path, "utf8")));
      return { turns, leftOut };
    } catch {
      this.#options.log("warn", "model.memory-unreadable", { file: `${name}.json` });
      return { turns: [], leftOut: 0 };
    }
  }

  /** A disk that does not take it makes the agent forget, not fail. */
  async #write(name: string, { turns, leftOut }: Remembered, turn: Turn): Promise<void> {
    const { folder, tokens, log } = this.#options;
    const all = [...turns, { ...turn, messages: plain(turn.messages) }];
    const kept = newestWithin(all, tokens);
    const path = join(folder, `${name}.json`);
    const temporary = `${path}.${randomUUID()}`;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const text = JSON.stringify({ leftOut: leftOut + all.length - kept.length, turns: kept });
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, path);
      if (turns.length === 0) await this.#forgetOldest();
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      log("warn", "model.memory-not-kept", { code: (error as NodeJS.ErrnoException).code });
    }
  }

  async #forgetOldest(): Promise<void> {
    const { folder } = this.#options;
    const names = await readdir(folder);
    if (names.length <= mostContexts) return;
    const ages = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
    );
    const oldest = ages.toSorted((a, b) => a.at - b.at).slice(0, names.length - mostContexts);
    await Promise.all(oldest.map(({ name }) => rm(join(folder, name), { force: true })));
  }
}

/** Without a provider's own marks and a model's thoughts: another provider, or another day, could not read them. */
function plain(messages: readonly ModelMessage[]): ModelMessage[] {
  return messages.flatMap((message) => {
    const { providerOptions: _marks, ...rest } = message;
    if (rest.role !== "assistant" || typeof rest.content === "string") return [withoutMarks(rest)];
    const content = rest.content.filter(({ type }) => type === "text" || type === "tool-call");
    return content.length === 0 ? [] : [withoutMarks({ ...rest, content })];
  });
}

function withoutMarks(message: ModelMessage): ModelMessage {
  const text = JSON.stringify(message, (key, value: unknown) =>
    key === "providerOptions" || key === "providerMetadata" ? undefined : value,
  );
  return JSON.parse(text) as ModelMessage;
}

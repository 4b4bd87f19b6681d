/**
 * Answers that came to another instance of an agent than the one that asked: whoever holds the inbox passes them on. Kept
 * for a while, for an instance that is not there at the moment.
 */
import type { Clock, Timer } from "@parley/core";
import { type ApprovalBody, approvalForwardSchema, id32Schema } from "@parley/protocol";
import { z } from "zod";

import type { KeptTable } from "../kept-table.ts";

/** As it is kept on disk. */
export const keptStraySchema = z.object({ from: id32Schema, at: z.number(), body: approvalForwardSchema });
export type KeptStray = z.infer<typeof keptStraySchema>;

export interface StrayAnswersOptions {
  readonly clock: Clock;
  /** Registry time, ms since 1970. */
  readonly now: () => number;
  readonly table: KeptTable<KeptStray>;
  /** Sends to every other device of this member that is connected. */
  readonly tellOthers: (body: ApprovalBody) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Kept at once: the oldest gives way. */
export const mostStrays = 64;
const againMs = 10_000;
const lifeMs = 86_400_000;

export class StrayAnswers {
  readonly #options: StrayAnswersOptions;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: StrayAnswersOptions) {
    this.#options = options;
    if (options.table.size > 0) this.#later();
  }

  /** Durable when resolved; it is on its way then. */
  async pass(from: string, body: KeptStray["body"]): Promise<void> {
    const { table, now, onError } = this.#options;
    const key = `${body.request}.${from}.${body.type}`;
    const [oldest] = table.all();
    const isFull = table.size >= mostStrays && table.get(key) === undefined;
    // In one turn: another answer may come meanwhile.
    const freed = isFull && oldest !== undefined ? table.delete(oldest[0]) : undefined;
    await Promise.all([freed, table.put(key, { from, at: now(), body })]);
    this.#tell({ from, at: now(), body }).catch(onError);
    this.#later();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#stopped) return;
    this.#timer ??= this.#options.clock.setTimer(againMs, () => {
      this.#timer = undefined;
      this.#again().catch(this.#options.onError);
    });
  }

  async #again(): Promise<void> {
    const { table, now } = this.#options;
    for (const [key, stray] of table.all()) {
      if (stray.at + lifeMs <= now()) await table.delete(key);
      else await this.#tell(stray);
    }
    if (table.size > 0) this.#later();
  }

  #tell({ from, body }: KeptStray): Promise<void> {
    return this.#options.tellOthers({ type: "forward", from, body });
  }
}

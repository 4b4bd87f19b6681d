import type { Records } from "@parley/core";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { keys } from "./keys.ts";

const gapSchema = z.object({ epoch: z.string(), from: z.int().min(1), to: z.int().min(1) });
/** First and last offset of the frames that expired. */
export interface MailboxGap {
  readonly from: number;
  readonly to: number;
}

/** Members whose gap is kept in memory; the longest unused is read anew. */
const mostKnown = 10_000;

/**
 * What left a mailbox because it expired, until every device that had not taken it was told and went on. One range for
 * each member is enough: only the head of a mailbox is trimmed, so whoever had not taken the first of it took nothing
 * up to the last.
 */
export class MailboxGaps {
  readonly #records: JsonRecords<z.infer<typeof gapSchema>>;
  readonly #store: Records;
  readonly #known = new Map<string, boolean>();

  constructor(records: Records) {
    this.#store = records;
    this.#records = new JsonRecords(records, gapSchema);
  }

  async get(member: string, epoch: string): Promise<MailboxGap | undefined> {
    const kept = await this.#records.get(keys.mailboxGap(member));
    this.#remember(member, kept !== undefined);
    return kept?.value.epoch === epoch ? kept.value : undefined;
  }

  /** Written before the frames go, so that no gap is silent. */
  async note(member: string, epoch: string, gap: MailboxGap): Promise<void> {
    await this.#records.change(keys.mailboxGap(member), (current) =>
      current?.epoch === epoch ? { epoch, from: Math.min(current.from, gap.from), to: gap.to } : { epoch, ...gap },
    );
    this.#remember(member, true);
  }

  /** Every device is past an offset. */
  async passed(member: string, offset: number): Promise<void> {
    if (this.#known.get(member) === false) return;
    const left = await this.#records.deleteIf(keys.mailboxGap(member), ({ to }) => to <= offset);
    if (left || (await this.#records.get(keys.mailboxGap(member))) === undefined) this.#remember(member, false);
  }

  async remove(member: string): Promise<void> {
    this.#known.delete(member);
    await this.#store.delete(keys.mailboxGap(member));
  }

  #remember(member: string, isThere: boolean): void {
    if (!this.#known.has(member) && this.#known.size >= mostKnown)
      this.#known.delete(this.#known.keys().next().value ?? "");
    this.#known.set(member, isThere);
  }
}

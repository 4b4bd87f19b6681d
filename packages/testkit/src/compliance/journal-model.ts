import type { Journal } from "@parley/core";
import { openMemoryJournal } from "@parley/core";
import type { DeliveryState } from "@parley/protocol";
import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { expect, it } from "vitest";

import { all, fact, historyBoundsUnderTest, sending } from "./journal-samples.ts";
import type { Bench } from "./subject.ts";
import { bytesOf } from "./subject.ts";

/** Steps on ten numbers towards two recipients. */
const steps = array(
  record({
    recipient: constantFrom("m2", "m2|relay"),
    step: constantFrom("append", "append more", "note", "note", "receipt", "settle", "drop", "new epoch"),
    from: integer({ min: 1, max: 10 }),
    span: integer({ min: 0, max: 5 }),
    state: constantFrom<DeliveryState>("stored", "delivered", "handled", "expired", "refused", "read"),
  }),
  { maxLength: 60 },
);
type Step = Parameters<Parameters<typeof steps.map>[0]>[0][number];

/** Any series of steps, against the journal in memory. */
export function describeHistoryModel(bench: Bench<Journal>): void {
  it("remembers what the journal in memory remembers after any series of steps under way together", async () => {
    await assert(
      asyncProperty(steps, async (series) => {
        const { port: journal, subject } = await bench.open();
        const model = openMemoryJournal({ history: historyBoundsUnderTest });
        await Promise.allSettled(series.map((step, index) => take(journal, step, index)));
        await Promise.allSettled(series.map((step, index) => take(model, step, index)));
        expect(await known(journal)).toEqual(await known(model));
        await subject.teardown();
      }),
      { numRuns: 40 },
    );
  });
}

async function take(journal: Journal, { recipient, step, from, span, state }: Step, index: number): Promise<unknown> {
  switch (step) {
    case "append":
    case "append more":
      return journal.appendOutbox(sending(from, { more: step === "append more" }, recipient));
    case "note":
      return journal.noteOutbox(recipient, from, from + span, fact(state, index));
    case "receipt":
      return journal.noteOutbox(recipient, from, from + span, fact(state, index), bytesOf(`${index}`));
    case "settle":
      return journal.settleOutbox(recipient, from);
    case "drop":
      return journal.dropOutbox(recipient, from);
    case "new epoch":
      return journal.newEpoch();
  }
}

/** All that a journal knows, but for its random epochs. */
async function known(journal: Journal): Promise<unknown> {
  const { outbox } = await journal.load();
  const records = (await all(journal)).map((each) => ({ ...each, epoch: "", place: 0 }));
  const pending = outbox.map(({ recipient, seq, state }) => ({ recipient, seq, state }));
  return { records, pending };
}

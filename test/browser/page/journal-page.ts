/** The compliance suite of the Journal port in a page, on the browser's own IndexedDB and locks. */
import type { Journal } from "@parley/core";
import { openIndexedDbJournal } from "@parley/store-indexeddb";
import { testEnvelope } from "@parley/testkit";

import {
  describeJournal,
  historyBoundsUnderTest,
  journalBoundsUnderTest,
} from "../../../packages/testkit/src/compliance/journal.ts";
import type { Subject } from "../../../packages/testkit/src/compliance/subject.ts";
import { runTests, type SuiteResult } from "./suite-runner.ts";

declare global {
  interface Window {
    readonly journals: {
      readonly comply: () => Promise<SuiteResult>;
      /** Opens a journal and keeps it; the code of the error when that fails. */
      readonly hold: (name: string) => Promise<string>;
      /** Sequence numbers in the outbox of the journal that is held. */
      readonly outbox: () => Promise<readonly number[]>;
      /** Accepts so many without end; each number is told once it is durable. */
      readonly fill: () => Promise<never>;
    };
    /** Of the test. */
    readonly tellAccepted: (seq: number) => Promise<void>;
  }
}

let databases = 0;
let held: Journal | undefined;

describeJournal("IndexedDB", async () => {
  const name = `suite-${databases++}`;
  const open = async (): Promise<Subject<Journal>> => {
    const journal = await openIndexedDbJournal({
      name,
      outbox: journalBoundsUnderTest,
      inbox: journalBoundsUnderTest,
      history: historyBoundsUnderTest,
    });
    const teardown = async (): Promise<void> => {
      await journal.close();
      indexedDB.deleteDatabase(name);
    };
    return { port: journal, close: () => journal.close(), reopen: open, teardown };
  };
  return open();
});

const journals: Window["journals"] = {
  comply: runTests,
  async hold(name) {
    try {
      held = await openIndexedDbJournal({ name });
      return "held";
    } catch (error) {
      return error instanceof Error && "code" in error ? String(error.code) : String(error);
    }
  },
  outbox: async () => (await held?.load())?.outbox.map(({ seq }) => seq) ?? [],
  async fill() {
    const envelope = testEnvelope(new Uint8Array(300));
    for (let seq = 1; ; seq++) {
      await held?.appendOutbox({ recipient: "m2", seq, envelope });
      await window.tellAccepted(seq);
    }
  },
};
Object.defineProperty(globalThis, "journals", { value: journals });

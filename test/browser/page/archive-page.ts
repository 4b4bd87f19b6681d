/** The compliance suite of the Archive port in a page, on the browser's own IndexedDB and locks. */
import type { Archive } from "@parley/core";
import { openIndexedDbArchive } from "@parley/store-indexeddb";

import { archiveBoundsUnderTest, describeArchive } from "../../../packages/testkit/src/compliance/archive.ts";
import type { Subject } from "../../../packages/testkit/src/compliance/subject.ts";
import { runTests, type SuiteResult } from "./suite-runner.ts";

declare global {
  interface Window {
    readonly archives: {
      readonly comply: () => Promise<SuiteResult>;
    };
  }
}

let databases = 0;

describeArchive("IndexedDB", async () => {
  const name = `archive-${databases++}`;
  const open = async (): Promise<Subject<Archive>> => {
    const archive = await openIndexedDbArchive({ name, ...archiveBoundsUnderTest });
    const teardown = async (): Promise<void> => {
      await archive.close();
      indexedDB.deleteDatabase(name);
    };
    return { port: archive, close: () => archive.close(), reopen: open, teardown };
  };
  return open();
});

const archives: Window["archives"] = { comply: runTests };
Object.defineProperty(globalThis, "archives", { value: archives });

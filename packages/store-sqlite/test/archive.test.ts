import path from "node:path";

import type { Archive } from "@parley/core";
import { openSqliteArchive } from "@parley/store-sqlite";
import { archiveBoundsUnderTest, describeArchive } from "@parley/testkit/compliance/archive";
import type { Subject } from "@parley/testkit/compliance/subject";

import { makeFolder } from "./folder.ts";

describeArchive("sqlite", async () => {
  const folder = await makeFolder();
  const open = (): Subject<Archive> => {
    const archive = openSqliteArchive(path.join(folder.path, "archive.sqlite"), archiveBoundsUnderTest);
    const teardown = async (): Promise<void> => {
      await archive.close();
      await folder.remove();
    };
    return { port: archive, close: () => archive.close(), reopen: async () => open(), teardown };
  };
  return open();
});

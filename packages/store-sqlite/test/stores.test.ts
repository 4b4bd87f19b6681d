import type { Stores } from "@parley/core";
import { openSqliteStores } from "@parley/store-sqlite";
import { blobQuotasUnderTest, describeBlobs } from "@parley/testkit/compliance/blobs";
import { describeBus } from "@parley/testkit/compliance/bus";
import { describeLog } from "@parley/testkit/compliance/log";
import { describeRecords } from "@parley/testkit/compliance/records";
import type { Setup, Subject } from "@parley/testkit/compliance/subject";

import { makeFolder } from "./folder.ts";

function subjectOf<Port>(pick: (stores: Stores) => Port): Setup<Port> {
  return async ({ clock }) => {
    const folder = await makeFolder();
    const open = (): Subject<Port> => {
      const stores = openSqliteStores({ dir: folder.path, clock, ...blobQuotasUnderTest });
      const teardown = async (): Promise<void> => {
        await stores.close();
        await folder.remove();
      };
      return { port: pick(stores), close: () => stores.close(), reopen: async () => open(), teardown };
    };
    return open();
  };
}

describeLog(
  "sqlite",
  subjectOf(({ log }) => log),
);
describeRecords(
  "sqlite",
  subjectOf(({ records }) => records),
);
describeBus(
  "sqlite",
  subjectOf(({ bus }) => bus),
);
describeBlobs(
  "sqlite",
  subjectOf(({ blobs }) => blobs),
);

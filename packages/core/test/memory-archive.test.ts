import { openMemoryArchive } from "@parley/core";
import { archiveBoundsUnderTest, describeArchive } from "@parley/testkit/compliance/archive";

describeArchive(
  "memory",
  async () => {
    const archive = openMemoryArchive(archiveBoundsUnderTest);
    return { port: archive, close: () => archive.close(), teardown: () => archive.close() };
  },
  { persistence: { missing: "memory ends with its process" } },
);

import type { Archive } from "@parley/core";
import { openIndexedDbArchive } from "@parley/store-indexeddb";
import { archiveBoundsUnderTest, describeArchive } from "@parley/testkit/compliance/archive";
import { expectCode, type Subject } from "@parley/testkit/compliance/subject";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { expect, it, vi } from "vitest";

vi.stubGlobal("IDBKeyRange", IDBKeyRange);

let databases = 0;

/** Over an IndexedDB in memory; `test/browser` runs the same in Chromium. */
describeArchive("indexeddb", async () => {
  const factory = new IDBFactory();
  const name = `archive-${databases++}`;
  const open = async (): Promise<Subject<Archive>> => {
    const archive = await openIndexedDbArchive({ name, factory, ...archiveBoundsUnderTest });
    return { port: archive, close: () => archive.close(), reopen: open, teardown: () => archive.close() };
  };
  return open();
});

it("is refused while another has it open, and works again afterwards", async () => {
  const options = { name: "held", factory: new IDBFactory() };
  const archive = await openIndexedDbArchive(options);
  await expectCode(openIndexedDbArchive(options), "device_in_use");
  await archive.close();
  const again = await openIndexedDbArchive(options);
  expect(await again.conversations()).toEqual([]);
  await again.close();
});

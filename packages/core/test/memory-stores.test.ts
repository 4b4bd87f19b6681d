import type { Clock, Stores } from "@parley/core";
import { openMemoryStores, systemClock } from "@parley/core";
import type { MemoryFaults } from "@parley/core";
import type { FakeClock } from "@parley/testkit";
import { SeededRandom } from "@parley/testkit";
import { blobQuotasUnderTest, describeBlobs } from "@parley/testkit/compliance/blobs";
import { describeBus } from "@parley/testkit/compliance/bus";
import { describeLog } from "@parley/testkit/compliance/log";
import { describeRecords } from "@parley/testkit/compliance/records";
import type { Setup } from "@parley/testkit/compliance/subject";
import { bytesOf, expectCode } from "@parley/testkit/compliance/subject";
import { describe, expect, it } from "vitest";

const persistence = { missing: "memory ends with its process" };

function subjectOf<Port>(pick: (stores: Stores) => Port, faults?: () => MemoryFaults): Setup<Port> {
  return async ({ clock }) => {
    const stores = openMemoryStores({
      clock: withRealTimers(clock),
      ...blobQuotasUnderTest,
      ...(faults === undefined ? {} : { faults: faults() }),
    });
    return { port: pick(stores), close: () => stores.close(), teardown: () => stores.close() };
  };
}

/** Late watches are handed over by timers; the suites wait for them and turn no clock meanwhile. */
function withRealTimers(clock: FakeClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer: (delayMs, run) => systemClock.setTimer(delayMs, run),
    soon: (run) => systemClock.soon(run),
  };
}

describeLog(
  "memory",
  subjectOf(({ log }) => log),
  { persistence },
);
describeRecords(
  "memory",
  subjectOf(({ records }) => records),
  { persistence },
);
describeBus(
  "memory",
  subjectOf(({ bus }) => bus),
);
describeBlobs(
  "memory",
  subjectOf(({ blobs }) => blobs),
  { persistence },
);

const faults = (): MemoryFaults => ({
  random: new SeededRandom(7),
  offsetGaps: true,
  lateWatch: true,
  conflicts: true,
});

describeLog(
  "memory with faults",
  subjectOf(({ log }) => log, faults),
  { persistence },
);
describeRecords(
  "memory with faults",
  subjectOf(({ records }) => records, faults),
  { persistence },
);

describe("memory stores", () => {
  it("are full at their byte limit and take more once something went", async () => {
    const stores = openMemoryStores({ clock: systemClock, maxBytes: 10_000 });
    const { offset } = await stores.log.append("mail/x", new Uint8Array(5000));
    await stores.records.put("name/x", new Uint8Array(4000));
    await expectCode(stores.log.append("mail/x", new Uint8Array(1000)), "storage_full");
    await expectCode(stores.records.put("name/y", new Uint8Array(1000)), "storage_full");
    await stores.log.trim("mail/x", offset);
    await stores.records.put("name/y", new Uint8Array(1000));
    await stores.close();
  });

  it("deal gaps, conflicts and late watches when told to", async () => {
    const stores = openMemoryStores({ clock: systemClock, faults: faults() });
    const offsets: number[] = [];
    for (let index = 0; index < 20; index++) offsets.push((await stores.log.append("mail/x", bytesOf("x"))).offset);
    expect(Math.max(...offsets)).toBeGreaterThan(20);
    let refused = 0;
    for (let index = 0; index < 40; index++) {
      const result = await stores.records.put(`name/${index}`, bytesOf("x"), { ifRevision: "absent" });
      if (!result.ok) refused++;
    }
    expect(refused).toBeGreaterThan(0);
    await stores.close();
  });

  it("keep their own copies of what was handed over and hand out copies", async () => {
    const stores = openMemoryStores({ clock: systemClock });
    const bytes = bytesOf("abc");
    await stores.log.append("mail/x", bytes);
    await stores.records.put("name/x", bytes);
    bytes.fill(0);
    (await stores.log.read("mail/x")).entries[0]?.bytes.fill(0);
    (await stores.records.get("name/x"))?.value.fill(0);
    expect((await stores.log.read("mail/x")).entries[0]?.bytes).toEqual(bytesOf("abc"));
    expect((await stores.records.get("name/x"))?.value).toEqual(bytesOf("abc"));
    await stores.close();
  });
});

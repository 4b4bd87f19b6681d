import { openMemoryStores, systemClock } from "@parley/core";
import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { JsonRecords } from "../src/json-records.ts";

const schema = z.object({ count: z.int() });

describe("JSON records", () => {
  it("lose no change when many change one record and the store refuses for no reason", async () => {
    const stores = openMemoryStores({
      clock: new FakeClock(),
      faults: { random: new SeededRandom(7), conflicts: true, offsetGaps: true },
    });
    const records = new JsonRecords(stores.records, schema);
    await Promise.all(
      Array.from({ length: 12 }, () => records.change("a", (current) => ({ count: (current?.count ?? 0) + 1 }))),
    );
    expect((await records.get("a"))?.value).toEqual({ count: 12 });
    expect(await records.deleteIf("a", ({ count }) => count === 11)).toBe(false);
    expect(await records.deleteIf("a", ({ count }) => count === 12)).toBe(true);
    expect(await records.get("a")).toBeUndefined();
  });

  it("say that a record is damaged instead of believing it", async () => {
    const stores = openMemoryStores({ clock: systemClock });
    await stores.records.put("a", new TextEncoder().encode('{"count":"x"}'));
    const records = new JsonRecords(stores.records, schema);
    await expect(records.get("a")).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(records.decode(new Uint8Array([255]))).toBeUndefined();
  });
});

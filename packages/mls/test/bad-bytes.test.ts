import { isParleyError } from "@parley/protocol";
import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import { at } from "./at.ts";
import { groupOf, newLists } from "./devices.ts";

/** Every way bytes of others come in, with bytes that would be taken. */
interface Door {
  readonly name: string;
  readonly good: Uint8Array;
  readonly enter: (bytes: Uint8Array) => Promise<unknown>;
}

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "taken",
    (error: unknown) => (isParleyError(error) ? error.code : `not coded: ${String(error)}`),
  );

const known = new Set(["malformed_frame", "bad_signature", "cannot_open", "group_changed", "too_large"]);

describe("bytes of others", () => {
  const doors: Door[] = [];

  beforeAll(async () => {
    const lists = await newLists();
    const devices = await groupOf(lists, 5);
    const [ada, ben] = [at(devices, 0), at(devices, 1)];
    const dana = await lists.device("dana");
    const { keyPackage, secret } = await dana.groups.makeKeyPackage();
    const change = { add: [keyPackage], remove: [at(devices, 2).id] };
    const { commit, welcome, groupInfo } = await ada.groups.commit(ada.state, change);
    const { message } = await ada.groups.seal(ada.state, new Uint8Array(40));
    const { groups, state } = ben;
    doors.push(
      { name: "a key package", good: keyPackage, enter: (bytes) => groups.readKeyPackage(bytes) },
      { name: "a commit", good: commit, enter: (bytes) => groups.processCommit(state, bytes) },
      { name: "a welcome", good: welcome ?? commit, enter: (bytes) => dana.groups.joinByWelcome(bytes, [secret]) },
      { name: "a GroupInfo", good: groupInfo, enter: (bytes) => dana.groups.joinByCommit(bytes) },
      { name: "a message", good: message, enter: (bytes) => groups.open(state, bytes) },
    );
  });

  it.each([0, 1, 2, 3, 4])("are taken when nobody changed them (way %i)", async (index) => {
    const { good, enter } = at(doors, index);
    expect(await outcome(enter(good))).toBe("taken");
  });

  it.each([0, 1, 2, 3, 4])("are refused with a code when one byte is another (way %i)", async (index) => {
    const { good, enter } = at(doors, index);
    const places = fc.tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(places, async ([place, change]) => {
        const bytes = good.slice();
        bytes[place] = (bytes[place] ?? 0) ^ change;
        expect(known).toContain(await outcome(enter(bytes)));
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, 1, 2, 3, 4])("are refused with a code when they are cut or go on (way %i)", async (index) => {
    const { good, enter } = at(doors, index);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length - 1 }), async (length) => {
        expect(known).toContain(await outcome(enter(good.subarray(0, length))));
      }),
      { numRuns: 40 },
    );
    expect(known).toContain(await outcome(enter(Uint8Array.of(...good, 0))));
  });

  it.each([0, 1, 2, 3, 4])("are refused with a code when they are noise, or too many (way %i)", async (index) => {
    const { good, enter } = at(doors, index);
    const noise = fc.uint8Array({ maxLength: 400 }).map((tail) => Uint8Array.of(...good.subarray(0, 4), ...tail));
    await fc.assert(
      fc.asyncProperty(noise, async (bytes) => {
        expect(known).toContain(await outcome(enter(bytes)));
      }),
      { numRuns: 60 },
    );
    expect(await outcome(enter(new Uint8Array(3_000_000)))).toBe("too_large");
  });

  it("say what they are not: each way refuses what belongs into the others", async () => {
    for (const [index, { enter }] of doors.entries()) {
      for (const { good } of doors.filter((_, other) => other !== index))
        expect(["malformed_frame", "too_large"]).toContain(await outcome(enter(good)));
    }
  });
});

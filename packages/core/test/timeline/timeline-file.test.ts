import { signEntry, type TimelineEntry, verifyOperators, verifyTimelineFile } from "@parley/core";
import { limits } from "@parley/protocol";
import { beforeAll, describe, expect, it } from "vitest";

import { coded } from "../trust/coded.ts";
import { FixedMesh, now } from "../trust/fixed-mesh.ts";
import { Writers } from "./timelines.ts";

const encoder = new TextEncoder();
const subject = "task-1";

let writers: Writers;
let entries: TimelineEntry<"task">[];
let text: string;

beforeAll(async () => {
  writers = await Writers.create(3);
  entries = await writers.write("task", subject, await writers.taskActs());
  text = writers.export("task", subject, entries);
});

const verify = (file: string): Promise<unknown> => verifyTimelineFile(encoder.encode(file));

describe("an exported timeline", () => {
  it("holds as it was written, and says who signed what", async () => {
    const report = await verifyTimelineFile(encoder.encode(text), { mesh: writers.mesh.mesh });
    expect(report).toMatchObject({ kind: "task", mesh: writers.mesh.mesh, subject });
    expect(report.entries.map(({ hash }) => hash)).toEqual(entries.map(({ hash }) => hash));
    expect(report.parties.map(({ name }) => name).toSorted()).toEqual(["member0", "member1", "member2"]);
  });

  it("is refused whichever of its bytes is another one", { timeout: 240_000 }, async () => {
    const files = [text, await grownFile(), writers.export("task", subject, entries.slice(0, 1))];
    for (const [index, file] of files.entries()) {
      const bytes = encoder.encode(file);
      await verifyTimelineFile(bytes);
      const held: number[] = [];
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.slice();
        // The lowest bit (padding bits of base64url among them), the case of a letter, and any bit.
        const bit = [0x01, 0x20, 1 << (at % 8)][index] ?? 0;
        changed[at] = (changed[at] ?? 0) ^ bit;
        if ((await coded(verifyTimelineFile(changed))) !== "timeline_broken") held.push(at);
      }
      expect(held).toEqual([]);
    }
  });

  it("is refused with a byte more or less", { timeout: 240_000 }, async () => {
    const bytes = encoder.encode(writers.export("task", subject, entries.slice(0, 1)));
    const held: number[] = [];
    for (let at = 0; at <= bytes.length; at += 4) {
      const put = [0x20, 0x0a, bytes[at] ?? 0x0a][(at / 4) % 3] ?? 0;
      for (const changed of [
        [...bytes.subarray(0, at), put, ...bytes.subarray(at)],
        [...bytes.subarray(0, at), ...bytes.subarray(at + 1)],
      ]) {
        if (changed.length === bytes.length) continue;
        if ((await coded(verifyTimelineFile(Uint8Array.from(changed)))) !== "timeline_broken") held.push(at);
      }
    }
    expect(held).toEqual([]);
  });

  it("is refused without its first entry, without one in the middle, with two of them swapped", async () => {
    const [first, second, third, fourth] = entries as [TimelineEntry<"task">, ...TimelineEntry<"task">[]];
    for (const list of [
      [second, third, fourth],
      [first, third, fourth],
      [first, third, second, fourth],
      [first, second, second],
    ]) {
      const file = writers.export("task", subject, list as TimelineEntry<"task">[]);
      await expect(verify(file)).rejects.toMatchObject({ code: "timeline_broken" });
    }
  });

  it("names the entry that does not hold", async () => {
    const stranger = await Writers.create(1);
    const forged = await signEntry(
      { kind: "task", mesh: writers.mesh.mesh, subject, before: entries[2] },
      { by: writers.person(1).member, iat: now, act: { type: "state", state: "TASK_STATE_FAILED", at: now } },
      stranger.person(0).device,
    );
    const file = writers.export("task", subject, [...entries.slice(0, 3), forged]);
    await expect(verify(file)).rejects.toMatchObject({ code: "timeline_broken", data: { entry: 4 } });
  });

  it("does not take an entry of another mesh, of another subject, or of another kind", async () => {
    const other = await writers.write("task", "task-2", await writers.taskActs());
    await expect(verify(writers.export("task", subject, other))).rejects.toMatchObject({ code: "timeline_broken" });
    const file = text.replace('"kind":"task"', '"kind":"agreement"');
    await expect(verify(file)).rejects.toMatchObject({ code: "timeline_broken" });
    const elsewhere = await FixedMesh.create();
    await expect(
      verify(writers.export("task", subject, entries, { operators: [elsewhere.genesis] })),
    ).rejects.toMatchObject({ code: "timeline_broken" });
  });

  it("is another mesh's for whoever has pinned one", async () => {
    const elsewhere = await FixedMesh.create();
    const bytes = encoder.encode(text);
    expect(await coded(verifyTimelineFile(bytes, { mesh: elsewhere.mesh }))).toBe("wrong_mesh");
    const operators = await verifyOperators([elsewhere.genesis]);
    expect(await coded(verifyTimelineFile(bytes, { mesh: writers.mesh.mesh, operators }))).toBe(
      "registry_key_mismatch",
    );
  });

  it("holds with the devices and root keys of its time, also those that were replaced", async () => {
    await expect(verify(await grownFile())).resolves.toMatchObject({ kind: "task" });
  });

  it("is refused when an entry is dated long before the one before it, and taken within the skew of clocks", async () => {
    const [first] = entries as [TimelineEntry<"task">];
    const dated = async (iat: number): Promise<string> => {
      const act = { type: "state", state: "TASK_STATE_WORKING", at: now } as const;
      const place = { kind: "task", mesh: writers.mesh.mesh, subject, before: first } as const;
      const entry = await signEntry(place, { by: writers.person(1).member, iat, act }, writers.person(1).device);
      return coded(verify(writers.export("task", subject, [first, entry])));
    };
    expect(await dated(now - limits.clockSkewMs)).toBe("none");
    expect(await dated(now - limits.clockSkewMs - 1)).toBe("timeline_broken");
  });

  it("is refused when another member than the worker says how a task goes, or something follows its end", async () => {
    const acts = await writers.taskActs();
    const [submitted, working] = acts as [(typeof acts)[0], (typeof acts)[0]];
    const wrong = [[submitted, working, { ...working, by: 2 }], [...acts, working], [submitted, submitted], [working]];
    for (const list of wrong) {
      const written = await writers.write("task", subject, list);
      expect(await coded(verify(writers.export("task", subject, written)))).toBe("timeline_broken");
    }
  });
});

/** With two operator sets, and entries of a device that is gone and of the one after it, under another root key. */
async function grownFile(): Promise<string> {
  const { operators, party } = await writers.later(1);
  const parties = new Map([...writers.parties, [writers.person(1).member, party]]);
  parties.delete(writers.person(2).member);
  return writers.export("task", subject, entries, { operators, parties });
}

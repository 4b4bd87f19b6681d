import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { Stores } from "@parley/core";
import { systemClock } from "@parley/core";
import { isParleyError } from "@parley/protocol";
import { openSqliteJournal, openSqliteStores } from "@parley/store-sqlite";
import { testEnvelope } from "@parley/testkit";
import { bytesOf, expectCode } from "@parley/testkit/compliance/subject";
import { afterEach, describe, expect, it } from "vitest";

import { makeFolder } from "./folder.ts";

const folders: { remove(): Promise<void> }[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await folder.remove();
});

async function freshFolder(): Promise<string> {
  const folder = await makeFolder();
  folders.push(folder);
  return folder.path;
}

const openIn = (dir: string, maxBytes?: number): Stores =>
  openSqliteStores({ dir, clock: systemClock, ...(maxBytes === undefined ? {} : { maxBytes }) });

/** Code and reason of what opening throws. */
function refusal(open: () => unknown): { readonly code: string; readonly reason: unknown } {
  try {
    open();
  } catch (error) {
    if (isParleyError(error)) return { code: error.code, reason: error.data?.["reason"] };
    throw error;
  }
  return { code: "opened", reason: undefined };
}

/** Repeats a write until it is refused: how often it was not, and the code. */
async function untilRefused(write: () => Promise<unknown>): Promise<{ readonly kept: number; readonly code: string }> {
  for (let kept = 0; ; kept++) {
    try {
      await write();
    } catch (error) {
      return { kept, code: isParleyError(error) ? error.code : String(error) };
    }
  }
}

describe("opening a data folder", () => {
  it("makes it and its files for their owner alone", async () => {
    const dir = path.join(await freshFolder(), "a", "b");
    const stores = openIn(dir);
    await stores.log.append("mail/x", bytesOf("a"));
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const files = readdirSync(dir).map((name) => ({ name, mode: statSync(path.join(dir, name)).mode & 0o777 }));
    expect(files.every(({ mode }) => mode === 0o600)).toBe(true);
    expect(files.map(({ name }) => name)).toContain("registry.db");
    await stores.close();
  });

  it("is refused while another has it open, and works again afterwards", async () => {
    const dir = await freshFolder();
    const stores = openIn(dir);
    expect(refusal(() => openIn(dir))).toEqual({ code: "storage_unavailable", reason: "held" });
    await stores.close();
    const journal = openSqliteJournal({ dir });
    expect(refusal(() => openSqliteJournal({ dir })).code).toBe("device_in_use");
    await journal.close();
    await openSqliteJournal({ dir }).close();
    await openIn(dir).close();
  });

  it("is refused for data of a newer version, which stays as it is", async () => {
    const dir = await freshFolder();
    await openIn(dir).close();
    const file = path.join(dir, "registry.db");
    const raw = new DatabaseSync(file);
    raw.exec("PRAGMA user_version = 99");
    raw.close();
    expect(refusal(() => openIn(dir)).code).toBe("data_too_new");
    const again = new DatabaseSync(file);
    expect(again.prepare("PRAGMA user_version").get()).toMatchObject({ user_version: 99 });
    again.close();
  });

  it("is refused for a file that is damaged, cut off or something else's", async () => {
    const dir = await freshFolder();
    const file = path.join(dir, "registry.db");
    writeFileSync(file, "this is not a database, ".repeat(500));
    expect(refusal(() => openIn(dir))).toEqual({ code: "storage_unavailable", reason: "corrupt" });
    expect(readFileSync(file, "utf8")).toContain("this is not a database");

    const cut = await freshFolder();
    await openIn(cut).close();
    truncateSync(path.join(cut, "registry.db"), 8192);
    expect(refusal(() => openIn(cut))).toEqual({ code: "storage_unavailable", reason: "corrupt" });

    const foreign = await freshFolder();
    const raw = new DatabaseSync(path.join(foreign, "registry.db"));
    raw.exec("CREATE TABLE theirs (id); PRAGMA user_version = 1");
    raw.close();
    expect(refusal(() => openIn(foreign))).toEqual({ code: "storage_unavailable", reason: "foreign" });
  });

  it("is refused where the folder cannot be made or the file is none", async () => {
    const dir = await freshFolder();
    writeFileSync(path.join(dir, "file"), "");
    expect(refusal(() => openIn(path.join(dir, "file", "data")))).toEqual({
      code: "storage_unavailable",
      reason: "rights",
    });
    mkdirSync(path.join(dir, "registry.db"));
    expect(refusal(() => openIn(dir))).toEqual({ code: "storage_unavailable", reason: "rights" });
  });
});

describe("a full disk", () => {
  it("rejects what does not fit with a code, keeps what was acknowledged, and takes more once something went", async () => {
    const dir = await freshFolder();
    const stores = openIn(dir, 1_000_000);
    const appends = Array.from({ length: 300 }, (_, index) =>
      stores.log.append(`mail/${index % 7}`, new Uint8Array(10_000), { dedupeKey: `id-${index}` }),
    );
    const settled = await Promise.allSettled(appends);
    expect(settled.some(({ status }) => status === "rejected")).toBe(true);
    const { kept, code } = await untilRefused(() => stores.log.append("mail/alone", new Uint8Array(10_000)));
    expect(code).toBe("storage_full");
    expect(kept).toBeGreaterThan(10);
    await expectCode(stores.log.append("mail/alone", new Uint8Array(10_000)), "storage_full");
    const { entries, last } = await stores.log.read("mail/alone");
    expect(entries).toHaveLength(kept);
    await stores.log.trim("mail/alone", last);
    expect((await stores.log.append("mail/alone", new Uint8Array(10_000))).offset).toBeGreaterThan(last);
    await stores.close();
    const again = openIn(dir);
    expect((await again.log.read("mail/alone")).entries).toHaveLength(1);
    await again.close();
  });

  it("leaves a journal's numbers and bounds as they were", async () => {
    const dir = await freshFolder();
    const journal = openSqliteJournal({ dir, maxBytes: 400_000 });
    let seq = 0;
    const append = async (): Promise<void> => {
      await journal.appendOutbox({
        recipient: "m2",
        seq: seq + 1,
        envelope: testEnvelope(new Uint8Array(20_000)),
      });
      seq++;
    };
    expect((await untilRefused(append)).code).toBe("storage_full");
    expect((await journal.load()).lastSeq.get("m2")).toBe(seq);
    await journal.settleOutbox("m2", seq);
    await append();
    expect((await journal.load()).outbox.map((entry) => entry.seq)).toEqual([seq]);
    await journal.close();
  });
});

describe("a shared commit", () => {
  it("fails only the call that its condition refuses", async () => {
    const stores = openIn(await freshFolder());
    const results = await Promise.allSettled([
      stores.log.append("channel/x", bytesOf("a"), { ifLast: 0 }),
      stores.log.append("channel/x", bytesOf("b"), { ifLast: 0 }),
      stores.log.append("channel/y", bytesOf("c"), { ifLast: 0 }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    await stores.close();
  });
});

describe("blob files", () => {
  it("are gone with their last hold", async () => {
    const dir = await freshFolder();
    const stores = openIn(dir);
    const hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    await stores.blobs.put(hash, bytesOf("abc"), { owner: "m1", expiresAt: Date.now() + 60_000 });
    const file = path.join(dir, "blobs", "ba", hash);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    await stores.blobs.delete(hash, "m1");
    expect(readdirSync(path.dirname(file))).toEqual([]);
    await stores.close();
  });
});

describe("a long trim", () => {
  it("hides everything at once and deletes it by and by, also what a close left over", async () => {
    const dir = await freshFolder();
    const stores = openIn(dir);
    await Promise.all(Array.from({ length: 2500 }, () => stores.log.append("mail/x", bytesOf("x"))));
    const { last } = await stores.log.bounds("mail/x");
    await stores.log.trim("mail/x", last - 1);
    expect((await stores.log.read("mail/x")).entries.map(({ offset }) => offset)).toEqual([last]);
    await stores.close();
    const again = openIn(dir);
    expect((await again.log.read("mail/x")).entries.map(({ offset }) => offset)).toEqual([last]);
    for (let turn = 0; turn < 20; turn++)
      await again.log.trim("mail/x", (await again.log.append("mail/x", bytesOf("y"))).offset);
    await again.close();
    const raw = new DatabaseSync(path.join(dir, "registry.db"));
    expect(raw.prepare("SELECT count(*) AS rows FROM log_entry").get()).toMatchObject({ rows: 0 });
    raw.close();
  });
});

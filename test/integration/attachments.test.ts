import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { blobSource, MemorySink } from "@parley/client";
import { FileSink, openFileSource } from "@parley/client/node";
import { openMemoryJournal, openMemoryStores, type Stores, systemClock } from "@parley/core";
import { blobContentBytes, type BlobRef, limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { CountedFetch } from "./counted-fetch.ts";
import { Messages, MeshScope, until } from "./device-fixture.ts";
import { MovedClock } from "./moved-clock.ts";
import { outcomeOf } from "./registry-fixture.ts";

const day = 86_400_000;
const threeParts = 2 * blobContentBytes + 500;
const randomContent = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(bytes));
const name = "report.pdf";

/** A real registry that lies about what it holds. */
function lyingStores(change: (bytes: Uint8Array) => Uint8Array): Stores {
  const stores = openMemoryStores({ clock: systemClock });
  const blobs: Stores["blobs"] = Object.create(stores.blobs, {
    get: {
      async value(hash: string) {
        const found = await stores.blobs.get(hash);
        return found === undefined ? undefined : { ...found, content: change(found.content) };
      },
    },
    put: { value: stores.blobs.put.bind(stores.blobs) },
    stat: { value: stores.blobs.stat.bind(stores.blobs) },
    delete: { value: stores.blobs.delete.bind(stores.blobs) },
    usage: { value: stores.blobs.usage.bind(stores.blobs) },
    sweep: { value: stores.blobs.sweep.bind(stores.blobs) },
  }) as Stores["blobs"];
  return { ...stores, blobs };
}

describe("an attachment", () => {
  it("reaches one who was away, from one who has gone since", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { links: false });
    const bob = await scope.join("bob", { links: false });
    const { journal } = bob;
    await ada.device.memberOf("bob");
    await bob.device.stop();
    await scope.gone("bob");
    const bytes = randomContent(threeParts);
    const folder = await scope.folder();
    const path = join(folder, "mine.pdf");
    await writeFile(path, bytes);
    await using source = await openFileSource(path);
    const ref = await ada.device.attach(source, { name, type: "application/pdf" });
    const sent = await ada.device.send("@bob", "read this", { attachments: [ref] });
    await until(() => sent.state().state === "stored");
    await ada.device.stop();
    await scope.gone("ada");
    const again = await scope.restart(bob.joined, { journal, links: false });
    const messages = new Messages(again.device);
    const [message] = await messages.count(1);
    expect(message).toMatchObject({
      text: "read this",
      attachments: [{ name, type: "application/pdf", size: threeParts }],
    });
    const [received] = message?.attachments ?? [];
    const fetched = join(folder, "theirs.pdf");
    await again.device.fetchAttachment(received as BlobRef, new FileSink(fetched));
    expect((await readFile(fetched)).equals(bytes)).toBe(true);
    expect(await again.device.attachmentsOf(message?.id ?? "")).toEqual([received]);
    expect(await outcomeOf(again.device.attachmentsOf("other.1"))).toBe("not_found");
  });

  it("goes by live messages too, and a message carries as many as the limit says", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada", { links: false }), await scope.join("bob", { links: false })];
    const messages = new Messages(bob.device);
    const ref = await ada.device.attach(blobSource(new Blob(["hi"])), { name });
    const attachments = Array.from({ length: limits.attachments }, () => ref);
    await ada.device.send("@bob", "live", { class: "live", attachments: attachments.slice(1) });
    await ada.device.send("@bob", "durable", { attachments });
    expect(await outcomeOf(ada.device.send("@bob", "more", { attachments: [...attachments, ref] }))).toBe(
      "invalid_argument",
    );
    const all = await messages.count(2);
    expect(all.map((message) => message.attachments.length).toSorted((one, other) => one - other)).toEqual([15, 16]);
    const long = { ...ref, name: "x".repeat(limits.attachmentNameCharacters + 1) };
    expect(await outcomeOf(ada.device.send("@bob", "long", { attachments: [long] }))).toBe("invalid_argument");
  });

  it("is gone when its time is over", async () => {
    const clock = new MovedClock();
    await using scope = await MeshScope.start({
      stores: openMemoryStores({ clock }),
      registry: { clock, bounds: { sweepMs: 20 } },
    });
    const [ada, bob] = [await scope.join("ada", { links: false }), await scope.join("bob", { links: false })];
    const ref = await ada.device.attach(blobSource(new Blob(["brief"])), { name, ttlMs: day });
    await bob.device.fetchAttachment(ref, new MemorySink());
    clock.moved = day - 60_000;
    await bob.device.fetchAttachment(ref, new MemorySink());
    clock.moved = day + 1;
    expect(await outcomeOf(bob.device.fetchAttachment(ref, new MemorySink()))).toBe("not_found");
    await until(async () => (await scope.mesh.stores.blobs.usage(ada.identity.member)).count === 0);
  });

  it("is not given to a member that was revoked, though its session token has not run out", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await scope.join("ada", { links: false }), await scope.join("eve", { links: false })];
    const ref = await ada.device.attach(blobSource(new Blob(["secret"])), { name });
    await eve.device.fetchAttachment(ref, new MemorySink());
    await scope.mesh.revoke("eve");
    await eve.events.session("stopped");
    const sink = new MemorySink();
    expect(await outcomeOf(eve.device.fetchAttachment(ref, sink))).toBe("revoked");
    expect(() => sink.bytes).toThrow("not there yet");
  });

  it("is refused, and never gets its name, when the registry gives out other bytes", async () => {
    const lies: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
      ["bad_signature", (bytes) => bytes.with(7, (bytes[7] ?? 0) ^ 1)],
      ["bad_signature", (bytes) => new Uint8Array(bytes.length)],
    ];
    for (const [code, change] of lies) {
      await using scope = await MeshScope.start({ stores: lyingStores(change) });
      const [ada, bob] = [await scope.join("ada", { links: false }), await scope.join("bob", { links: false })];
      const ref = await ada.device.attach(blobSource(new Blob(["the real content"])), { name });
      const folder = await scope.folder();
      expect(await outcomeOf(bob.device.fetchAttachment(ref, new FileSink(join(folder, "got"))))).toBe(code);
      expect(await readdir(folder)).not.toContain("got");
    }
  });

  it("fills its member's quota and no more", async () => {
    const stores = openMemoryStores({ clock: systemClock, blobQuotaBytes: 2 * limits.blobPartBytes });
    await using scope = await MeshScope.start({ stores });
    const ada = await scope.join("ada", { links: false });
    const attach = (bytes: number): Promise<BlobRef> =>
      ada.device.attach(blobSource(new Blob([randomContent(bytes)])), { name });
    expect(await outcomeOf(attach(2 * blobContentBytes + 1))).toBe("limit_reached");
    expect((await stores.blobs.usage(ada.identity.member)).bytes).toBe(0);
    expect(await outcomeOf(attach(2 * blobContentBytes))).toBe("done");
    expect(await outcomeOf(attach(1))).toBe("limit_reached");
  });
});

describe("a download that was cut", () => {
  it("goes on with what it lacks in the next process", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { links: false });
    const counted = new CountedFetch();
    const bob = await scope.join("bob", { links: false, fetch: counted.fetch });
    const bytes = randomContent(4 * blobContentBytes);
    const ref = await ada.device.attach(blobSource(new Blob([bytes])), { name });
    const folder = await scope.folder();
    const path = join(folder, "content");
    const cut = new AbortController();
    const onProgress = ({ done }: { readonly done: number }): void => {
      if (done >= 2 * blobContentBytes) cut.abort();
    };
    const first = bob.device.fetchAttachment(ref, new FileSink(path), { signal: cut.signal, onProgress });
    expect(await outcomeOf(first)).toBe("canceled");
    expect((await readdir(folder)).filter((file) => file === "content")).toEqual([]);
    await bob.device.stop();
    counted.counts.clear();
    const again = await scope.restart(bob.joined, { links: false, fetch: counted.fetch });
    await again.device.fetchAttachment(ref, new FileSink(path));
    expect(counted.count("GET")).toBe(2);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it("goes on by itself when the registry comes back", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada", { links: false });
    const counted = new CountedFetch();
    const bob = await scope.join("bob", { links: false, fetch: counted.fetch, journal: openMemoryJournal() });
    const bytes = randomContent(3 * blobContentBytes);
    const ref = await ada.device.attach(blobSource(new Blob([bytes])), { name });
    let restarted: Promise<void> | undefined;
    counted.after = (method, response) => {
      if (method === "GET") restarted ??= scope.mesh.stopRegistry().then(() => scope.startRegistry());
      return response;
    };
    const sink = new MemorySink();
    await bob.device.fetchAttachment(ref, sink);
    await restarted;
    expect(Buffer.compare(sink.bytes, bytes)).toBe(0);
  });
});

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { blobSource, Device, type JoinedMesh, MemorySink } from "@parley/client";
import type { Journal } from "@parley/core";
import { blobContentBytes } from "@parley/protocol";
import { openSqliteJournal } from "@parley/store-sqlite";
import { afterAll, beforeAll, expect, it } from "vitest";

import { CountedFetch } from "./counted-fetch.ts";
import { ProcessMesh } from "./process-mesh.ts";
import { outcomeOf } from "./registry-fixture.ts";

const parts = 6;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-journal-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** One life of a device's process. */
async function live<Result>(
  mesh: ProcessMesh,
  { identity, trust }: JoinedMesh,
  counted: CountedFetch,
  work: (device: Device) => Promise<Result>,
): Promise<Result> {
  const journal: Journal = openSqliteJournal({ dir: folder });
  const device = await Device.open({ identity, trust, registry: mesh.origin, journal, fetch: counted.fetch });
  try {
    await device.start();
    return await work(device);
  } finally {
    await device.stop();
    await journal.close();
  }
}

it("sends only what is missing when registry and sender died in the middle of an upload", async () => {
  await using mesh = await ProcessMesh.start();
  const [ada, bob] = [await mesh.join("ada", false), await mesh.join("bob", false)];
  await ada.device.stop();
  const bytes = new Uint8Array(randomBytes(parts * blobContentBytes));
  const source = blobSource(new Blob([bytes]));
  const first = new CountedFetch();
  const died = new AbortController();
  let kept = 0;
  first.after = async (method, response) => {
    if (method !== "PUT" || !response.ok || ++kept < 2 || died.signal.aborted) return response;
    await mesh.kill();
    died.abort();
    return response;
  };
  await live(mesh, ada.joined, first, async (device) => {
    expect(await outcomeOf(device.attach(source, { name: "content", signal: died.signal }))).toBe("canceled");
  });
  await mesh.restart();
  const second = new CountedFetch();
  const ref = await live(mesh, ada.joined, second, async (device) => {
    const { token } = await device.request("token.get", {});
    const usage = await fetch(`${mesh.origin}/blobs`, { headers: { authorization: `Bearer ${token}` } });
    const { count } = (await usage.json()) as { count: number };
    expect(count).toBeGreaterThanOrEqual(2);
    expect(count).toBeLessThan(parts);
    const attached = await device.attach(source, { name: "content" });
    expect(second.count("PUT")).toBe(parts - count);
    return attached;
  });
  expect(second.count("HEAD")).toBe(parts);
  const sink = new MemorySink();
  await bob.device.fetchAttachment(ref, sink);
  expect(Buffer.compare(sink.bytes, bytes)).toBe(0);
});

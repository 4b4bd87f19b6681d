import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { blobContentBytes, type BlobRef, ParleyError } from "@parley/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FileSink, openFileSource } from "../../src/node/index.ts";
import { FakeRegistry } from "../blobs/fake-registry.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-content-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof ParleyError ? error.code : String(error)),
  );

async function attached(registry: FakeRegistry, bytes: Buffer): Promise<BlobRef> {
  const file = join(folder, `source-${randomBytes(4).toString("hex")}`);
  await writeFile(file, bytes);
  await using source = await openFileSource(file);
  // Attached before the file is closed.
  return await registry.device().attach(source, { name: "source" });
}

const inFolder = async (prefix: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith(prefix)).toSorted();

describe("a file", () => {
  it("is attached and fetched into another one, for its owner alone", async () => {
    const registry = new FakeRegistry();
    const bytes = randomBytes(2 * blobContentBytes + 7);
    const ref = await attached(registry, bytes);
    const path = join(folder, "fetched");
    await registry.device().fetch(ref, new FileSink(path));
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect((await stat(path)).mode & 0o077).toBe(0);
    expect(await inFolder("fetched")).toEqual(["fetched"]);
  });

  it("that is there already is not overwritten, whenever it came", async () => {
    const registry = new FakeRegistry();
    const ref = await attached(registry, randomBytes(100));
    const path = join(folder, "mine");
    await writeFile(path, "mine");
    expect(await code(registry.device().fetch(ref, new FileSink(path)))).toBe("already_exists");
    await symlink(join(folder, "nowhere"), join(folder, "dangling"));
    expect(await code(registry.device().fetch(ref, new FileSink(join(folder, "dangling"))))).toBe("already_exists");
    const late = new FileSink(join(folder, "late"));
    registry.before = () => {
      registry.before = () => undefined;
      void writeFile(join(folder, "late"), "theirs");
    };
    registry.breakAfter = 10;
    expect(await code(registry.device().fetch(ref, late))).toBe("already_exists");
    expect(await readFile(join(folder, "late"), "utf8")).toBe("theirs");
    expect(await readFile(path, "utf8")).toBe("mine");
  });

  it("goes on where a fetch was cut off, also in another process, and does not believe what was left", async () => {
    const registry = new FakeRegistry();
    const bytes = randomBytes(3 * blobContentBytes);
    const ref = await attached(registry, bytes);
    const path = join(folder, "resumed");
    const lost = ref.parts[2]?.hash;
    registry.before = ({ hash, method }) => {
      if (method === "GET" && hash === lost) throw new TypeError("fetch failed");
    };
    expect(await code(registry.device().fetch(ref, new FileSink(path)))).toBe("unreachable");
    const [part = ""] = await inFolder("resumed");
    expect(part).toMatch(/^resumed\.[\w-]{8}\.part$/);
    registry.before = () => undefined;
    registry.calls.length = 0;
    // The second part was being written when the power went.
    await truncate(join(folder, part), blobContentBytes + 1000);
    await registry.device().fetch(ref, new FileSink(path));
    expect(registry.count("GET")).toBe(2);
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await inFolder("resumed")).toEqual(["resumed"]);
  });

  it("never gets its name with bytes that are not the sender's", async () => {
    const registry = new FakeRegistry();
    const ref = await attached(registry, randomBytes(100));
    const path = join(folder, "hostile");
    registry.tamper = (bytes) => bytes.with(3, (bytes[3] ?? 0) ^ 1);
    expect(await code(registry.device().fetch(ref, new FileSink(path)))).toBe("bad_signature");
    expect(await inFolder("hostile")).not.toContain("hostile");
    registry.tamper = (bytes) => bytes;
    expect(await code(registry.device().fetch({ ...ref, sha256: ref.key }, new FileSink(path)))).toBe("bad_signature");
    expect((await inFolder("hostile")).filter((name) => name === "hostile")).toEqual([]);
  });

  it("is named by an absolute path, and is a file", async () => {
    expect(await code(openFileSource("relative"))).toBe("invalid_argument");
    expect(() => new FileSink("relative")).toThrow(ParleyError);
    expect(await code(openFileSource(folder))).toBe("invalid_argument");
    expect(await code(openFileSource(join(folder, "nothing")))).toBe("not_found");
  });
});

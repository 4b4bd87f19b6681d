import type { BlobFacts, BlobQuotas, Blobs, BlobUsage, Clock, PutBlobOptions, StoredBlob } from "@parley/core";
import { checkBlob, checkBlobHash, checkStoreName, checkWhole, maxBlobHoldsPerSweep } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { BlobFolder } from "./blob-folder.ts";
import { numberIn, textIn } from "./column.ts";
import { Counter } from "./counter.ts";
import type { Database } from "./database.ts";
import type { GroupCommit } from "./group-commit.ts";
import { KeyLock } from "./key-lock.ts";

const rowBytes = 300;
const folders = 256;
/** A file without a row this old (by the system's clock, as file times are) was left by a crash, not by a `put` under way. */
const orphanAgeMs = 3_600_000;

/** The Blobs: holds in SQLite, content in files. A file comes before its row and goes after it, so a row always has its file. */
export class SqliteBlobs implements Blobs {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  readonly #folder: BlobFolder;
  readonly #clock: Clock;
  readonly #quotas: BlobQuotas;
  readonly #totalBytes: Counter;
  readonly #locks = new KeyLock();
  #nextFolder = 0;

  constructor(database: Database, commits: GroupCommit, folder: BlobFolder, clock: Clock, quotas: BlobQuotas) {
    this.#database = database;
    this.#commits = commits;
    this.#folder = folder;
    this.#clock = clock;
    this.#quotas = quotas;
    this.#totalBytes = new Counter(database, "blob-bytes");
    commits.join(this.#totalBytes);
  }

  async put(hash: string, content: Uint8Array, options: PutBlobOptions): Promise<{ readonly stored: boolean }> {
    this.#commits.checkOpen();
    const copy = await checkBlob(hash, content, options, this.#clock);
    return this.#locks.run(hash, async () => {
      this.#commits.checkOpen();
      const isNew = this.#database.read(() => this.#sizeOf(hash)) === undefined;
      if (isNew) {
        this.#database.read(() => this.#checkQuotas(options.owner, copy.byteLength, true));
        await this.#folder.write(hash, copy);
      }
      try {
        await this.#commits.run(() => this.#hold(hash, copy.byteLength, options), rowBytes);
      } catch (error) {
        if (isNew) await this.#folder.remove(hash);
        throw error;
      }
      return { stored: isNew };
    });
  }

  async get(hash: string): Promise<StoredBlob | undefined> {
    this.#commits.checkOpen();
    checkBlobHash(hash);
    const row = this.#database.read(() =>
      this.#database
        .statement("SELECT expires_at FROM blob_hold WHERE hash = ? ORDER BY expires_at DESC LIMIT 1")
        .get(hash),
    );
    if (row === undefined) return undefined;
    const expiresAt = numberIn(row, "expires_at");
    if (expiresAt <= this.#clock.now()) return undefined;
    const content = await this.#folder.read(hash);
    return content === undefined ? undefined : { content, expiresAt };
  }

  async stat(hash: string, owner: string): Promise<BlobFacts | undefined> {
    this.#commits.checkOpen();
    checkBlobHash(hash);
    checkStoreName("owner", owner);
    const now = this.#clock.now();
    return this.#database.read(() => {
      const holds = this.#database
        .statement("SELECT owner, expires_at FROM blob_hold WHERE hash = ? AND expires_at > ?")
        .all(hash, now);
      const bytes = this.#sizeOf(hash);
      if (holds.length === 0 || bytes === undefined) return undefined;
      const own = holds.find((row) => textIn(row, "owner") === owner);
      return {
        bytes,
        expiresAt: Math.max(...holds.map((row) => numberIn(row, "expires_at"))),
        heldUntil: own === undefined ? undefined : numberIn(own, "expires_at"),
      };
    });
  }

  async delete(hash: string, owner: string): Promise<boolean> {
    this.#commits.checkOpen();
    checkBlobHash(hash);
    checkStoreName("owner", owner);
    return this.#locks.run(hash, async () => {
      const ended = await this.#commits.run(() => this.#endHold(hash, owner), rowBytes);
      if (ended) await this.#removeIfUnheld(hash);
      return ended;
    });
  }

  async usage(owner: string): Promise<BlobUsage> {
    this.#commits.checkOpen();
    checkStoreName("owner", owner);
    return this.#database.read(() => this.#usageOf(owner));
  }

  async sweep(now: number): Promise<{ readonly removed: number; readonly complete: boolean }> {
    this.#commits.checkOpen();
    checkWhole("time", now, 0);
    const ended = await this.#commits.run(() => this.#endExpired(now), rowBytes * maxBlobHoldsPerSweep);
    for (const hash of new Set(ended.hashes)) await this.#locks.run(hash, () => this.#removeIfUnheld(hash));
    await this.#removeOrphans();
    return { removed: ended.hashes.length, complete: ended.complete };
  }

  /** Resolves when no file is being written or removed. */
  async idle(): Promise<void> {
    await this.#locks.idle();
  }

  #hold(hash: string, size: number, { owner, expiresAt }: PutBlobOptions): void {
    const held = this.#database
      .statement("UPDATE blob_hold SET expires_at = max(expires_at, ?) WHERE owner = ? AND hash = ?")
      .run(expiresAt, owner, hash);
    if (held.changes !== 0) return;
    const isNew = this.#sizeOf(hash) === undefined;
    this.#checkQuotas(owner, size, isNew);
    if (isNew) {
      this.#database.statement("INSERT INTO blob (hash, size) VALUES (?, ?)").run(hash, size);
      this.#totalBytes.add(size);
    }
    this.#database
      .statement("INSERT INTO blob_hold (owner, hash, expires_at) VALUES (?, ?, ?)")
      .run(owner, hash, expiresAt);
    this.#database
      .statement(
        `INSERT INTO blob_usage (owner, bytes, count) VALUES (?, ?, 1)
         ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes, count = count + 1`,
      )
      .run(owner, size);
  }

  #endHold(hash: string, owner: string): boolean {
    const size = this.#sizeOf(hash);
    const ended = this.#database.statement("DELETE FROM blob_hold WHERE owner = ? AND hash = ?").run(owner, hash);
    if (size === undefined || ended.changes === 0) return false;
    this.#database
      .statement("UPDATE blob_usage SET bytes = bytes - ?, count = count - 1 WHERE owner = ?")
      .run(size, owner);
    this.#database.statement("DELETE FROM blob_usage WHERE owner = ? AND count = 0").run(owner);
    const others = this.#database.statement("SELECT 1 FROM blob_hold WHERE hash = ? LIMIT 1").get(hash);
    if (others === undefined) {
      this.#database.statement("DELETE FROM blob WHERE hash = ?").run(hash);
      this.#totalBytes.add(-size);
    }
    return true;
  }

  #endExpired(now: number): { readonly hashes: readonly string[]; readonly complete: boolean } {
    const rows = this.#database
      .statement("SELECT owner, hash FROM blob_hold WHERE expires_at <= ? ORDER BY expires_at LIMIT ?")
      .all(now, maxBlobHoldsPerSweep + 1);
    const expired = rows.slice(0, maxBlobHoldsPerSweep);
    for (const row of expired) this.#endHold(textIn(row, "hash"), textIn(row, "owner"));
    return { hashes: expired.map((row) => textIn(row, "hash")), complete: rows.length <= maxBlobHoldsPerSweep };
  }

  /** Only while the hash is locked. */
  async #removeIfUnheld(hash: string): Promise<void> {
    if (this.#database.read(() => this.#sizeOf(hash)) === undefined) await this.#folder.remove(hash);
  }

  /** One folder per sweep, in turn. */
  async #removeOrphans(): Promise<void> {
    const folder = this.#nextFolder;
    this.#nextFolder = (folder + 1) % folders;
    for (const hash of await this.#folder.olderThan(folder, Date.now() - orphanAgeMs)) {
      await this.#locks.run(hash, () => this.#removeIfUnheld(hash));
    }
  }

  #sizeOf(hash: string): number | undefined {
    const row = this.#database.statement("SELECT size FROM blob WHERE hash = ?").get(hash);
    return row === undefined ? undefined : numberIn(row, "size");
  }

  #usageOf(owner: string): BlobUsage {
    const row = this.#database.statement("SELECT bytes, count FROM blob_usage WHERE owner = ?").get(owner);
    return row === undefined
      ? { bytes: 0, count: 0 }
      : { bytes: numberIn(row, "bytes"), count: numberIn(row, "count") };
  }

  #checkQuotas(owner: string, bytes: number, isNew: boolean): void {
    const { perOwnerBytes, totalBytes } = this.#quotas;
    if (this.#usageOf(owner).bytes + bytes > perOwnerBytes) {
      throw new ParleyError("limit_reached", {
        message: "The owner's blob quota is used up.",
        data: { perOwnerBytes },
      });
    }
    if (isNew && this.#totalBytes.value + bytes > totalBytes) {
      throw new ParleyError("storage_full", { message: "The store's blob quota is used up.", data: { totalBytes } });
    }
  }
}

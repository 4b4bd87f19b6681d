import { ParleyError } from "@parley/protocol";

import { checkWhole } from "../ports/arguments.ts";
import type { BlobFacts, Blobs, BlobUsage, PutBlobOptions, StoredBlob } from "../ports/blobs.ts";
import { maxBlobHoldsPerSweep } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import { checkStoreName } from "../ports/store-name.ts";
import { checkBlob, checkBlobHash } from "./blob-checks.ts";

interface HeldBlob {
  readonly content: Uint8Array;
  /** Expiry by owner. */
  readonly holds: Map<string, number>;
}

export interface BlobQuotas {
  readonly perOwnerBytes: number;
  readonly totalBytes: number;
}

/** The Blobs in memory. */
export class MemoryBlobs implements Blobs {
  readonly #clock: Clock;
  readonly #quotas: BlobQuotas;
  readonly #blobs = new Map<string, HeldBlob>();
  readonly #usage = new Map<string, { bytes: number; count: number }>();
  #totalBytes = 0;
  #closed = false;

  constructor(clock: Clock, quotas: BlobQuotas) {
    this.#clock = clock;
    this.#quotas = quotas;
  }

  async put(hash: string, content: Uint8Array, options: PutBlobOptions): Promise<{ readonly stored: boolean }> {
    this.#checkOpen();
    const copy = await checkBlob(hash, content, options, this.#clock);
    this.#checkOpen();
    const held = this.#blobs.get(hash);
    const expiry = held?.holds.get(options.owner);
    if (held !== undefined && expiry !== undefined) {
      held.holds.set(options.owner, Math.max(expiry, options.expiresAt));
      return { stored: false };
    }
    this.#checkQuotas(options.owner, copy.byteLength, held === undefined);
    if (held === undefined) this.#totalBytes += copy.byteLength;
    const target = held ?? { content: copy, holds: new Map<string, number>() };
    target.holds.set(options.owner, options.expiresAt);
    this.#blobs.set(hash, target);
    const usage = this.#usage.get(options.owner) ?? { bytes: 0, count: 0 };
    this.#usage.set(options.owner, { bytes: usage.bytes + copy.byteLength, count: usage.count + 1 });
    return { stored: held === undefined };
  }

  async get(hash: string): Promise<StoredBlob | undefined> {
    this.#checkOpen();
    checkBlobHash(hash);
    const held = this.#blobs.get(hash);
    if (held === undefined) return undefined;
    const expiresAt = Math.max(...held.holds.values());
    return expiresAt > this.#clock.now() ? { content: held.content.slice(), expiresAt } : undefined;
  }

  async stat(hash: string, owner: string): Promise<BlobFacts | undefined> {
    this.#checkOpen();
    checkBlobHash(hash);
    checkStoreName("owner", owner);
    const held = this.#blobs.get(hash);
    const now = this.#clock.now();
    const expiresAt = Math.max(0, ...(held?.holds.values() ?? []));
    if (held === undefined || expiresAt <= now) return undefined;
    const own = held.holds.get(owner) ?? 0;
    return { bytes: held.content.byteLength, expiresAt, heldUntil: own > now ? own : undefined };
  }

  async delete(hash: string, owner: string): Promise<boolean> {
    this.#checkOpen();
    checkBlobHash(hash);
    checkStoreName("owner", owner);
    return this.#endHold(hash, owner);
  }

  async usage(owner: string): Promise<BlobUsage> {
    this.#checkOpen();
    checkStoreName("owner", owner);
    return { ...(this.#usage.get(owner) ?? { bytes: 0, count: 0 }) };
  }

  async sweep(now: number): Promise<{ readonly removed: number; readonly complete: boolean }> {
    this.#checkOpen();
    checkWhole("time", now, 0);
    let removed = 0;
    for (const [hash, held] of this.#blobs) {
      for (const [owner, expiresAt] of held.holds) {
        if (expiresAt > now) continue;
        if (removed === maxBlobHoldsPerSweep) return { removed, complete: false };
        this.#endHold(hash, owner);
        removed++;
      }
    }
    return { removed, complete: true };
  }

  close(): void {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ParleyError("closed");
  }

  #checkQuotas(owner: string, bytes: number, isNew: boolean): void {
    const { perOwnerBytes, totalBytes } = this.#quotas;
    if ((this.#usage.get(owner)?.bytes ?? 0) + bytes > perOwnerBytes) {
      throw new ParleyError("limit_reached", {
        message: "The owner's blob quota is used up.",
        data: { perOwnerBytes },
      });
    }
    if (isNew && this.#totalBytes + bytes > totalBytes) {
      throw new ParleyError("storage_full", { message: "The store's blob quota is used up.", data: { totalBytes } });
    }
  }

  #endHold(hash: string, owner: string): boolean {
    const held = this.#blobs.get(hash);
    if (held?.holds.delete(owner) !== true) return false;
    const size = held.content.byteLength;
    const usage = this.#usage.get(owner);
    if (usage !== undefined && usage.count > 1) {
      this.#usage.set(owner, { bytes: usage.bytes - size, count: usage.count - 1 });
    } else this.#usage.delete(owner);
    if (held.holds.size === 0) {
      this.#blobs.delete(hash);
      this.#totalBytes -= size;
    }
    return true;
  }
}

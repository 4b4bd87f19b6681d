import type { RecordChange, Records } from "@parley/core";
import { id32Schema } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";

const storedBlocksSchema = z.object({ blocked: z.array(id32Schema) });
type StoredBlocks = z.infer<typeof storedBlocksSchema>;

/** Whose frames members do not take: a projection of the `blocks/` records, kept by watching them. */
export class Blocks {
  readonly #records: Records;
  readonly #stored: JsonRecords<StoredBlocks>;
  readonly #known = new Map<string, { readonly blocked: ReadonlySet<string>; readonly revision: number }>();

  constructor(records: Records) {
    this.#records = records;
    this.#stored = new JsonRecords(records, storedBlocksSchema);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#records.watch(prefixes.blocks, (change) => this.#follow(change), { signal });
  }

  isBlocked(by: string, member: string): boolean {
    return this.#known.get(by)?.blocked.has(member) === true;
  }

  async get(member: string): Promise<string[]> {
    return (await this.#stored.get(keys.blocks(member)))?.value.blocked ?? [];
  }

  /** Replaces a member's list. */
  async set(member: string, blocked: readonly string[]): Promise<void> {
    const list = [...new Set(blocked)];
    const stored = await this.#stored.change(keys.blocks(member), (current) =>
      JSON.stringify(current?.blocked ?? []) === JSON.stringify(list) ? undefined : { blocked: list },
    );
    if (stored !== undefined) this.#take(member, stored.value, stored.revision);
  }

  /** Forgets the list of a member that was revoked. */
  async remove(member: string): Promise<void> {
    await this.#stored.deleteIf(keys.blocks(member), () => true);
  }

  #follow(change: RecordChange): void {
    const member = afterPrefix(change.key, prefixes.blocks);
    const stored = this.#stored.decode(change.value);
    if (stored === undefined) this.#known.delete(member);
    else this.#take(member, stored, change.revision);
  }

  #take(member: string, { blocked }: StoredBlocks, revision: number): void {
    if ((this.#known.get(member)?.revision ?? 0) >= revision) return;
    this.#known.set(member, { blocked: new Set(blocked), revision });
  }
}

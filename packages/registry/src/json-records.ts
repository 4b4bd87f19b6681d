import type { Records } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { z } from "zod";

export interface Versioned<Value> {
  readonly value: Value;
  readonly revision: number;
}

/** A store may refuse a conditional change for no reason; more refusals than this in a row are somebody else's writes. */
const mostTries = 48;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Records of one kind, as JSON of one schema. Conditional changes are tried again until they hold or mean something. */
export class JsonRecords<Value> {
  readonly #records: Records;
  readonly #schema: z.ZodType<Value>;

  constructor(records: Records, schema: z.ZodType<Value>) {
    this.#records = records;
    this.#schema = schema;
  }

  /** Undefined for a deleted or unreadable value. */
  decode(bytes: Uint8Array | undefined): Value | undefined {
    if (bytes === undefined) return undefined;
    try {
      const parsed = this.#schema.safeParse(JSON.parse(decoder.decode(bytes)));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined;
    }
  }

  async get(key: string): Promise<Versioned<Value> | undefined> {
    const found = await this.#records.get(key);
    if (found === undefined) return undefined;
    const value = this.decode(found.value);
    if (value === undefined)
      throw new ParleyError("storage_unavailable", { message: `The record ${key.split("/")[0] ?? ""} is damaged.` });
    return { value, revision: found.revision };
  }

  /**
   * Reads, changes and writes one record until nobody came between. `next` returns the new value, or undefined to leave
   * things as they are; what it throws ends the change. Answers what is in the record afterwards.
   */
  async change(
    key: string,
    next: (current: Value | undefined) => Value | undefined | Promise<Value | undefined>,
  ): Promise<Versioned<Value> | undefined> {
    for (let tries = 0; tries < mostTries; tries++) {
      const current = await this.get(key);
      const value = await next(current?.value);
      if (value === undefined) return current;
      const put = await this.#records.put(key, encoder.encode(JSON.stringify(value)), {
        ifRevision: current?.revision ?? "absent",
      });
      if (put.ok) return { value, revision: put.revision };
    }
    throw new ParleyError("conflict");
  }

  /** Deletes the record if `gone` says so of what is in it. */
  async deleteIf(key: string, gone: (current: Value) => boolean): Promise<boolean> {
    for (let tries = 0; tries < mostTries; tries++) {
      const current = await this.get(key);
      if (current === undefined || !gone(current.value)) return false;
      const done = await this.#records.delete(key, { ifRevision: current.revision });
      if (done.ok) return true;
    }
    throw new ParleyError("conflict");
  }

  /** Every record under a prefix, page by page, at most `most`. Unreadable ones are passed over. */
  async *all(prefix: string, most: number, after?: string): AsyncGenerator<{ key: string } & Versioned<Value>> {
    let last = after;
    let count = 0;
    for (;;) {
      const page = await this.#records.list(prefix, last === undefined ? {} : { after: last });
      for (const { key, value: bytes, revision } of page.records) {
        last = key;
        const value = this.decode(bytes);
        if (value === undefined) continue;
        if (count++ >= most) return;
        yield { key, value, revision };
      }
      if (page.complete || page.records.length === 0) return;
    }
  }
}

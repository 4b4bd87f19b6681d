import { type AuditPlace, peekStatement, type Records, sha256, type Signer, signStatement } from "@parley/core";
import { compactSchema, limits } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "../json-records.ts";
import { keys } from "../keys.ts";

const storedSchema = z.object({ checkpoints: z.array(compactSchema).max(limits.auditCheckpoints) });

export interface AuditCheckpointsOptions {
  readonly records: Records;
  readonly nodeKey: Signer;
  readonly mesh: () => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The newest signed checkpoints of a node's log, in one record. */
export class AuditCheckpoints {
  readonly #options: AuditCheckpointsOptions;
  readonly #stored: JsonRecords<z.infer<typeof storedSchema>>;

  constructor(options: AuditCheckpointsOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  /** Oldest first. */
  async all(): Promise<readonly string[]> {
    return (await this.#stored.get(this.#key))?.value.checkpoints ?? [];
  }

  /** Up to where entries were, or were to be, trimmed. */
  async load(): Promise<AuditPlace | undefined> {
    const newest = (await this.all()).at(-1);
    if (newest === undefined) return undefined;
    const { to, hash } = peekStatement("checkpoint", newest);
    return { number: to, hash };
  }

  /** Signs and keeps one about the entries from `from` to this place; answers its hash. Undefined while the mesh is not claimed. */
  async sign(from: number, { number: to, hash }: AuditPlace): Promise<string | undefined> {
    const { nodeKey, mesh: meshOf, now } = this.#options;
    const mesh = meshOf();
    if (mesh === undefined) return undefined;
    let signed = "";
    await this.#stored.change(this.#key, async (current) => {
      const before = current?.checkpoints ?? [];
      const last = before.at(-1);
      // One whose trim was cut short stands for the same.
      if (last !== undefined && peekStatement("checkpoint", last).to === to) {
        signed = last;
        return undefined;
      }
      const previous = last === undefined ? {} : { previous: await sha256(last) };
      const count = to - from + 1;
      signed = await signStatement(
        "checkpoint",
        { mesh, node: nodeKey.id, from, to, hash, count, ...previous, iat: now() },
        nodeKey,
      );
      return { checkpoints: [...before, signed].slice(-limits.auditCheckpoints) };
    });
    return sha256(signed);
  }

  get #key(): string {
    return keys.auditCheckpoints(this.#options.nodeKey.id);
  }
}

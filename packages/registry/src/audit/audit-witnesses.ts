import { peekStatement, type Records, sha256, verifyStatement } from "@parley/core";
import { compactSchema, limits, ParleyError, type Statement } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "../json-records.ts";
import { afterPrefix, keys } from "../keys.ts";
import type { AuditLog } from "./audit-log.ts";

const storedSchema = z.object({ witness: compactSchema });

export interface AuditWitnessesOptions {
  readonly records: Records;
  readonly log: AuditLog;
  readonly node: string;
  readonly mesh: () => string | undefined;
}

/** Who leaves a witness: an operator's device, with the key by which it proved itself. */
export interface WitnessingDevice {
  readonly member: string;
  readonly device: string;
  readonly key: string;
}

/** The newest witness of each operator's device. */
export class AuditWitnesses {
  readonly #options: AuditWitnessesOptions;
  readonly #stored: JsonRecords<z.infer<typeof storedSchema>>;

  constructor(options: AuditWitnessesOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  /** Newest first. */
  async all(): Promise<readonly string[]> {
    return (await this.#read()).slice(0, limits.auditWitnesses).map(({ compact }) => compact);
  }

  /**
   * Keeps a witness in place of an older one of its device. Throws `bad_signature`, or `conflict` for one of entries that this log
   * does not have.
   */
  async put(compact: string, { member, device, key }: WitnessingDevice): Promise<void> {
    const { node, mesh } = this.#options;
    const witness = await verifyStatement("witness", compact, key);
    if (witness.member !== member || witness.device !== device)
      throw new ParleyError("forbidden", { message: "A device leaves only its own witness." });
    if (witness.mesh !== mesh() || witness.node !== node) throw new ParleyError("wrong_mesh");
    if (!(await this.#isHere(witness)))
      throw new ParleyError("conflict", { message: "The witness is about entries that this log does not have." });
    await this.#stored.change(keys.auditWitness(node, device), (current) => {
      if (current === undefined) return { witness: compact };
      return peekStatement("witness", current.witness).iat >= witness.iat ? undefined : { witness: compact };
    });
    await this.#makeRoom();
  }

  async #isHere({ number, hash, epoch }: Statement<"witness">): Promise<boolean> {
    const { log } = this.#options;
    if (epoch !== log.tail.epoch || number > log.tail.number || number < log.first) return false;
    if (number === log.tail.number) return hash === log.tail.hash;
    const { lines } = await log.after(number - 1);
    const line = lines.find((each) => each.number === number);
    return line !== undefined && (await sha256(line.text)) === hash;
  }

  async #makeRoom(): Promise<void> {
    const { node } = this.#options;
    for (const { device } of (await this.#read()).slice(limits.auditWitnesses))
      await this.#stored.deleteIf(keys.auditWitness(node, device), () => true);
  }

  async #read(): Promise<{ readonly device: string; readonly compact: string; readonly at: number }[]> {
    const prefix = keys.auditWitnesses(this.#options.node);
    const found: { device: string; compact: string; at: number }[] = [];
    for await (const { key, value } of this.#stored.all(prefix, 2 * limits.auditWitnesses))
      found.push({
        device: afterPrefix(key, prefix),
        compact: value.witness,
        at: peekStatement("witness", value.witness).iat,
      });
    return found.sort((one, other) => other.at - one.at);
  }
}

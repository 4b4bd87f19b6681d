import {
  type CompactOrders,
  Orders,
  peekStatement,
  type Policy,
  type RecordChange,
  type Records,
  type Restrictions,
  verifyOrder,
} from "@parley/core";
import { compactSchema, limits, type OrderType, ParleyError } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";
import type { MeshState } from "./mesh-state.ts";

/** The orders that lie in a record of their own; the revocation list is part of the mesh's state. */
export type StoredOrder = Exclude<OrderType, "revocations">;
const storedOrders: readonly StoredOrder[] = ["policy", "restrictions"];

const storedSchema = z.object({ statement: compactSchema });

export interface OperatorOrdersOptions {
  readonly records: Records;
  readonly mesh: MeshState;
  readonly now: () => number;
  /** Called when another one than before holds. */
  readonly onOrder: (type: StoredOrder, statement: string) => void;
  readonly onError: (error: unknown) => void;
}

/** The policy and the restrictions that hold in the mesh, each in one record that decides which is the newest. */
export class OperatorOrders {
  readonly #options: OperatorOrdersOptions;
  readonly #stored: JsonRecords<z.infer<typeof storedSchema>>;
  readonly #held = new Orders();
  #taking: Promise<void> = Promise.resolve();

  constructor(options: OperatorOrdersOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { records, mesh } = this.#options;
    for (const type of storedOrders) {
      const found = await this.#stored.get(keys.order(type));
      // Verified when it was stored; the operator who signed it may be one no more.
      if (found !== undefined) this.#held.restore({ [type]: found.value.statement }, mesh.require().mesh);
    }
    await records.watch(prefixes.order, (change) => this.#follow(change), { signal });
  }

  get policy(): Policy {
    return this.#held.policy;
  }

  get restrictions(): Restrictions {
    return this.#held.restrictions;
  }

  /** The newest of each, for a device that connects. */
  get compact(): CompactOrders {
    return this.#held.compact;
  }

  /** Puts the next one in the place of the one before; the same again changes nothing. Throws `stale_statement` for any other number. */
  async publish(type: StoredOrder, compact: string): Promise<void> {
    const { mesh, now } = this.#options;
    const order = await verifyOrder(type, compact, mesh.require().operators);
    if (order.iat > now() + limits.clockSkewMs) throw new ParleyError("clock_skew");
    await this.#stored.change(keys.order(type), (current) => {
      if (current?.statement === compact) return undefined;
      const next = (current === undefined ? 0 : peekStatement(type, current.statement).number) + 1;
      if (order.number === next) return { statement: compact };
      throw new ParleyError("stale_statement", {
        message: `The ${type} statement ${order.number} was offered where number ${next} comes next.`,
      });
    });
    await this.#take(type, compact);
  }

  #follow(change: RecordChange): void {
    const type = storedOrders.find((each) => each === afterPrefix(change.key, prefixes.order));
    const stored = this.#stored.decode(change.value);
    if (type !== undefined && stored !== undefined) this.#take(type, stored.statement).catch(this.#options.onError);
  }

  /** One after the other, whoever wrote it. */
  #take(type: StoredOrder, compact: string): Promise<void> {
    const { mesh, onOrder } = this.#options;
    const taken = this.#taking.then(async () => {
      if (peekStatement(type, compact).number <= this.#held.numbers[type]) return;
      if (await this.#held.accept(type, compact, mesh.require().operators)) onOrder(type, compact);
    });
    this.#taking = taken.catch(() => undefined);
    return taken;
  }
}

/**
 * The operators' orders as a device or a node holds them: three whole, numbered documents. Each is believed for the operator's
 * signature and for its number, which only goes up, whoever brings it.
 */
import { limits, type OrderType, ParleyError, type Statement } from "@parley/protocol";

import { Policy } from "../policy/policy.ts";
import { Restrictions } from "../policy/restrictions.ts";
import { type OperatorSet, verifyByOperator } from "./operators.ts";
import { peekStatement } from "./statement.ts";

export const orderTypes: readonly OrderType[] = ["revocations", "policy", "restrictions"];

/** The newest of each in compact form, as far as there is one. */
export type CompactOrders = { readonly [Type in OrderType]?: string };

/** Number of the newest of each; 0 for none. */
export type OrderNumbers = { readonly [Type in OrderType]: number };

/** Verifies an order against the operators of now. Throws `bad_signature`, `wrong_mesh` or `too_large`. */
export async function verifyOrder<Type extends OrderType>(
  type: Type,
  compact: string,
  operators: OperatorSet,
): Promise<Statement<Type>> {
  if (type !== "revocations" && compact.length > limits.orderBytes)
    throw new ParleyError("too_large", { message: `The ${type} statement is larger than ${limits.orderBytes} bytes.` });
  return verifyByOperator(type, compact, operators);
}

export class Orders {
  #compact: { [Type in OrderType]?: string } = {};
  #revocations: Statement<"revocations"> | undefined;
  /** Ids of the revoked: asked for on every lookup. */
  #revoked: ReadonlySet<string> = new Set();
  #policy = new Policy();
  #restrictions = new Restrictions();

  get compact(): CompactOrders {
    return this.#compact;
  }

  get numbers(): OrderNumbers {
    return {
      revocations: this.#revocations?.number ?? 0,
      policy: this.#policy.number,
      restrictions: this.#restrictions.number,
    };
  }

  get revocations(): Statement<"revocations"> | undefined {
    return this.#revocations;
  }

  get policy(): Policy {
    return this.#policy;
  }

  get restrictions(): Restrictions {
    return this.#restrictions;
  }

  isRevoked(member: string): boolean {
    return this.#revoked.has(member);
  }

  /** Takes a newer one; true when it is news. An older one, or another one of the same number, is `stale_statement`. */
  async accept(type: OrderType, compact: string, operators: OperatorSet): Promise<boolean> {
    if (compact === this.#compact[type]) return false;
    const order = await verifyOrder(type, compact, operators);
    // It may have come by another way meanwhile.
    if (compact === this.#compact[type]) return false;
    if (order.number <= this.numbers[type])
      throw new ParleyError("stale_statement", {
        message: `The ${type} statement ${order.number} was offered after number ${this.numbers[type]}.`,
      });
    this.#take(type, compact);
    return true;
  }

  /** Puts back what was verified when it was taken. Not verified again: the operator who signed it may be one no more. */
  restore(compact: CompactOrders, mesh: string): void {
    for (const type of orderTypes) {
      const held = compact[type];
      if (held === undefined) continue;
      if (peekStatement(type, held).mesh !== mesh) throw new ParleyError("wrong_mesh");
      this.#take(type, held);
    }
  }

  #take(type: OrderType, compact: string): void {
    this.#compact = { ...this.#compact, [type]: compact };
    if (type === "revocations") {
      this.#revocations = peekStatement("revocations", compact);
      this.#revoked = new Set(this.#revocations.revoked.map(({ member }) => member));
    } else if (type === "policy") {
      const { policy, number } = peekStatement("policy", compact);
      this.#policy = new Policy(policy, number);
    } else {
      const { restrictions, number } = peekStatement("restrictions", compact);
      this.#restrictions = new Restrictions(restrictions, number);
    }
  }
}

import { ParleyError } from "@parley/protocol";

/** Room for transfers that hold a part in memory: so many of one member, so many in total. */
export class TransferSlots {
  readonly #perMember: number;
  readonly #inTotal: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor({ perMember, inTotal }: { readonly perMember: number; readonly inTotal: number }) {
    this.#perMember = perMember;
    this.#inTotal = inTotal;
  }

  /** Takes room until the returned function is called, once. Throws `rate_limited`. */
  take(member: string): () => void {
    const taken = this.#taken.get(member) ?? 0;
    if (taken >= this.#perMember || this.#total >= this.#inTotal)
      throw new ParleyError("rate_limited", {
        message: "Too many parts are transferred at once; wait for earlier ones.",
      });
    this.#taken.set(member, taken + 1);
    this.#total++;
    return () => {
      this.#total--;
      const left = (this.#taken.get(member) ?? 1) - 1;
      if (left === 0) this.#taken.delete(member);
      else this.#taken.set(member, left);
    };
  }
}

/** Members that the registry holds off: over their budget, or at odds with an order. */
import { type MeshTrust, verifyStatement } from "@parley/core";
import { type ErrorCode, ParleyError, type Statement } from "@parley/protocol";

type Held = Statement<"holds">["held"][number];

/** Why somebody is held off, and until when. */
export interface HeldOff {
  readonly code: ErrorCode;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export interface HoldsOptions {
  readonly trust: Pick<MeshTrust, "mesh">;
  /** The node that this device is connected to: it withholds what it likes, so its word for that is enough. */
  readonly node: () => { readonly id: string; readonly key: string } | undefined;
  /** Wall time, ms since 1970. */
  readonly now: () => number;
}

export class Holds {
  readonly #options: HoldsOptions;
  #number = 0;
  #held: ReadonlyMap<string, Held> = new Map();

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** Why a member is held off now, and until when; undefined when it is not. */
  heldFor(member: string): HeldOff | undefined {
    const entry = this.#held.size === 0 ? undefined : this.#held.get(member);
    return entry !== undefined && entry.until > this.#options.now() ? entry : undefined;
  }

  /** Another session: its node says anew whom it holds off. */
  forget(): void {
    this.#number = 0;
    this.#held = new Map();
  }

  /** Takes the node's newest list. Throws `bad_signature` or `wrong_mesh`; an older list of a session changes nothing. */
  async accept(compact: string): Promise<void> {
    const { trust, node } = this.#options;
    const connected = node();
    if (connected === undefined) return;
    const list = await verifyStatement("holds", compact, connected.key);
    if (list.mesh !== trust.mesh) throw new ParleyError("wrong_mesh");
    if (list.node !== connected.id)
      throw new ParleyError("bad_signature", { message: "A node holds members off in another's name." });
    if (list.number <= this.#number) return;
    this.#number = list.number;
    this.#held = new Map(list.held.map((entry) => [entry.member, entry]));
  }
}

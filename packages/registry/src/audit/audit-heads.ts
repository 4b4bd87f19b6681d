import { type Signer, signStatement } from "@parley/core";

import type { AuditLog } from "./audit-log.ts";

export interface AuditHeadsOptions {
  readonly log: AuditLog;
  readonly nodeKey: Signer;
  readonly mesh: () => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A head that says the same is signed anew after this, so that its time shows that the node still says so. */
const freshMs = 5000;

/** Signs where the log ends. */
export class AuditHeads {
  readonly #options: AuditHeadsOptions;
  #signed: { readonly hash: string; readonly epoch: string; readonly at: number; readonly head: string } | undefined;

  constructor(options: AuditHeadsOptions) {
    this.#options = options;
  }

  /** Undefined while the mesh is not claimed, or nothing was written down. */
  async current(): Promise<string | undefined> {
    const { log, nodeKey, mesh: meshOf, now } = this.#options;
    const mesh = meshOf();
    const { number, hash, epoch } = log.tail;
    if (mesh === undefined || number === 0) return undefined;
    const iat = now();
    const known = this.#signed;
    if (known !== undefined && known.hash === hash && known.epoch === epoch && iat - known.at < freshMs)
      return known.head;
    const head = await signStatement("head", { mesh, node: nodeKey.id, epoch, number, hash, iat }, nodeKey);
    this.#signed = { hash, epoch, at: iat, head };
    return head;
  }
}

/** How the operators' orders leave this device: whether it may write and take, and what follows when that changes. */
import type { Restriction } from "@parley/core";

import type { Gate } from "./gate.ts";
import type { Intake } from "./intake.ts";
import type { Notices } from "./notices.ts";
import type { Peers } from "./peers.ts";

export interface StandingOptions {
  readonly gate: Gate;
  readonly peers: Peers;
  readonly notices: Notices;
  readonly intake: Intake;
}

export class Standing {
  readonly #options: StandingOptions;
  #wasSilenced = false;
  #wasPaused = false;
  #restriction: Restriction | undefined;

  constructor(options: StandingOptions) {
    this.#options = options;
  }

  /** Called when an order came, and regularly, since a restriction may end by itself. */
  look(): void {
    const { gate, peers, intake } = this.#options;
    this.#tell(gate.ownRestriction);
    peers.links.closeRefused();
    if (this.#wasSilenced && !gate.isSilenced) peers.onSession();
    this.#wasSilenced = gate.isSilenced;
    if (this.#wasPaused && !gate.isPaused) intake.lanes.goOn();
    this.#wasPaused = gate.isPaused;
  }

  /** Whether `look` has to be called when nothing came. */
  get mayChangeByItself(): boolean {
    return this.#wasSilenced;
  }

  #tell(restriction: Restriction | undefined): void {
    if (restriction?.kind === this.#restriction?.kind && restriction?.at === this.#restriction?.at) return;
    this.#restriction = restriction;
    const { notices } = this.#options;
    notices.log("warn", "restricted", { kind: restriction?.kind ?? "none" });
    notices.emit({ type: "restricted", restriction });
  }
}
